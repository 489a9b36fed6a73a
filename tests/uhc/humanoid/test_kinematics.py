"""Clip-wise kinematics against MuJoCo, and its derivatives against finite differences."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from loop.errors import InvalidMotionError, InvalidOptionError
from tests.uhc.bodies import moved_by
from uhc.humanoid.kinematics import (
    BodyTree,
    ReferencePose,
    checked_qpos,
    exp_and_right_jacobian,
    forward,
    quat_to_matrix,
)
from uhc.humanoid.model import Humanoid
from uhc.humanoid.poses import qpos_integrate

Array = NDArray[np.float64]


def _motion(humanoid: Humanoid, frames: int = 5, seed: int = 0) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    qpos = np.tile(humanoid.model.qpos0, (frames, 1))
    qpos = qpos_integrate(qpos, 0.6 * rng.normal(size=(frames, humanoid.nv)))
    return qpos, 0.4 * rng.normal(size=(frames, humanoid.nv))


def test_positions_agree_with_mujoco(humanoid: Humanoid) -> None:
    qpos, deviation = _motion(humanoid)
    tree = BodyTree.from_humanoid(humanoid)
    state = forward(tree, ReferencePose.from_qpos(qpos), deviation)
    data = mujoco.MjData(humanoid.model)
    joints = [humanoid.model.site(f"joint_{joint}").id for joint in range(22)]
    sites = [*joints, *humanoid.corner_sites]
    for frame, pose in enumerate(qpos_integrate(qpos, deviation)):
        data.qpos[:] = pose
        mujoco.mj_kinematics(humanoid.model, data)
        mujoco.mj_comPos(humanoid.model, data)
        np.testing.assert_allclose(state.com[frame], data.xipos[1:], atol=1e-12)
        np.testing.assert_allclose(state.points[frame], data.site_xpos[sites], atol=1e-12)
        centre = tree.mass_bw @ state.com[frame]
        np.testing.assert_allclose(centre, data.subtree_com[1], atol=1e-12)


def test_motion_vectors_are_the_derivative_of_points(humanoid: Humanoid) -> None:
    qpos, deviation = _motion(humanoid, frames=2, seed=1)
    tree, step = BodyTree.from_humanoid(humanoid), 1e-6
    reference = ReferencePose.from_qpos(qpos)
    state = forward(tree, reference, deviation)
    moves = moved_by(tree, slice(None))
    for dof in range(humanoid.nv):
        shift = np.zeros(humanoid.nv)
        shift[dof] = step
        up, down = (forward(tree, reference, deviation + s * shift).points for s in (1, -1))
        omega, velocity = np.split(state.motion[:, dof], 2, axis=-1)
        expected = velocity[:, None] + np.cross(omega[:, None], state.points)
        expected *= moves[:, dof][None, :, None]
        np.testing.assert_allclose((up - down) / (2 * step), expected, atol=1e-7)


def test_second_moments_reproduce_the_inertia(humanoid: Humanoid) -> None:
    tree = BodyTree.from_humanoid(humanoid)
    second = tree.second_moment_bw * humanoid.mass
    inertia = np.trace(second, axis1=1, axis2=2)[:, None, None] * np.eye(3) - second
    expected = np.sort(humanoid.model.body_inertia[1:], axis=1)
    np.testing.assert_allclose(np.linalg.eigvalsh(inertia), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("size", [0.0, 1e-9, 1e-4, 9.9e-4, 1.1e-3, 0.5, 3.0])
def test_exponential_and_right_jacobian(size: float) -> None:
    vector = size * np.array([0.6, -0.48, 0.64])
    turn, jacobian = exp_and_right_jacobian(vector)
    np.testing.assert_allclose(turn, Rotation.from_rotvec(vector).as_matrix(), atol=1e-12)
    step = 1e-5
    for axis in range(3):
        shift = np.zeros(3)
        shift[axis] = step
        up, down = (Rotation.from_rotvec(vector + s * shift) for s in (1, -1))
        turned = (Rotation.from_matrix(turn).inv() * up).as_rotvec()
        turned -= (Rotation.from_matrix(turn).inv() * down).as_rotvec()
        np.testing.assert_allclose(jacobian[:, axis], turned / (2 * step), atol=1e-8)


def test_quaternions_of_any_length() -> None:
    quat = np.random.default_rng(2).normal(size=(9, 4))
    expected = Rotation.from_quat(quat, scalar_first=True).as_matrix()
    np.testing.assert_allclose(quat_to_matrix(quat), expected, atol=1e-12)


def test_motions_are_checked(humanoid: Humanoid) -> None:
    qpos, _ = _motion(humanoid)
    with pytest.raises(InvalidMotionError, match="one pose a frame"):
        checked_qpos(humanoid, qpos[:, :-1], 20.0)
    with pytest.raises(InvalidMotionError, match="one pose a frame"):
        checked_qpos(humanoid, qpos[:0], 20.0)
    with pytest.raises(InvalidOptionError, match="positive"):
        checked_qpos(humanoid, qpos, 0.0)
    qpos[2, 7:11] = 0.0
    with pytest.raises(InvalidMotionError, match="no length, first in frame 2"):
        checked_qpos(humanoid, qpos, 20.0)
    qpos[3, 5] = np.inf
    with pytest.raises(InvalidMotionError, match="first in frame 3"):
        checked_qpos(humanoid, qpos, 20.0)
