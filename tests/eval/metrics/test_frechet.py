"""Fréchet distance against the closed form, scipy's matrix root and POT; axioms by hypothesis."""

from __future__ import annotations

import numpy as np
import ot
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ortho_group

from eval.metrics.frechet import fid, fid_interval, frechet_distance
from loop.errors import InvalidSamplesError

seeds = st.integers(0, 2**32 - 1)
dims = st.integers(1, 6)


def random_gaussian(rng: np.random.Generator, dim: int) -> tuple[np.ndarray, np.ndarray]:
    root = rng.normal(size=(dim, dim))
    return rng.normal(size=dim), root @ root.T


def random_sets(seed: int, dim: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    scale = 10.0 ** rng.uniform(-2, 2)
    return scale * rng.normal(size=(9, dim)), scale * rng.normal(size=(7, dim)) + rng.normal()


def test_closed_form_of_isotropic_gaussians() -> None:
    # |mu|^2 + D (s1 - s2)^2
    found = frechet_distance(np.zeros(5), 4.0 * np.eye(5), np.full(5, 2.0), 9.0 * np.eye(5))
    assert found == pytest.approx(5 * 4 + 5 * 1, rel=1e-12)


def test_closed_form_of_commuting_gaussians() -> None:
    rng = np.random.default_rng(0)
    basis = ortho_group.rvs(6, random_state=rng)
    first, second = rng.uniform(0.1, 3, 6), rng.uniform(0.1, 3, 6)
    found = frechet_distance(
        np.zeros(6), basis * first @ basis.T, np.zeros(6), basis * second @ basis.T
    )
    assert found == pytest.approx(np.sum((np.sqrt(first) - np.sqrt(second)) ** 2), rel=1e-9)


@settings(max_examples=30, deadline=None)
@given(seed=seeds, dim=dims)
def test_against_scipy_and_pot(seed: int, dim: int) -> None:
    rng = np.random.default_rng(seed)
    (mu1, cov1), (mu2, cov2) = random_gaussian(rng, dim), random_gaussian(rng, dim)
    cov1, cov2 = cov1 + 0.1 * np.eye(dim), cov2 + 0.1 * np.eye(dim)
    found = frechet_distance(mu1, cov1, mu2, cov2)
    root = np.real(scipy.linalg.sqrtm(cov1 @ cov2))
    by_scipy = np.sum((mu1 - mu2) ** 2) + np.trace(cov1 + cov2 - 2 * root)
    by_pot = np.asarray(ot.gaussian.bures_wasserstein_distance(mu1, mu2, cov1, cov2)) ** 2
    assert found == pytest.approx(by_scipy, rel=1e-6, abs=1e-8)
    assert found == pytest.approx(by_pot, rel=1e-6, abs=1e-8)


@settings(max_examples=40, deadline=None)
@given(seed=seeds, dim=dims)
def test_never_negative_symmetric_and_rotation_invariant(seed: int, dim: int) -> None:
    a, b = random_sets(seed, dim)
    forward = fid(a, b)
    size = float(np.mean(a**2) + np.mean(b**2))
    assert forward >= 0
    assert fid(b, a) == pytest.approx(forward, rel=1e-7, abs=1e-9 * size)
    rotation = ortho_group.rvs(dim, random_state=seed) if dim > 1 else -np.eye(1)
    shift = np.linspace(-1, 1, dim)
    moved = fid(a @ rotation + shift, b @ rotation + shift)
    assert moved == pytest.approx(forward, rel=1e-6, abs=1e-8 * (size + 1))


@settings(max_examples=40, deadline=None)
@given(seed=seeds, dim=dims, change=st.sampled_from(["mean", "scale", "one entry"]))
def test_zero_if_and_only_if_the_moments_agree(seed: int, dim: int, change: str) -> None:
    a, _ = random_sets(seed, dim)
    assert fid(a, a) == 0.0
    assert fid(a, a[::-1]) <= 1e-9 * np.var(a, axis=0).sum()  # the same moments up to rounding
    other = a.copy()
    if change == "mean":
        other += 0.01 * a.std()
    elif change == "scale":
        other = a.mean(axis=0) + 1.05 * (a - a.mean(axis=0))
    else:
        other[0, 0] += 0.5 * a.std()
    assert fid(a, other) > 1e-5 * np.var(a)


def test_singular_covariances_stay_real() -> None:
    """Fewer samples than dimensions: sqrtm of the product is complex here, and FID stays exact."""
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(10, 40)), rng.normal(size=(12, 40)) + 1.0
    centred = [x - x.mean(axis=0) for x in (a, b)]
    # Tr (S1 S2)^1/2 without any D x D matrix: singular values of the N x M cross product.
    cross = np.linalg.svd(centred[0] @ centred[1].T, compute_uv=False).sum() / np.sqrt(9 * 11)
    spread = sum(x.var(axis=0, ddof=1).sum() for x in (a, b))
    expected = np.sum((a.mean(axis=0) - b.mean(axis=0)) ** 2) + spread - 2 * cross
    assert fid(a, b) == pytest.approx(expected, rel=1e-6)


