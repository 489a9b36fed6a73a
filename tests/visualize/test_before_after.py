"""The sample that is shown, and the files it comes from."""

from __future__ import annotations

import shutil
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from body_models.skeleton import DEFAULT_SKELETON
from loop.errors import MissingAssetError
from visualize.before_after import main, most_implausible, newest_generation


@pytest.fixture
def arm(tmp_path: Path) -> Path:
    """Generations 1, 10 and a partial 11; samples float, stand, or were not corrected at all."""
    pose = DEFAULT_SKELETON.rest_joints - [0, DEFAULT_SKELETON.rest_joints[:, 1].min(), 0]
    standing = np.repeat(pose[None], 4, axis=0).astype(np.float32)
    for generation in (1, 10):
        motions = tmp_path / "arm" / f"generation_{generation}" / "synthetic_motions"
        motions.mkdir(parents=True)
        for name, lift in (("high", 0.3), ("good", 0.0), ("lost", 2.0)):
            raised = standing + np.float32(lift) * np.array([0, 1, 0], np.float32)
            np.save(motions / f"{name}-sampled.npy", raised)
            if name != "lost":
                np.save(motions / f"{name}-sampled_and_imitated.npy", standing)
    shutil.copytree(tmp_path / "arm" / "generation_1", tmp_path / "arm" / "generation_11.partial")
    return tmp_path / "arm"


def test_the_newest_finished_generation_and_the_worst_corrected_sample(arm: Path) -> None:
    assert newest_generation(arm) == arm / "generation_10"
    assert most_implausible(arm / "generation_10" / "synthetic_motions") == "high"


def test_video_lands_among_the_graphs(arm: Path) -> None:
    main(arm)
    assert iio.imread(arm.parent / "graphs" / "before_after.mp4").shape == (4, 548, 964, 3)


def test_arms_without_correction_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingAssetError, match="no corrected sample"):
        newest_generation(tmp_path)
    with pytest.raises(MissingAssetError, match="no corrected sample"):
        most_implausible(tmp_path)
