"""CMU takes on 22 joints: measures and directions of a human body."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from body_models.skeleton import PARENTS
from loop.errors import InvalidMotionError
from translation.bvh import Bvh, read_bvh
from translation.cmu import check_speed
from translation.daz import daz_joints
from translation.humanml import face_forward


@pytest.fixture(scope="module")
def walk(shared: Path) -> Bvh:
    return read_bvh(shared / "data/cmu_bvh/07_01.bvh.gz")


def test_walking_body(walk: Bvh) -> None:
    joints = face_forward(daz_joints(walk))
    assert joints.shape == (317 - 9, 22, 3)
    lengths = np.linalg.norm(joints[:, 1:] - joints[:, PARENTS[1:]], axis=-1)
    assert np.ptp(lengths, axis=0).max() < 1e-9
    assert lengths.min() > 0.03
    np.testing.assert_allclose(lengths[:, [3, 6]].sum(axis=1), 0.83, atol=0.03)  # left leg
    height = np.median(joints[:, 15, 1] - joints[:, [10, 11], 1].min(axis=1))
    assert 1.3 < height < 1.6  # base of the skull
    step = joints[-1, 0] - joints[0, 0]
    assert step[2] > 2.5 and abs(step[0]) < 0.3  # walks ahead
    assert (joints[0, [1, 4, 7, 13, 16], 0] > joints[0, [2, 5, 8, 14, 17], 0]).all()
    ahead = joints[:, [10, 11], 2] - joints[:, [7, 8], 2]
    assert np.median(ahead) > 0.05  # toes point ahead


def test_knees_bend_backwards(walk: Bvh) -> None:
    joints = face_forward(daz_joints(walk))
    for hip, knee, ankle in ((1, 4, 7), (2, 5, 8)):
        thigh, shin = joints[:, knee] - joints[:, hip], joints[:, ankle] - joints[:, knee]
        bend = np.cross(thigh, shin)[:, 0]  # about +x, the left: positive bends backwards
        straight = np.linalg.norm(thigh, axis=-1) * np.linalg.norm(shin, axis=-1)
        assert (bend / straight).min() > -0.1
        assert (bend / straight).max() > 0.5


def test_the_rest_pose_and_its_echo_are_gone(walk: Bvh) -> None:
    joints = daz_joints(walk)
    speed = np.linalg.norm(np.diff(joints, axis=0), axis=-1).max(axis=1) * walk.fps
    assert speed[:5].max() < np.quantile(speed, 0.95)
    raw = np.linalg.norm(np.diff(walk.positions(["rHand"]), axis=0), axis=-1)[:, 0]
    assert raw[0] > 5 * np.median(raw)  # what the test would see if it stayed


@pytest.mark.parametrize("unit", [0.01, 1.0])
def test_units_are_found(walk: Bvh, unit: float) -> None:
    values = walk.values.copy()
    values[:, :3] *= unit
    scaled = replace(walk, offsets=walk.offsets * unit, values=values)
    np.testing.assert_allclose(daz_joints(scaled), daz_joints(walk), atol=1e-9)


def test_broken_takes(walk: Bvh) -> None:
    jump = walk.values.copy()
    jump[100, 0] += 100
    with pytest.raises(InvalidMotionError, match="jumps"):
        check_speed(daz_joints(replace(walk, values=jump)), walk.fps)
    check_speed(daz_joints(walk), walk.fps)
    with pytest.raises(InvalidMotionError, match="rest pose"):
        daz_joints(replace(walk, values=walk.values[:10]))
    with pytest.raises(InvalidMotionError, match="lacks a joint"):
        daz_joints(replace(walk, names=tuple(name.upper() for name in walk.names)))
