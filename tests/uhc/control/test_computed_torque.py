"""The compiled controller: its contact problem against scipy, its algebra, its limits."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.spatial.transform import Rotation

from uhc.control.computed_torque import (
    EFFORT,
    LEG_BODIES,
    Gains,
    computed_torque,
    contact_forces,
    desired_acceleration,
    rotate_vector,
    rotation_error,
    yields,
)
from uhc.humanoid.model import Humanoid


def test_contact_forces_are_scipys() -> None:
    """min |b - A f|^2 + e |f|^2 is plain NNLS with sqrt(e) I appended."""
    rng = np.random.default_rng(0)
    for count in (0, 4, 16, 32):
        columns, demand = rng.normal(size=(6, count)), rng.normal(size=6)
        forces, _ = contact_forces(demand, columns, EFFORT, np.zeros(6))
        if count == 0:
            assert forces.shape == (0,)
            continue
        stacked = np.concatenate([columns, np.sqrt(EFFORT) * np.eye(count)])
        expected, _ = nnls(stacked, np.concatenate([demand, np.zeros(count)]))
        np.testing.assert_allclose(forces, expected, atol=1e-6)


def test_a_warm_start_changes_nothing() -> None:
    rng = np.random.default_rng(1)
    columns, demand = rng.normal(size=(6, 16)), rng.normal(size=6)
    cold, _ = contact_forces(demand, columns, EFFORT, np.zeros(6))
    warm, _ = contact_forces(demand, columns, EFFORT, rng.normal(size=6))
    np.testing.assert_allclose(warm, cold, atol=1e-6)


def test_rotations_agree_with_scipy() -> None:
    first, second = Rotation.random(2, rng=np.random.default_rng(2))
    error = rotation_error(first.as_quat(scalar_first=True), second.as_quat(scalar_first=True))
    np.testing.assert_allclose(error, (first.inv() * second).as_rotvec(), atol=1e-12)
    vector = np.array([0.3, -1.0, 2.0])
    np.testing.assert_allclose(
        rotate_vector(error, vector), Rotation.from_rotvec(error).apply(vector), atol=1e-12
    )


def test_on_the_reference_the_reference_acceleration_is_wanted(humanoid: Humanoid) -> None:
    rng = np.random.default_rng(3)
    quats = Rotation.random(17, rng=rng).as_quat(scalar_first=True)
    qpos = np.concatenate([rng.normal(size=3), quats.ravel()])
    qvel, qacc = rng.normal(size=humanoid.nv), rng.normal(size=humanoid.nv)
    want = desired_acceleration(qpos, qvel, qpos, qvel, qacc, Gains())
    np.testing.assert_allclose(want, qacc, atol=1e-9)


def test_springs_pull_as_stiffly_as_they_say(humanoid: Humanoid) -> None:
    """Away by 1 cm and .01 rad, at rest: accelerations are stiffness times distance."""
    gains, rest = Gains(), np.zeros(humanoid.nv)
    goal = np.concatenate([np.zeros(3), np.tile([1.0, 0.0, 0.0, 0.0], 17)])
    qpos = goal.copy()
    mujoco.mj_integratePos(humanoid.model, qpos, np.full(humanoid.nv, 0.01), 1.0)
    want = desired_acceleration(qpos, rest, goal, rest, rest, gains)
    legs = slice(6, 6 + 3 * LEG_BODIES)
    expected = np.full(humanoid.nv, gains.upper.stiffness)
    expected[:6] = (
        [gains.horizontal.stiffness] * 2
        + [gains.vertical.stiffness]
        + [gains.rotation.stiffness] * 3
    )
    expected[legs] = gains.legs.stiffness
    np.testing.assert_allclose(want, -0.01 * expected, rtol=1e-9)


def state(humanoid: Humanoid, qpos: NDArray[np.float64]) -> tuple[mujoco.MjData, tuple]:
    """MuJoCo's terms for a pose at rest, in the order in which the controller takes them."""
    data = mujoco.MjData(humanoid.model)
    data.qpos[:] = qpos
    mujoco.mj_forward(humanoid.model, data)
    mass = np.zeros((humanoid.nv, humanoid.nv))
    mujoco.mj_fullM(humanoid.model, data, mass)
    terms = (
        mass,
        np.zeros(humanoid.nv),
        data.qfrc_bias,
        data.qfrc_passive,
        data.xpos[1:],
        data.xmat[1:],
        data.site_xpos[humanoid.corner_sites],
        humanoid.corner_bodies,
        humanoid.body_parents,
        humanoid.torque_limits,
        humanoid.body_weight,
    )
    return data, terms


