from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from domains.motion.arm import MODEL_SETTINGS
from domains.motion.presets import CORRECTED, FAITHFUL, preset_named
from loop.errors import RunStateError
from loop.presets import with_changes
from loop.rundir.generation_0 import check_compatible


def settings(protocol=CORRECTED, weights: str = "minilm", **changes) -> dict:
    preset = with_changes(preset_named("demo"), **changes)
    return {
        "preset": dataclasses.asdict(preset),
        "protocol": dataclasses.asdict(protocol),
        "text_encoder": {"weights": weights},
    }


def check_start(generation_0: Path, ours: dict) -> None:
    check_compatible(generation_0, ours, MODEL_SETTINGS)


@pytest.fixture
def generation_0(tmp_path: Path) -> Path:
    (tmp_path / "args.json").write_text(json.dumps(settings()))
    return tmp_path / "generation_0"


def test_what_does_not_change_the_model_may_differ(generation_0: Path) -> None:
    check_start(generation_0, settings(learning_rate=1e-5, steps_per_generation=7))


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (settings(FAITHFUL), "mask_padding"),
        (settings(dataclasses.replace(CORRECTED, guidance=2.5)), "guidance"),  # measured so
        (settings(layers=1), "layers"),
        (settings(noise_schedule="linear"), "noise_schedule"),
        (settings(weights="clip"), "weights"),
    ],
)
def test_another_model_is_refused(generation_0: Path, other: dict, named: str) -> None:
    with pytest.raises(RunStateError, match=named):
        check_start(generation_0, other)


def test_weights_without_their_run_and_older_runs_are_taken(generation_0: Path) -> None:
    path = generation_0.parent / "args.json"
    stored = json.loads(path.read_text())
    del stored["text_encoder"], stored["preset"]["noise_schedule"]
    path.write_text(json.dumps(stored))
    check_start(generation_0, settings())
    path.unlink()
    check_start(generation_0, settings(FAITHFUL))
