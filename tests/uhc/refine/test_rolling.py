"""Slip of what touches: closed forms of sliding, rolling and spinning; its gradient."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from tests.uhc.bodies import moved_by
from uhc.humanoid.kinematics import CONTACTS, BodyTree, ClipState, ReferencePose, forward
from uhc.humanoid.model import Humanoid
from uhc.humanoid.poses import qpos_integrate
from uhc.refine.rolling import rolling_torque, slip

Array = NDArray[np.float64]
ANGLE = 0.3


def _turned(humanoid: Humanoid, axis: list[float], travel: list[float]) -> tuple[BodyTree, Array]:
    """The slip (C, 2) of a stiff body that is turned about its root, which travels."""
    tree = BodyTree.from_humanoid(humanoid)
    qpos = np.tile(humanoid.model.qpos0, (2, 1))
    qpos[1, :3] += travel
    qpos[1, 3:7] = Rotation.from_rotvec(ANGLE * np.array(axis)).as_quat(scalar_first=True)
    state = forward(tree, ReferencePose.from_qpos(qpos), np.zeros((2, humanoid.nv)))
    return tree, slip(tree, state)[0]


def test_what_slides_slips_as_far_as_it_goes(body_humanoid: Humanoid) -> None:
    _, slid = _turned(body_humanoid, [0.0, 0.0, 0.0], [0.02, -0.01, 0.3])
    np.testing.assert_allclose(slid, np.tile([0.02, -0.01], (19, 1)), atol=1e-12)


def test_a_sphere_that_rolls_does_not_slip(body_humanoid: Humanoid) -> None:
    """The pelvis' sphere is about the root itself: a turn about y carries it along x by r angle."""
    pelvis = list(body_humanoid.sphere_bodies).index(0)
    radius = body_humanoid.sphere_radii[pelvis]
    _, slid = _turned(body_humanoid, [0.0, 1.0, 0.0], [radius * np.sin(ANGLE), 0.0, 0.0])
    np.testing.assert_allclose(slid[8 + pelvis], 0.0, atol=1e-12)
    _, slid = _turned(body_humanoid, [1.0, 0.0, 0.0], [0.0, -radius * np.sin(ANGLE), 0.0])
    np.testing.assert_allclose(slid[8 + pelvis], 0.0, atol=1e-12)
    _, spinning = _turned(body_humanoid, [0.0, 1.0, 0.0], [0.0, 0.0, 0.0])
    np.testing.assert_allclose(spinning[8 + pelvis], [-radius * np.sin(ANGLE), 0.0], atol=1e-12)


def test_a_sphere_that_turns_on_the_spot_does_not_slip(body_humanoid: Humanoid) -> None:
    pelvis = list(body_humanoid.sphere_bodies).index(0)
    _, slid = _turned(body_humanoid, [0.0, 0.0, 1.0], [0.0, 0.0, 0.0])
    np.testing.assert_allclose(slid[8 + pelvis], 0.0, atol=1e-12)
    assert np.abs(slid[:8]).max() > 0.01  # the feet go around


def test_in_the_limit_it_is_the_velocity_of_the_material_point(body_humanoid: Humanoid) -> None:
    rng = np.random.default_rng(0)
    tree, dt = BodyTree.from_humanoid(body_humanoid), 1e-6
    qpos = qpos_integrate(body_humanoid.model.qpos0[None], rng.normal(size=(1, body_humanoid.nv)))
    move = dt * rng.normal(size=(2, body_humanoid.nv)) * [[0.0], [1.0]]
    state = forward(tree, ReferencePose.from_qpos(np.repeat(qpos, 2, 0)), move)
    twist = _twist(tree, state, move[1])
    lowest = state.points[0, CONTACTS]
    velocity = twist[:, 3:] + np.cross(twist[:, :3], lowest)
    np.testing.assert_allclose(slip(tree, state)[0] / dt, velocity[:, :2] / dt, atol=1e-4)


def test_gradient(body_humanoid: Humanoid) -> None:
    """Of any weighted sum of slips, at angles of half a radian a frame."""
    rng = np.random.default_rng(1)
    tree = BodyTree.from_humanoid(body_humanoid)
    qpos = qpos_integrate(
        np.tile(body_humanoid.model.qpos0, (3, 1)), 0.5 * rng.normal(size=(3, body_humanoid.nv))
    )
    reference, at = ReferencePose.from_qpos(qpos), 0.1 * rng.normal(size=(3, body_humanoid.nv))
    force = rng.normal(size=(2, 19, 2))
    state = forward(tree, reference, at)
    push = np.zeros((3, 19, 3))
    push[1:, :, :2] += force
    push[:-1, :, :2] -= force
    torque = np.cross(state.points[:, CONTACTS], push)
    torque[:, 8:] += rolling_torque(tree, state, force)
    felt = state.motion @ np.concatenate([torque, push], -1).swapaxes(1, 2)  # (3, nv, C)
    found = (felt * moved_by(tree, CONTACTS).T).sum(-1)
    for _ in range(10):
        along, step = rng.normal(size=at.shape), 1e-6
        up, down = (
            float((force * slip(tree, forward(tree, reference, at + s * along))).sum())
            for s in (step, -step)
        )
        assert (up - down) / (2 * step) == pytest.approx(float((found * along).sum()), rel=1e-6)


def _twist(tree: BodyTree, state: ClipState, move: Array) -> Array:
    """(C, 6) motion vectors of the contacts' bodies for a small move (nv,)."""
    moves = moved_by(tree, CONTACTS)
    return (moves * move) @ state.motion[0]
