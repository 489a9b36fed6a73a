"""The published command, as typed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from body_models.skeleton import DEFAULT_SKELETON
from loop.errors import MissingAssetError
from visualize.video.colours import ARM_COLOURS, colour_of_arm
from visualize.visualizer import gather


def test_the_command_films_a_folder_of_motions(repository: Path, tmp_path: Path) -> None:
    arm = tmp_path / "synthetic_percent_100_iterative_finetuning_with_correction"
    arm.mkdir()
    for name in ("a", "b"):
        np.save(arm / f"{name}.npy", np.repeat(DEFAULT_SKELETON.rest_joints[None], 3, axis=0))
    command = [
        sys.executable,
        "visualize/visualizer.py",
        str(arm),
        "--out",
        str(tmp_path / "f.gif"),
    ]
    run = subprocess.run(
        [*command, "--size", "64", "--view", "b"], cwd=repository, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    film = iio.imread(tmp_path / "f.gif")
    assert len(film) == 3 and film.shape[2] == 2 * 68 - 4
    clips = gather((arm,), "by_path")
    assert [clip.title for clip in clips] == ["a", "b"]
    assert all(clip.colour == ARM_COLOURS["corrected"] for clip in clips)


def test_colours_are_the_published_ones_by_arm(tmp_path: Path) -> None:
    assert colour_of_arm("baseline") == ARM_COLOURS["baseline"]
    assert colour_of_arm("synthetic_percent_025_iterative_finetuning") == ARM_COLOURS["finetune"]
    assert colour_of_arm("anything") == ARM_COLOURS["real"]
    with pytest.raises(MissingAssetError, match="no motions here"):
        gather((tmp_path,), "real")
