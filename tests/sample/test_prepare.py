"""Gathering checkpoints: the newest of each arm, and no crash where an arm lacks generations."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from domains.motion.experiments import Experiment, experiment_named
from loop.errors import InvalidOptionError, MissingAssetError
from loop.rundir.layout import ARGUMENTS
from sample.prepare import prepare
from tests.runs import begin_generation, finish_generation


def _write(path: Path, text: str) -> None:
    path.write_text(text)


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    """Baseline at generation 50, an arm at 3, an arm with nothing; three test clips."""
    data, runs = tmp_path / "data", tmp_path / "dataset_demo"
    for name in ("texts", "new_joint_vecs"):
        (data / name).mkdir(parents=True)
    for clip in ("000001", "000002", "000003"):
        (data / "texts" / f"{clip}.txt").write_text(f"text of {clip}")
        (data / "new_joint_vecs" / f"{clip}.npy").write_bytes(clip.encode())
    (data / "train.txt").write_text("000001\n")
    (data / "test.txt").write_text("000001\n000002\n000003\n")
    for arm, generations in (
        ("baseline", (0, 50)),
        ("synthetic_percent_100_iterative_finetuning", (0, 3)),
    ):
        for generation in generations:
            text = f"{arm} {generation}"
            finish_generation(
                runs / arm,
                generation,
                {},
                {"preset": {}},
                lambda folder, text=text: _write(folder / "model000000009.pt", text),
            )
        begin_generation(runs / arm, 51, settings={"preset": {}})
    return replace(experiment_named("demo"), dataset=data, runs=runs)


def test_newest_models_and_clips_are_gathered(experiment: Experiment, caplog) -> None:
    with caplog.at_level(logging.INFO):
        folder = prepare(experiment, 2)
    assert "generation 3 is its newest, not 5" in caplog.text
    assert "with_correction has no finished generation" in caplog.text
    models = {path.parent.name: path.read_text() for path in folder.glob("checkpoints/*/model.pt")}
    raw = "synthetic_percent_100_iterative_finetuning"
    assert models == {
        "generation_50_baseline": "baseline 50",
        f"generation_3_{raw}": f"{raw} 3",
    }
    assert (folder / "checkpoints" / "generation_50_baseline" / ARGUMENTS).is_file()
    texts = sorted(path.stem for path in (folder / "texts").iterdir())
    assert len(texts) == 2
    assert sorted(path.stem for path in (folder / "motions_gt").iterdir()) == texts


def test_clips_depend_on_the_seed_and_cannot_be_more_than_there_are(experiment) -> None:
    with pytest.raises(InvalidOptionError, match="not as many clips"):
        prepare(experiment, 4)
    with pytest.raises(MissingAssetError, match="no arm has"):
        prepare(replace(experiment, runs=experiment.runs / "none"), 1)
