"""Contact forces against SciPy's active-set NNLS, and against what a standing body must feel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import nnls

from loop.errors import SimulationError
from uhc.refine.contact_forces import generator_wrenches, solve_contact_forces

Array = NDArray[np.float64]
FRICTION = 0.8
TORQUE = 4.0
SQUARE = np.array([[0.1, 0.1, -0.9], [0.1, -0.1, -0.9], [-0.1, 0.1, -0.9], [-0.1, -0.1, -0.9]])


def _problem(seed: int, frames: int = 20) -> tuple[Array, Array, Array, Array]:
    rng = np.random.default_rng(seed)
    arms = rng.normal(size=(frames, 8, 3)) * [0.2, 0.2, 0.05] - [0, 0, 0.9]
    wrench = rng.normal(size=(frames, 6)) * 0.5 + [0, 0, 1, 0, 0, 0]
    effort = 0.05 * (1 + rng.uniform(0, 40, (frames, 8)))
    charge = rng.uniform(0, 0.3, (frames, 8))
    return wrench, arms, effort, charge


def _nnls(wrench: Array, arms: Array, effort: Array, charge: Array) -> Array:
    """One frame by SciPy: a linear charge l becomes e (lambda + l / e)^2 / 2 up to a constant."""
    weight = np.diag([1, 1, 1, TORQUE, TORQUE, TORQUE])
    columns = weight @ generator_wrenches(arms[None], FRICTION)[0]
    e, price = np.repeat(effort, 4), np.repeat(charge, 4)
    system = np.vstack([columns, np.diag(np.sqrt(e))])
    return nnls(system, np.concatenate([weight @ wrench, -price / np.sqrt(e)]))[0]


@given(st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_agrees_with_scipy(seed: int) -> None:
    wrench, arms, effort, charge = _problem(seed)
    found = solve_contact_forces(
        wrench, arms, effort, charge, friction=FRICTION, torque_weight=TORQUE
    )
    for frame in range(len(wrench)):
        expected = _nnls(wrench[frame], arms[frame], effort[frame], charge[frame])
        np.testing.assert_allclose(found.generators[frame].ravel(), expected, atol=1e-7)


def test_a_standing_square_carries_the_weight_evenly() -> None:
    wrench = np.array([[0.0, 0, 1, 0, 0, 0]])
    found = solve_contact_forces(
        wrench,
        SQUARE[None],
        np.full((1, 4), 1e-6),
        np.zeros((1, 4)),
        friction=FRICTION,
        torque_weight=TORQUE,
    )
    np.testing.assert_allclose(found.points[0], np.tile([0, 0, 0.25], (4, 1)), atol=1e-5)
    np.testing.assert_allclose(found.unexplained, 0, atol=1e-5)


@pytest.mark.parametrize("force", [[0, 0, -0.7], [0.3, -0.2, -0.1]])
def test_the_floor_does_not_pull(force: list[float]) -> None:
    wrench = np.array([[*force, 0.0, 0.0, 0.0]])
    found = solve_contact_forces(
        wrench,
        SQUARE[None],
        np.full((1, 4), 0.05),
        np.zeros((1, 4)),
        friction=0.5,
        torque_weight=1e-9,
    )
    tangential = np.hypot(found.points[..., 0], found.points[..., 1])
    assert (found.points[..., 2] >= 0).all()
    assert (tangential <= 0.5 * found.points[..., 2] + 1e-12).all()
    if force[0] == 0:
        assert not found.generators.any()
        np.testing.assert_allclose(found.unexplained, wrench)


def test_value_gradient_and_curvature_in_the_wrench() -> None:
    wrench, arms, effort, charge = _problem(3)

    def solve(demand: Array):
        return solve_contact_forces(
            demand, arms, effort, charge, friction=FRICTION, torque_weight=TORQUE
        )

    at, step = solve(wrench), 1e-6
    for k in range(6):
        shift = np.zeros(6)
        shift[k] = step
        up, down = solve(wrench + shift), solve(wrench - shift)
        np.testing.assert_allclose((up.value - down.value) / (2 * step), at.dual[:, k], atol=1e-6)
        curved = (up.dual - down.dual) / (2 * step)
        np.testing.assert_allclose(curved, at.curvature[..., k], atol=1e-5)


def test_a_warm_start_changes_nothing_but_the_work() -> None:
    wrench, arms, effort, charge = _problem(5)
    cold = solve_contact_forces(
        wrench, arms, effort, charge, friction=FRICTION, torque_weight=TORQUE
    )
    warm = solve_contact_forces(
        wrench, arms, effort, charge, friction=FRICTION, torque_weight=TORQUE, start=cold.dual + 0.1
    )
    np.testing.assert_allclose(warm.generators, cold.generators, atol=1e-8)


def test_values_that_are_not_finite_name_their_frame() -> None:
    wrench, arms, effort, charge = _problem(7)
    wrench[4, 2] = np.nan
    with pytest.raises(SimulationError, match="frame 4"):
        solve_contact_forces(wrench, arms, effort, charge, friction=FRICTION, torque_weight=TORQUE)
