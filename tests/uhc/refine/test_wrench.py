"""The demanded wrench against Newton's laws, MuJoCo's inverse dynamics and finite differences."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

from uhc.humanoid.kinematics import CONTACTS, BodyTree, ReferencePose, forward
from uhc.humanoid.model import Humanoid
from uhc.humanoid.poses import qpos_difference, qpos_integrate
from uhc.refine.wrench import GRAVITY, demand_jacobian, demanded_wrench

Array = NDArray[np.float64]


def _swinging(humanoid: Humanoid, times: Array, seed: int = 0) -> Array:
    """A smooth motion of all coordinates, sampled at `times` (F,)."""
    rng = np.random.default_rng(seed)
    size, phase = 0.3 * rng.normal(size=(2, humanoid.nv))
    start = np.tile(humanoid.model.qpos0, (len(times), 1))
    return qpos_integrate(start, size * np.sin(4.0 * times[:, None] + 9.0 * phase))


def _demand(humanoid: Humanoid, qpos: Array, dt: float) -> Array:
    tree = BodyTree.from_humanoid(humanoid)
    still = np.zeros((len(qpos), humanoid.nv))
    return demanded_wrench(tree, forward(tree, ReferencePose.from_qpos(qpos), still), dt).wrench


def test_agrees_with_inverse_dynamics(humanoid: Humanoid) -> None:
    dt = 1e-3
    qpos = _swinging(humanoid, 0.2 + dt * np.arange(3))
    found = _demand(humanoid, qpos, dt)[0]
    model, data = humanoid.model, mujoco.MjData(humanoid.model)
    data.qpos[:] = qpos[1]
    ahead, behind = qpos_difference(qpos[1], qpos[2], dt), -qpos_difference(qpos[1], qpos[0], dt)
    data.qvel[:] = 0.5 * (ahead + behind)
    data.qacc[:] = (ahead - behind) / dt
    mujoco.mj_forward(model, mujoco.MjData(model))  # warm
    mujoco.mj_kinematics(model, data)
    mujoco.mj_comPos(model, data)
    mujoco.mj_comVel(model, data)
    bias = np.zeros(model.nv)
    mujoco.mj_rne(model, data, 1, bias)
    root = data.xmat[1].reshape(3, 3)
    force = bias[:3] / humanoid.body_weight
    arm = data.xpos[1] - data.subtree_com[1]
    torque = root @ bias[3:6] / humanoid.body_weight + np.cross(arm, force)
    np.testing.assert_allclose(found, np.concatenate([force, torque]), atol=2e-4)
    assert np.abs(found[3:]).max() > 0.02


def test_a_pose_at_rest_demands_its_weight(humanoid: Humanoid) -> None:
    found = _demand(humanoid, np.tile(humanoid.model.qpos0, (4, 1)), 0.05)
    np.testing.assert_allclose(found, np.tile([0, 0, 1.0, 0, 0, 0], (2, 1)), atol=1e-12)


def test_a_spinning_flight_demands_nothing(humanoid: Humanoid) -> None:
    dt, frames = 0.05, 9
    time = dt * np.arange(frames)
    tree = BodyTree.from_humanoid(humanoid)
    pose = np.tile(humanoid.model.qpos0, (frames, 1))
    pose[:, 2] = 0.0
    state = forward(tree, ReferencePose.from_qpos(pose[:1]), np.zeros((1, humanoid.nv)))
    centre = tree.mass_bw @ state.com[0]
    # A free body turns evenly about a principal axis through its centre of mass.
    arms = state.com[0] - centre
    second = tree.second_moment_bw.sum(0) + np.einsum("b,bi,bj->ij", tree.mass_bw, arms, arms)
    axis = np.linalg.eigh(second)[1][:, 0]
    deviation = np.zeros((frames, humanoid.nv))
    deviation[:, 3:6] = 4.0 * time[:, None] * axis
    turned = forward(tree, ReferencePose.from_qpos(pose), deviation)
    path = np.stack([1.5 * time, 0 * time, 2.0 * time - 0.5 * GRAVITY * time**2], -1)
    deviation[:, :3] = path - np.einsum("b,fbi->fi", tree.mass_bw, turned.com)
    flight = forward(tree, ReferencePose.from_qpos(pose), deviation)
    np.testing.assert_allclose(demanded_wrench(tree, flight, dt).wrench, 0, atol=1e-10)


def test_jacobian_agrees_with_finite_differences(humanoid: Humanoid) -> None:
    dt, frames, step = 0.05, 5, 1e-6
    rng = np.random.default_rng(1)
    tree = BodyTree.from_humanoid(humanoid)
    reference = ReferencePose.from_qpos(_swinging(humanoid, dt * np.arange(frames)))
    deviation = 0.2 * rng.normal(size=(frames, humanoid.nv))
    forces = rng.normal(size=(frames - 2, 8, 3))

    def missing(at: Array) -> Array:
        state = forward(tree, reference, at)
        demand = demanded_wrench(tree, state, dt)
        arms = state.points[1:-1, CONTACTS] - demand.centre[:, None]
        return demand.wrench - np.concatenate([forces.sum(1), np.cross(arms, forces).sum(1)], -1)

    state = forward(tree, reference, deviation)
    demand = demanded_wrench(tree, state, dt)
    jacobians = demand_jacobian(tree, state, demand, dt, forces, CONTACTS)
    for dof in range(humanoid.nv):
        for frame in range(frames):
            shift = np.zeros_like(deviation)
            shift[frame, dof] = step
            change = (missing(deviation + shift) - missing(deviation - shift)) / (2 * step)
            for row in range(frames - 2):
                side = frame - row  # 0 before, 1 the frame itself, 2 after
                expected = jacobians[side][row, :, dof] if 0 <= side <= 2 else np.zeros(6)
                np.testing.assert_allclose(change[row], expected, atol=3e-7)
