"""The sample that is shown, and the files it comes from."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from body_models.skeleton import DEFAULT_SKELETON
from domains.motion.files import CORRECTED, FOLDER, SAMPLED
from loop.errors import MissingAssetError
from tests.runs import begin_generation, finish_generation
from visualize.before_after import corrected_samples, implausibility, main


@pytest.fixture
def arm(tmp_path: Path) -> Path:
    """Generations 1, 10 and a partial 11; samples float, stand, or were not corrected at all."""
    pose = DEFAULT_SKELETON.rest_joints - [0, DEFAULT_SKELETON.rest_joints[:, 1].min(), 0]
    standing = np.repeat(pose[None], 4, axis=0).astype(np.float32)

    def write(folder: Path) -> None:
        motions = folder / FOLDER
        motions.mkdir()
        for name, lift in (("high", 0.3), ("good", 0.0), ("lost", 2.0)):
            raised = standing + np.float32(lift) * np.array([0, 1, 0], np.float32)
            np.save(motions / f"{name}{SAMPLED}", raised)
            if name != "lost":
                np.save(motions / f"{name}{CORRECTED}", standing)

    for generation in (1, 10):
        finish_generation(tmp_path / "arm", generation, {}, save=write)
    begin_generation(tmp_path / "arm", 11, "synthesise")
    return tmp_path / "arm"


def test_the_newest_finished_generation_and_the_worst_corrected_sample(arm: Path) -> None:
    folder, clips = corrected_samples(arm)
    assert folder == arm / "generation_10"
    assert [clip.id for clip in clips] == ["good", "high"]
    assert max(clips, key=implausibility).id == "high"


def test_video_lands_among_the_graphs(arm: Path) -> None:
    main(arm)
    assert iio.imread(arm.parent / "graphs" / "before_after.mp4").shape == (4, 548, 964, 3)


def test_arms_without_correction_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingAssetError, match="no corrected sample"):
        corrected_samples(tmp_path)
