"""Levelling: a tilted floor is found from resting feet, a level one stays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from loop.errors import InvalidMotionError
from translation.bvh import read_bvh
from translation.daz import daz_joints
from translation.floor import level_floor
from translation.resample import resample_joints


def make_walk(steps: int = 9, stride: float = 0.5) -> np.ndarray:
    """Toes that rest half a second in turn and swing 0.2 m high, on a level floor at y = 0."""
    frames = np.arange(steps * 10)
    joints = np.zeros((len(frames), 22, 3))
    joints[:, :, 1] = np.linspace(0.2, 1.7, 22)
    joints[:, :, 2] = (frames / 10 * stride)[:, None]
    for foot, toe in enumerate((10, 11)):
        phase = (frames / 10 + foot) % 2
        swing = np.clip(phase - 1, 0, 1)
        start = (frames / 10 + foot) // 2 * 2 * stride
        joints[:, toe, 2] = start + swing * 2 * stride
        joints[:, toe, 1] = 0.2 * np.sin(np.pi * swing)
        joints[:, toe, 0] = 0.1 - 0.2 * foot
    return joints


@pytest.mark.parametrize("slope", [0.0, 0.02, -0.03])
def test_a_slope_along_the_walk_is_levelled(slope: float) -> None:
    walk = make_walk()
    tilted = Rotation.from_euler("x", -np.arctan(slope)).apply(walk.reshape(-1, 3))
    tilted = tilted.reshape(walk.shape) + np.array([0, 0.3, 0])
    toes = tilted[:, [10, 11], 1].min(axis=1)
    assert np.ptp(toes) >= 3 * abs(slope)  # the walk is 4.5 m long
    levelled = level_floor(tilted, 20)
    toes = levelled[:, [10, 11], 1].min(axis=1)
    np.testing.assert_allclose(toes, walk[:, [10, 11], 1].min(axis=1), atol=0.012)


def test_levelling_is_rigid() -> None:
    walk = make_walk()
    moved = level_floor(walk + np.array([3.0, 0.2, -1.0]), 20).astype(float)
    distance = np.linalg.norm(walk[:, None, :, :] - walk[:, :, None, :], axis=-1)
    found = np.linalg.norm(moved[:, None, :, :] - moved[:, :, None, :], axis=-1)
    np.testing.assert_allclose(found, distance, atol=1e-5)


def test_standing_on_one_spot_says_nothing_about_slope() -> None:
    standing = np.repeat(make_walk(1)[:1], 40, axis=0)
    standing[:, 10, 1] = 0.03  # one toe a little higher: no reason to tilt the world
    levelled = level_floor(standing, 20)
    upright = levelled[0, 21] - levelled[0, 0]
    tilt = np.degrees(np.arccos(upright[1] / np.linalg.norm(upright)))
    assert tilt < 0.5
    assert levelled[:, [10, 11], 1].min() == pytest.approx(0, abs=2e-3)


def test_a_raised_foot_is_no_floor() -> None:
    standing = np.repeat(make_walk(1)[:1], 60, axis=0)
    standing[20:, 11] += [0.0, 0.5, 0.6]  # held up for most of the take
    assert level_floor(standing, 20)[:, 10, 1] == pytest.approx(0, abs=0.02)


def test_the_tilted_cmu_floor(shared: Path) -> None:
    """Subject 7 walks uphill by 2 cm a metre in the file, level afterwards."""
    bvh = read_bvh(shared / "data/cmu_bvh/07_05.bvh.gz")
    joints = resample_joints(daz_joints(bvh), bvh.fps, 20)
    for take, limit in ((joints, None), (level_floor(joints, 20), 0.012)):
        lowest = take[:, [10, 11], 1].min(axis=1)
        thirds = [np.quantile(part, 0.2) for part in np.array_split(lowest, 3)]
        if limit is None:
            assert max(thirds) - min(thirds) > 0.03
        else:
            assert max(thirds) - min(thirds) < limit


def test_bad_joints() -> None:
    with pytest.raises(InvalidMotionError):
        level_floor(np.zeros((1, 22, 3)), 20)
    with pytest.raises(InvalidMotionError):
        level_floor(np.full((5, 22, 3), np.nan), 20)