def test_collapsed_set_is_the_distance_to_a_point() -> None:
    rng = np.random.default_rng(2)
    real, point = rng.normal(size=(50, 4)), np.tile([1.0, 2.0, 3.0, 4.0], (20, 1))
    expected = np.sum((real.mean(axis=0) - point[0]) ** 2) + real.var(axis=0, ddof=1).sum()
    assert fid(point, real) == pytest.approx(expected, rel=1e-12)


def test_interval_says_where_another_draw_would_fall() -> None:
    def draw(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        return 1.3 * rng.normal(size=(80, 4)) + 0.3, rng.normal(size=(100, 4))

    rng = np.random.default_rng(3)
    average = np.mean([fid(*draw(rng)) for _ in range(300)])
    intervals = [fid_interval(*draw(rng), rng, resamples=60) for _ in range(40)]
    assert all(i.low <= i.value <= i.high and i.low >= 0 for i in intervals)
    covered = np.mean([i.low <= average <= i.high for i in intervals])
    assert covered >= 0.8  # 0.95 nominal; 40 trials


def test_interval_repeats_with_its_generator() -> None:
    a, b = random_sets(4, 3)
    first = fid_interval(a, b, np.random.default_rng(5), resamples=20)
    assert first == fid_interval(a, b, np.random.default_rng(5), resamples=20)
    assert first != fid_interval(a, b, np.random.default_rng(6), resamples=20)
    assert first.value == fid(a, b)


@pytest.mark.parametrize(
    ("mu", "cov"),
    [
        (np.zeros(2), np.eye(3)),
        (np.zeros((2, 1)), np.eye(2)),
        (np.array([0.0, np.nan]), np.eye(2)),
        (np.zeros(2), np.full((2, 2), np.inf)),
        (np.zeros(2), np.array([[1.0, 0.5], [0.0, 1.0]])),
        (np.zeros(2), np.diag([1.0, -0.5])),
    ],
)
def test_bad_gaussians_are_refused(mu: np.ndarray, cov: np.ndarray) -> None:
    with pytest.raises(InvalidSamplesError):
        frechet_distance(mu, cov, np.zeros(2), np.eye(2))


def test_bad_samples_are_refused() -> None:
    good = np.random.default_rng(0).normal(size=(5, 2))
    with pytest.raises(InvalidSamplesError, match="too few"):
        fid(good[:1], good)
    with pytest.raises(InvalidSamplesError, match="different width"):
        fid(good, good[:, :1])
    with pytest.raises(InvalidSamplesError, match="not finite"):
        fid(good, np.where(good > 0, np.nan, good))
    with pytest.raises(InvalidSamplesError, match="different dimension"):
        frechet_distance(np.zeros(2), np.eye(2), np.zeros(3), np.eye(3))
    with pytest.raises(InvalidSamplesError, match="two resamples"):
        fid_interval(good, good, np.random.default_rng(0), resamples=1)


def test_fewer_samples_than_dimensions_give_the_same_distance() -> None:
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=(12, 40)), 0.5 + 2 * rng.normal(size=(20, 40))
    moments = [part for x in (a, b) for part in (x.mean(axis=0), np.cov(x, rowvar=False))]
    assert fid(a, b) == pytest.approx(
        frechet_distance(*moments), rel=1e-7
    )  # roots of rounding in singular ones
    assert fid(a, a.copy()) == 0.0
