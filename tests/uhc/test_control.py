"""The compiled controller: its contact problem against scipy, its algebra, its limits."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.spatial.transform import Rotation

from uhc.control import (
    EFFORT,
    computed_torque,
    contact_forces,
    desired_acceleration,
    rotation_error,
    turn,
)
from uhc.humanoid import Humanoid


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
        turn(error, vector), Rotation.from_rotvec(error).apply(vector), atol=1e-12
    )


def test_on_the_reference_the_reference_acceleration_is_wanted(humanoid: Humanoid) -> None:
    rng = np.random.default_rng(3)
    quats = Rotation.random(17, rng=rng).as_quat(scalar_first=True)
    qpos = np.concatenate([rng.normal(size=3), quats.ravel()])
    qvel, qacc = rng.normal(size=humanoid.nv), rng.normal(size=humanoid.nv)
    want = desired_acceleration(qpos, qvel, qpos, qvel, qacc, 20.0, 25.0)
    np.testing.assert_allclose(want, qacc, atol=1e-9)


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
    applied, _ = computed_torque(np.zeros(symmetric_humanoid.nv), *terms, 1000.0, np.zeros(6))
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
    applied, _ = computed_torque(np.zeros(humanoid.nv), *terms, 40.0, np.zeros(6))
    assert applied[2] == pytest.approx(40.0)
    assert np.abs(applied[:6]).max() <= 40.0 + 1e-9


def test_without_help_the_joints_still_accelerate_as_wanted(
    humanoid: Humanoid, standing: NDArray[np.float64]
) -> None:
    """Whatever the root lacks, M a + bias = passive + applied still gives the joints' part."""
    pose = standing[0].copy()
    pose[2] += 1.0
    data, terms = state(humanoid, pose)
    want = np.random.default_rng(4).normal(size=humanoid.nv)
    applied, _ = computed_torque(want, *terms, 0.0, np.zeros(6))
    np.testing.assert_allclose(applied[:6], 0.0, atol=1e-9)
    acceleration = np.linalg.solve(terms[0], applied + data.qfrc_passive - data.qfrc_bias)
    np.testing.assert_allclose(acceleration[6:], want[6:], atol=1e-8)


def test_a_state_that_is_not_finite_gives_nan_not_garbage(
    humanoid: Humanoid, standing: NDArray[np.float64]
) -> None:
    _, terms = state(humanoid, standing[0])
    want = np.zeros(humanoid.nv)
    want[7] = np.nan
    applied, _ = computed_torque(want, *terms, 100.0, np.zeros(6))
    assert np.isnan(applied).all()
