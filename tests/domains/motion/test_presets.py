"""The published numbers, typed in a second time from the protocol's table."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from domains.motion.presets import CORRECTED, FAITHFUL, PRESETS, preset_named
from loop.errors import InvalidOptionError
from loop.presets import with_changes

SMALL = (0.25, 0.5, 0.75, 1.0)


@pytest.mark.parametrize(
    ("size", "generation_0", "per_generation", "ratios"),
    [
        ("0064", 5000, 1000, SMALL),
        ("0128", 10000, 1000, SMALL),
        ("0256", 20000, 1000, SMALL),
        ("2794", 200000, 40000, (0.05, 0.1, 0.15, 0.2, 0.25)),
    ],
)
def test_published_rows(size: str, generation_0: int, per_generation: int, ratios: tuple) -> None:
    preset = preset_named(size)
    assert (preset.generation_0_steps, preset.steps_per_generation) == (
        generation_0,
        per_generation,
    )
    assert preset.ratios == ratios
    assert (preset.generations, preset.batch_size, preset.learning_rate) == (50, 64, 1e-4)
    assert (preset.latent_dim, preset.layers, preset.heads, preset.ff_size) == (512, 8, 4, 1024)
    assert (preset.diffusion_steps, preset.max_frames, preset.eval_samples) == (1000, 196, 546)
    assert (preset.dropout, preset.condition_dropout) == (0.1, 0.1)


def test_faithful_keeps_the_published_defects_and_the_default_none_of_them() -> None:
    assert FAITHFUL.guidance == 1.0 and FAITHFUL.playback_rate == 1.5
    assert FAITHFUL.on_failure == "teleport" and FAITHFUL.ema_decay is None
    assert not (FAITHFUL.mask_padding or FAITHFUL.carry_optimizer)
    assert CORRECTED.guidance == 1.0 and CORRECTED.playback_rate == 1.0
    assert CORRECTED.on_failure == "drop" and CORRECTED.mask_padding
    assert not (CORRECTED.repeat_noise or CORRECTED.first_caption_only or CORRECTED.whole_epochs)
    assert FAITHFUL.whole_epochs


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"lr_anneal_steps": -5}, "lr_anneal_steps -5"), ({"generation_0_steps": 0}, "from 1"),
        ({"condition_dropout": 2.0}, "from 0 to 1"), ({"layers": 0}, "layers 0"),
        ({"learning_rate": math.inf}, "learning_rate inf"),
        ({"learning_rate": math.nan, "batch_size": 0}, "batch_size 0, learning_rate nan"),
        ({"weight_decay": -1.0}, "weight_decay"), ({"latent_dim": 0}, "latent_dim 0"),
        ({"latent_dim": 130}, "a multiple of 8"),
    ],
)  # fmt: skip
def test_numbers_that_nothing_can_be_trained_with_are_refused(change: dict, said: str) -> None:
    with pytest.raises(InvalidOptionError, match=said):
        with_changes(preset_named("demo"), **change)
    with pytest.raises(InvalidOptionError, match="guidance nan"):
        replace(CORRECTED, guidance=math.nan)


def test_names_and_changes() -> None:
    assert set(PRESETS) == {"0064", "0128", "0256", "2794", "cmu", "demo", "evidence", "smoke"}
    with pytest.raises(InvalidOptionError, match="0064"):
        preset_named("0065")
    changed = with_changes(preset_named("demo"), batch_size=7, learning_rate=None)
    assert changed.batch_size == 7 and changed.learning_rate == preset_named("demo").learning_rate
