from __future__ import annotations

from pathlib import Path

import pytest

from loop.errors import InvalidOptionError
from train.sweep import Arguments, plan


def arms(preset: str) -> list[str]:
    return [job.name for job in plan(Arguments(Path("data"), Path("runs"), preset))[1]]


def test_arms_bear_the_published_names() -> None:
    small = arms("0064")
    assert len(small) == 9 and "baseline" in small
    for percent in ("025", "050", "075", "100"):
        assert f"synthetic_percent_{percent}_iterative_finetuning" in small
        assert f"synthetic_percent_{percent}_iterative_finetuning_with_correction" in small
    large = arms("2794")
    assert len(large) == 11 and "synthetic_percent_05_iterative_finetuning" in large


def test_every_arm_starts_from_generation_0_and_only_corrected_ones_are_corrected() -> None:
    generation_0, jobs = plan(Arguments(Path("data"), Path("runs"), "demo", seed=7))
    assert "--num_generations" in generation_0.command
    for job in jobs:
        line = list(job.command)
        assert line[line.index("--start_from") + 1] == "runs/generation_0/generation_0"
        assert line[line.index("--seed") + 1] == "7"
        assert ("imitation_output" in line) == job.name.endswith("_with_correction")
        assert ("--synthetic_augmentation_percent" in line) == (job.name != "baseline")


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(InvalidOptionError):
        arms("0065")
