"""Vectorised pose algebra against MuJoCo's functions for one frame."""

from __future__ import annotations

import mujoco
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from uhc.humanoid.model import Humanoid
from uhc.humanoid.poses import (
    qpos_difference,
    qpos_integrate,
    quat_to_rotvec,
    rotvec_to_quat,
    same_hemisphere,
    smooth_qpos,
)

coordinate = st.floats(-3.0, 3.0, allow_nan=False)


def poses(count: int) -> np.ndarray:
    rng = np.random.default_rng(5)
    quats = Rotation.random(count * 17, rng=rng).as_quat(scalar_first=True)
    return np.concatenate([rng.normal(size=(count, 3)), quats.reshape(count, -1)], axis=1)


def test_difference_and_integration_agree_with_mujoco(humanoid: Humanoid) -> None:
    first, second = poses(8)[:4], poses(8)[4:]
    velocity = qpos_difference(first, second, 0.1)
    moved = qpos_integrate(first, velocity, 0.04)
    for frame in range(4):
        expected = np.zeros(humanoid.nv)
        mujoco.mj_differentiatePos(humanoid.model, expected, 0.1, first[frame], second[frame])
        np.testing.assert_allclose(velocity[frame], expected, atol=1e-9)
        goal = first[frame].copy()
        mujoco.mj_integratePos(humanoid.model, goal, velocity[frame], 0.04)
        np.testing.assert_allclose(moved[frame], goal, atol=1e-9)


def test_difference_undoes_integration() -> None:
    start, end = poses(2)
    reached = qpos_integrate(start, qpos_difference(start, end))
    np.testing.assert_allclose(qpos_difference(reached, end), 0.0, atol=1e-9)


@given(st.tuples(coordinate, coordinate, coordinate))
def test_rotation_vectors_agree_with_scipy(rotvec: tuple[float, float, float]) -> None:
    quat = rotvec_to_quat(np.array(rotvec))
    turn = Rotation.from_quat(quat, scalar_first=True)
    expected = Rotation.from_rotvec(rotvec)
    assert (turn * expected.inv()).magnitude() < 1e-7
    shortest = Rotation.from_rotvec(quat_to_rotvec(quat))
    assert (shortest * expected.inv()).magnitude() < 1e-7
    assert np.linalg.norm(quat_to_rotvec(quat)) <= np.pi + 1e-9


def test_signs_agree_in_time_without_changing_rotations() -> None:
    motion = np.repeat(poses(1), 6, axis=0)
    motion[[1, 4], 3:] *= -1.0
    fixed = same_hemisphere(motion)
    np.testing.assert_array_equal(fixed, np.repeat(motion[:1], 6, axis=0))


def test_smoothing_keeps_a_still_pose_and_unit_quaternions() -> None:
    still = np.repeat(poses(1), 10, axis=0)
    np.testing.assert_allclose(smooth_qpos(still, 1.0), still, atol=1e-12)
    shaken = qpos_integrate(still, np.random.default_rng(0).normal(size=(10, 54)) * 0.1)
    quats = smooth_qpos(shaken, 1.0)[:, 3:].reshape(10, -1, 4)
    np.testing.assert_allclose(np.linalg.norm(quats, axis=-1), 1.0, atol=1e-12)
