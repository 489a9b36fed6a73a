"""The published commands start as typed, and say in words what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import typed


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("exp_scripts/prep_for_visualization.py no_such_demo 2", "data set of this experiment"),
        ("exp_scripts/download_weights.py https://example.invalid/x.zip", "needs a checksum"),
        ("sample/checkpoint_visual_sampler.py exp_outputs/none/visualization 2", "no prepared"),
        ("sample/generate.py --text_prompt walk --model_path none", "no such model"),
    ],
)
def test_commands_run_from_the_root_and_fail_in_words(repository: Path, line, words) -> None:
    run = typed(repository, *line.split())
    assert run.returncode == 1 and words in run.stderr and "Traceback" not in run.stderr
