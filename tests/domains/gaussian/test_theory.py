from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domains.gaussian.domain import GaussianSettings
from domains.gaussian.theory import (
    StabilityMap,
    border,
    gaussian_factor,
    measure_contraction,
    rho,
    stability_map,
    well_apart,
    whiten,
)

ratios = st.floats(0.0, 20.0)
strengths = st.floats(0.0, 1e6)


def test_the_border_is_where_the_bound_reaches_one() -> None:
    gammas = np.array([0.0, 0.1, 1.0, 5.0, 1e6])
    np.testing.assert_allclose(rho(border(gammas), gammas), 1.0)
    np.testing.assert_allclose(border(gammas), (1 + gammas) / (2 + gammas))
    assert border(0.0) == 0.5 and border(np.inf) == 1.0


@given(ratios, strengths)
def test_the_bound_lies_above_what_the_gaussian_does(ratio: float, gamma: float) -> None:
    own = float(gaussian_factor(ratio, gamma))
    assert 0.0 <= own < 1.0
    assert own <= float(rho(ratio, gamma)) or ratio == 0.0


@given(ratios, strengths, st.floats(0.001, 1e6))
def test_stronger_correction_contracts_more(ratio: float, gamma: float, more: float) -> None:
    assert gaussian_factor(ratio, gamma + more) <= gaussian_factor(ratio, gamma)
    assert border(gamma + more) >= border(gamma)


def test_where_c_reaches_one_the_bound_says_nothing() -> None:
    assert np.isinf(rho([1.0, 3.0], [0.0, 1e9])).all()


def test_measured_contraction_is_the_gaussians_own() -> None:
    gammas, lambdas = (0.0, 1.0, 5.0), (0.1, 0.5, 2.0)
    measured = measure_contraction(gammas, lambdas, seeds=24)
    assert measured.factors.shape == (3, 3, 24)
    np.testing.assert_allclose(measured.ratios, lambdas)
    expected = gaussian_factor(np.array(lambdas)[:, None], np.array(gammas))
    error = measured.factors.std(axis=2, ddof=1) / np.sqrt(24)
    assert (np.abs(measured.factors.mean(axis=2) - expected) < 4 * error + 0.002).all()
    assert np.abs(measured.factors.mean(axis=2) - expected).max() < 0.012
    covered = np.array(lambdas)[:, None] < border(gammas)
    bound = rho(np.array(lambdas)[:, None], gammas)
    assert (measured.factors.mean(axis=2) < bound + 4 * error)[covered].all()


@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_whitened_points_have_the_moments_of_the_target(dimension: int) -> None:
    points = np.random.default_rng(0).standard_normal((3, 40, dimension)) * 3 + 1
    white = whiten(points)
    np.testing.assert_allclose(white.mean(axis=1), 0.0, atol=1e-12)
    for each in white:
        np.testing.assert_allclose(
            np.atleast_2d(np.cov(each.T, bias=True)), np.eye(dimension), atol=1e-12
        )


def test_strengths_well_apart() -> None:
    assert well_apart((5.0, 0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 2.0)) == (0.0, 0.3, 1.0, 5.0)
    assert well_apart((2.0,)) == (2.0,)
    assert well_apart((0.0, np.inf)) == (0.0, np.inf)


def test_a_map_covers_its_grid_and_correction_helps() -> None:
    settings = GaussianSettings(generations=60, seeds=12)
    found: StabilityMap = stability_map(settings, (0.25, 1.0), np.array([0.0, 0.5, 1.0]))
    assert found.distance.shape == (2, 3, 12) and found.start.shape == (12,)
    assert found.gammas.tolist() == [0.0, 1.0, np.inf]
    assert (np.diff(found.change, axis=1) < 0).all()
    assert found.change[0, 0] > 1 > found.change[1, 2]
