from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from loop.errors import InvalidMotionError, InvalidOptionError
from translation.resample import resample_joints, sample_frames


@pytest.mark.parametrize("frames", [43, 81, 86, 91, 162, 167, 172, 177, 182, 187])
def test_rounding_never_drops_or_adds_a_frame(frames: int) -> None:
    assert len(sample_frames(frames, 20, 20)) == frames
    assert len(sample_frames(frames, 20, 60)) == 3 * (frames - 1) + 1
    assert len(sample_frames(3 * (frames - 1) + 1, 60, 20)) == frames
    assert sample_frames(frames, 1 / 3, 1 / 7).max() <= frames - 1


def test_cubic_motion_is_reproduced_with_its_ends() -> None:
    rng = np.random.default_rng(0)
    coefficients = rng.normal(size=(4, 22, 3))

    def motion(seconds: np.ndarray) -> np.ndarray:
        return np.einsum("kjc,fk->fjc", coefficients, seconds[:, None] ** np.arange(4))

    found = resample_joints(motion(np.arange(31) / 30), 30, 20)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, motion(np.arange(21) / 20), atol=1e-5)


def test_up_and_down_again_gives_the_real_clip_back(shared: Path) -> None:
    joints = np.load(shared / "data/humanml3d_sample/new_joints/012314.npy")
    up = resample_joints(joints, 20, 60)
    np.testing.assert_allclose(up[::3], joints, atol=1e-6)
    np.testing.assert_allclose(resample_joints(up, 60, 20), joints, atol=1e-6)
    np.testing.assert_array_equal(resample_joints(joints, 20, 20), joints)


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_short_motions(frames: int) -> None:
    joints = np.arange(frames)[:, None, None] * np.ones((1, 22, 3))
    found = resample_joints(joints, 10, 20)
    np.testing.assert_allclose(found[:, 0, 0], np.arange(2 * frames - 1) / 2, atol=1e-6)


def test_bad_input_is_refused() -> None:
    joints = np.zeros((5, 22, 3))
    for rates in ((0, 20), (20, -1), (np.nan, 20), (20, np.inf)):
        with pytest.raises(InvalidOptionError, match="frame rates"):
            resample_joints(joints, *rates)
    with pytest.raises(InvalidMotionError, match=r"\(5, 3\)"):
        resample_joints(np.zeros((5, 3)), 20, 30)
    with pytest.raises(InvalidMotionError, match=r"\(2, 5, 22, 3\)"):
        resample_joints(np.zeros((2, 5, 22, 3)), 20, 30)
    joints[2, 0, 0] = np.inf
    with pytest.raises(InvalidMotionError, match="frame 2"):
        resample_joints(joints, 20, 30)
