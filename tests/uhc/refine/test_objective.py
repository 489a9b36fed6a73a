"""Every term of the refinement's objective: gradients against finite differences, one at a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from uhc.humanoid.kinematics import CONTACTS, BodyTree, ReferencePose, forward
from uhc.humanoid.model import Humanoid
from uhc.humanoid.poses import qpos_integrate
from uhc.refine.objective import Evaluation, Objective, Weights

Array = NDArray[np.float64]
FRAMES, DT = 5, 0.05
OFF = Weights(wrench=0.0, penetration=0.0, clearance=0.0, smoothness=0.0, pull=0.0)


def _near_floor(humanoid: Humanoid) -> tuple[Array, Array]:
    """A moving body whose soles lie within centimetres of the floor, on both sides of it."""
    rng = np.random.default_rng(0)
    time = DT * np.arange(FRAMES)[:, None]
    wave = 0.03 * np.sin(6 * time + rng.normal(size=humanoid.nv))
    qpos = qpos_integrate(np.tile(humanoid.model.qpos0, (FRAMES, 1)), wave)
    deviation = 0.005 * rng.normal(size=(FRAMES, humanoid.nv))
    tree = BodyTree.from_humanoid(humanoid)
    soles = forward(tree, ReferencePose.from_qpos(qpos), deviation).points[:, CONTACTS, 2]
    qpos[:, 2] -= np.median(soles) - 0.002
    return qpos, deviation


@pytest.mark.parametrize(
    "weights",
    [
        OFF,
        replace(OFF, penetration=500.0),
        replace(OFF, clearance=100.0),
        replace(OFF, smoothness=1e-4),
        replace(OFF, pull=0.3),
        replace(OFF, wrench=1.0, slip=0.0, height=0.0, effort_height=1e3, effort_speed=1e3),
        replace(OFF, wrench=1.0, slip=0.0, height=0.0),
        replace(OFF, wrench=1.0, slip=3.0, height=0.0),
        replace(OFF, wrench=1.0, slip=0.0, height=100.0),
        Weights(smoothness=1e-4),
    ],
    ids=["joints", "penetration", "clearance", "smoothness", "pull", "wrench", "effort", "slip",
         "height", "all"],
)  # fmt: skip
def test_gradient(humanoid: Humanoid, weights: Weights) -> None:
    qpos, deviation = _near_floor(humanoid)
    objective = Objective(BodyTree.from_humanoid(humanoid), qpos, DT, weights)
    rng = np.random.default_rng(1)
    idle = rng.uniform(0, 1, (FRAMES, 8))
    at = objective.evaluate(deviation, idle)
    _check_gradient(objective, at, rng)


def test_gradient_where_forces_are_asked_of_other_poses_and_feet_may_creep(
    humanoid: Humanoid,
) -> None:
    qpos, deviation = _near_floor(humanoid)
    rng = np.random.default_rng(3)
    steady = qpos_integrate(qpos, 0.01 * rng.normal(size=deviation.shape))
    tree = BodyTree.from_humanoid(humanoid)
    slipped = Objective(tree, qpos, DT, Weights(), steady).evaluate(deviation).slip
    creep = float(np.median(np.linalg.norm(slipped, axis=-1))) / DT
    objective = Objective(tree, qpos, DT, Weights(creep=creep), steady)
    at = objective.evaluate(deviation, rng.uniform(0, 1, (FRAMES, 8)))
    creeping = ~at.slip.any(axis=-1)
    assert creeping.any() and not creeping.all()
    _check_gradient(objective, at, rng)


def test_gradient_of_a_body_that_rolls_over_the_floor(body_humanoid: Humanoid) -> None:
    """All terms together, with load on spheres that slide and turn a fifth of a radian a frame."""
    rng = np.random.default_rng(4)
    time = DT * np.arange(FRAMES)[:, None]
    wave = 0.1 * np.sin(6 * time + rng.normal(size=body_humanoid.nv))
    wave[:, 3] -= 0.5 * np.pi  # on the back
    wave[:, 4] += 4.0 * time[:, 0]
    qpos = qpos_integrate(np.tile(body_humanoid.model.qpos0, (FRAMES, 1)), wave)
    deviation = 0.005 * rng.normal(size=(FRAMES, body_humanoid.nv))
    tree = BodyTree.from_humanoid(body_humanoid)
    points = forward(tree, ReferencePose.from_qpos(qpos), deviation).points[:, CONTACTS, 2]
    qpos[:, 2] -= np.sort(points, axis=1)[:, 5] - 0.002
    objective = Objective(tree, qpos, DT, Weights(smoothness=1e-4, effort_speed=2.0))
    at = objective.evaluate(deviation, rng.uniform(0, 1, (FRAMES, 19)))
    assert (at.contact.load[:, 8:] > 0.01).any(axis=1).all()
    _check_gradient(objective, at, rng)


def _check_gradient(objective: Objective, at: Evaluation, rng: np.random.Generator) -> None:
    deviation, idle = at.deviation, at.idle
    gradient, _ = objective.linearise(at)
    assert np.abs(gradient).max() > 1e-4
    step = 1e-6
    along = rng.normal(size=(60, *deviation.shape)) * (rng.random((60, FRAMES, 1)) < 0.5)
    for direction in along:
        up, down = (objective.evaluate(deviation + s * direction, idle).cost for s in (step, -step))
        expected = float((gradient * direction).sum())
        scale = 1e-6 * np.abs(gradient).max() + 1e-7
        assert (up - down) / (2 * step) == pytest.approx(expected, rel=2e-5, abs=20 * scale)


@pytest.mark.parametrize(
    "weights",
    [
        replace(OFF, smoothness=1e-4, pull=0.3),
        replace(OFF, penetration=500.0, clearance=100.0),
        replace(OFF, wrench=1.0, slip=0.0, height=0.0, effort_height=1e3, effort_speed=1e3),
    ],
    ids=["quadratic", "floor", "wrench"],
)
def test_the_matrix_is_the_curvature_up_to_residuals(humanoid: Humanoid, weights: Weights) -> None:
    """Gauss-Newton drops second derivatives of points, times residuals, which are small here."""
    qpos, deviation = _near_floor(humanoid)
    qpos[:] = qpos[:1]
    deviation = 0.02 * deviation
    objective = Objective(BodyTree.from_humanoid(humanoid), qpos, DT, weights)
    at = objective.evaluate(deviation)
    gradient, blocks = objective.linearise(at)
    dense = _dense(blocks)
    assert np.linalg.eigvalsh(dense)[0] >= -1e-9 * np.abs(dense).max()
    direction = np.random.default_rng(2).normal(size=deviation.shape)
    step = 1e-6
    ahead, _ = objective.linearise(objective.evaluate(deviation + step * direction, at.idle))
    curved = (ahead - gradient).ravel() / step
    expected = dense @ direction.ravel()
    assert np.linalg.norm(curved - expected) < 0.1 * np.linalg.norm(expected)


def test_swing_labels_follow_the_load(
    symmetric_humanoid: Humanoid, standing: NDArray[np.float64]
) -> None:
    qpos = standing[:6].copy()
    objective = Objective(BodyTree.from_humanoid(symmetric_humanoid), qpos, DT, Weights())
    loaded = objective.evaluate(np.zeros(objective.shape))
    assert not loaded.idle.any()
    lifted = np.zeros(objective.shape)
    lifted[:, 2] = 0.5
    airborne = objective.evaluate(lifted)
    assert airborne.idle.min() > 0.9
    again = objective.relabel(replace(airborne, idle=np.zeros_like(airborne.idle)))
    np.testing.assert_array_equal(again.idle, airborne.idle)
    assert again.cost >= airborne.cost - 1e-9


def _dense(blocks) -> Array:
    frames, size = blocks.diagonal.shape[:2]
    dense = np.zeros((frames, size, frames, size))
    for frame in range(frames):
        lower = np.tril(blocks.diagonal[frame])
        dense[frame, :, frame] = lower + np.tril(lower, -1).T
        for distance, band in ((1, blocks.first), (2, blocks.second)):
            if frame + distance < frames:
                dense[frame + distance, :, frame] = band[frame]
                dense[frame, :, frame + distance] = band[frame].T
    return dense.reshape(frames * size, frames * size)