def test_standing_needs_no_help_and_gets_what_it_asked_for(
    symmetric_humanoid: Humanoid, standing: NDArray[np.float64]
) -> None:
    """Applied torques, chosen contact forces and gravity must add up to no acceleration."""
    pose = standing[0].copy()
    pose[2] -= 0.002
    data, terms = state(symmetric_humanoid, pose)
    shares = yields(Gains(), symmetric_humanoid.nv)
    applied, _ = computed_torque(
        np.zeros(symmetric_humanoid.nv), *terms, 1000.0, shares, np.zeros(6)
    )
    weight = symmetric_humanoid.body_weight
    # Regularisation leaves a few per mille of the weight to the help.
    assert np.abs(applied[:3]).max() < 0.01 * weight
    contacts = data.qfrc_bias - data.qfrc_passive - applied  # what J' f has to be at rest
    assert contacts[2] == pytest.approx(weight, rel=0.01)
    np.testing.assert_allclose(contacts[:2], 0.0, atol=0.01 * weight)


def test_in_the_air_all_help_is_clamped(humanoid: Humanoid, standing: NDArray[np.float64]) -> None:
    pose = standing[0].copy()
    pose[2] += 1.0
    _, terms = state(humanoid, pose)
    applied, _ = computed_torque(
        np.zeros(humanoid.nv), *terms, 40.0, yields(Gains(), humanoid.nv), np.zeros(6)
    )
    assert applied[2] == pytest.approx(40.0)
    assert np.abs(applied[:6]).max() <= 40.0 + 1e-9


@pytest.mark.parametrize("share", [0.0, 5.0])
def test_without_help_as_little_as_possible_is_given_up(
    humanoid: Humanoid, standing: NDArray[np.float64], share: float
) -> None:
    """M a + bias = passive + applied; a differs from what was wanted by the least weighted norm."""
    pose = standing[0].copy()
    pose[2] += 1.0
    data, terms = state(humanoid, pose)
    want = np.random.default_rng(4).normal(size=humanoid.nv)
    shares = yields(Gains(upper_yield=share), humanoid.nv)
    applied, _ = computed_torque(want, *terms, 0.0, shares, np.zeros(6))
    np.testing.assert_allclose(applied[:6], 0.0, atol=1e-9)
    acceleration = np.linalg.solve(terms[0], applied + data.qfrc_passive - data.qfrc_bias)
    # In the air the root's rows need M a = passive - bias; x = sqrt(share) y with |y| least.
    rows, root = terms[0][:6], np.sqrt(shares)
    missing = rows @ want - (data.qfrc_passive - data.qfrc_bias)[:6]
    least = root * np.linalg.lstsq(rows * root, missing, rcond=None)[0]
    np.testing.assert_allclose(want - acceleration, least, atol=1e-8)
    assert np.any(least[6 + 3 * LEG_BODIES :]) == (share > 0.0) and not least[6:24].any()


def test_a_state_that_is_not_finite_gives_nan_not_garbage(
    humanoid: Humanoid, standing: NDArray[np.float64]
) -> None:
    _, terms = state(humanoid, standing[0])
    want = np.zeros(humanoid.nv)
    want[7] = np.nan
    applied, _ = computed_torque(want, *terms, 100.0, yields(Gains(), humanoid.nv), np.zeros(6))
    assert np.isnan(applied).all()
