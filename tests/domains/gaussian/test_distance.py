from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ot.gaussian import bures_wasserstein_distance

from domains.gaussian.distance import wasserstein_2
from loop.errors import InvalidSamplesError


def gaussian(seed: int, dimension: int, rank: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    factor = rng.standard_normal((dimension, rank)) * rng.uniform(0.1, 3.0)
    return rng.standard_normal(dimension), factor @ factor.T


@given(st.integers(0, 2**31), st.integers(0, 2**31), st.integers(1, 10))
@example(51002, 51002, 6)
def test_it_is_that_of_pot(first: int, second: int, dimension: int) -> None:
    one, other = gaussian(first, dimension, dimension), gaussian(second, dimension, dimension)
    expected = float(bures_wasserstein_distance(one[0], other[0], one[1], other[1]))
    # Squares are compared: where the two are equal, POT's root makes 6e-5 of a rounding of 4e-9.
    found = float(wasserstein_2(*one, *other).distance)
    assert found**2 == pytest.approx(expected**2, abs=1e-7, rel=2e-6)


@given(st.integers(0, 2**31), st.integers(0, 2**31), st.integers(1, 2), st.integers(1, 2))
def test_in_two_dimensions_it_has_a_closed_form(first: int, second: int, r1: int, r2: int) -> None:
    (m1, c1), (m2, c2) = gaussian(first, 2, r1), gaussian(second, 2, r2)
    # tr (A)^½ of a 2 x 2 matrix = (tr A + 2 det^½ A)^½, with A similar to C1 C2
    root = np.sqrt(np.trace(c1 @ c2) + 2 * np.sqrt(max(np.linalg.det(c1) * np.linalg.det(c2), 0)))
    squared = np.sum((m1 - m2) ** 2) + np.trace(c1 + c2) - 2 * root
    found = wasserstein_2(m1, c1, m2, c2)
    assert float(found.distance) ** 2 == pytest.approx(squared, abs=1e-5)
    assert float(found.distance) ** 2 == pytest.approx(
        float(found.mean) ** 2 + float(found.covariance) ** 2, abs=1e-9
    )


def test_against_the_standard_normal_it_is_the_spread_of_the_standard_deviations() -> None:
    found = wasserstein_2(np.array([3.0, 0.0]), np.diag([4.0, 9.0]), np.zeros(2), np.eye(2))
    assert found.mean == 3.0
    assert float(found.covariance) == pytest.approx(np.sqrt(1 + 4))


@given(st.integers(0, 2**31), st.integers(1, 10), st.integers(1, 10))
def test_equal_gaussians_are_at_distance_exactly_zero(seed: int, dimension: int, rank: int) -> None:
    mean, cov = gaussian(seed, dimension, min(rank, dimension))
    assert float(wasserstein_2(mean, cov, mean.copy(), cov.copy()).distance) == 0.0


def test_singular_covariances_give_real_finite_numbers() -> None:
    rank_one = gaussian(0, 4, 1)[1]
    covs = [np.zeros((4, 4)), rank_one, 1e-30 * rank_one, 1e12 * rank_one, np.eye(4)]
    for one in covs:
        for other in covs:
            found = wasserstein_2(np.zeros(4), one, np.zeros(4), other)
            assert all(values.dtype == np.float64 for values in found)
            assert np.isfinite(found.distance) and found.distance >= 0


def test_a_batch_is_its_members_one_by_one() -> None:
    members = [gaussian(seed, 3, 3) for seed in range(6)]
    means = np.array([mean for mean, _ in members]).reshape(2, 3, 3)
    covs = np.array([cov for _, cov in members]).reshape(2, 3, 3, 3)
    found = wasserstein_2(means, covs, np.zeros(3), np.eye(3)).distance
    single = [float(wasserstein_2(*each, np.zeros(3), np.eye(3)).distance) for each in members]
    np.testing.assert_allclose(found.ravel(), single, rtol=1e-12)


@pytest.mark.parametrize("place", range(4))
def test_what_is_not_finite_is_refused(place: int) -> None:
    arguments = [np.zeros(2), np.eye(2), np.zeros(2), np.eye(2)]
    arguments[place] = arguments[place] * np.nan
    with pytest.raises(InvalidSamplesError, match="not finite"):
        wasserstein_2(*arguments)
