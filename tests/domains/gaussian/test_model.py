from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.mixture import GaussianMixture

import domains.gaussian.model as gaussian_model
from domains.gaussian.corrections import ExactCorrection
from domains.gaussian.domain import DistanceToTarget, MixingName
from domains.gaussian.model import (
    REG_COVAR,
    GaussianModel,
    Moments,
    Points,
    psd_root,
    real_points,
    standard_model,
)
from loop.cycle import LoopSettings, run_generations
from loop.errors import InvalidSamplesError
from loop.interfaces import Domain
from loop.rng import Stream
from loop.rundir.directory import MemoryRun


class Checked(GaussianModel):
    """Compares every fit with numpy on the gathered training set."""

    def fit(self, training_set, generation, stream, scratch) -> None:
        super().fit(training_set, generation, stream, scratch)
        gathered = np.concatenate([part.values for part in training_set.parts()], axis=2)
        np.testing.assert_allclose(self.mean, gathered.mean(axis=2), atol=1e-12)
        for arm in range(gathered.shape[0]):
            for seed in range(gathered.shape[1]):
                expected = np.cov(gathered[arm, seed].T, bias=True) + REG_COVAR * np.eye(3)
                np.testing.assert_allclose(self.cov[arm, seed], expected, atol=1e-12)
        self.fits = getattr(self, "fits", 0) + 1


@pytest.mark.parametrize("mixing", get_args(MixingName))
@settings(max_examples=15, deadline=None)
@given(st.integers(0, 9), st.integers(2, 12), st.integers(1, 14))
def test_the_model_fits_what_the_policy_chose(
    mixing: str, synthetic: int, n: int, generations: int
) -> None:
    rng = np.random.default_rng(n)
    real = real_points(np.broadcast_to(rng.standard_normal((2, n, 3)), (2, 2, n, 3)))
    model = Checked(np.zeros((2, 2, 3)), np.broadcast_to(np.eye(3), (2, 2, 3, 3)))
    domain = Domain(
        real,
        model,
        DistanceToTarget(),
        ExactCorrection(np.array([0.0, 0.5])),
        synthetic_count=lambda ratio, _: synthetic,
    )
    run_generations(domain, LoopSettings(1, "arm", generations, synthetic / n, mixing), MemoryRun())
    assert model.fits == generations + 1


def test_the_fit_is_that_of_scikit_learn() -> None:
    values = np.random.default_rng(0).standard_normal((1, 1, 40, 2)) * [2.0, 0.3] + 1.0
    model = standard_model(1, 1, 2)
    domain = Domain(Points(values), model, DistanceToTarget(), ExactCorrection(np.array([0.0])))
    run_generations(domain, LoopSettings(0, "arm", 0, 0), MemoryRun())
    expected = GaussianMixture(1, tol=1e-9, random_state=1).fit(values[0, 0])
    np.testing.assert_allclose(model.mean[0, 0], np.asarray(expected.means_)[0], atol=1e-12)
    np.testing.assert_allclose(model.cov[0, 0], np.asarray(expected.covariances_)[0], atol=1e-12)


def test_a_generation_touches_no_more_points_the_longer_the_history(monkeypatch) -> None:
    touched: list[int] = []
    original = Moments.of

    def counted(values: np.ndarray) -> Moments:
        touched.append(values.shape[2])
        return original(values)

    monkeypatch.setattr(gaussian_model.Moments, "of", staticmethod(counted))
    real = real_points(np.random.default_rng(0).standard_normal((1, 1, 10, 2)))
    domain = Domain(
        real, standard_model(1, 1, 2), DistanceToTarget(), ExactCorrection(np.array([1.0]))
    )
    run_generations(domain, LoopSettings(0, "arm", 300, 0.8, "triangular"), MemoryRun())
    # the newest set enters whole, half as many rows leave on average; the pool itself has 1,200
    assert sum(touched[-200:]) <= 200 * 8
    assert max(touched[20:]) <= 3 * 8


def test_samples_have_the_moments_of_the_model() -> None:
    cov = np.array([[2.0, -0.6], [-0.6, 0.5]])
    model = GaussianModel(np.full((1, 1, 2), 3.0), cov[None, None])
    drawn = model.synthesise(200_000, Stream(5)).values[0, 0]
    np.testing.assert_allclose(drawn.mean(axis=0), 3.0, atol=0.02)
    np.testing.assert_allclose(np.cov(drawn.T), cov, atol=0.03)


def test_a_singular_covariance_samples_on_its_line() -> None:
    direction = np.array([1.0, 2.0, -1.0])
    model = GaussianModel(np.zeros((1, 1, 3)), np.outer(direction, direction)[None, None])
    drawn = model.synthesise(50, Stream(0)).values[0, 0]
    assert np.linalg.matrix_rank(drawn, tol=1e-6) == 1
    assert np.array_equal(psd_root(np.zeros((3, 3))), np.zeros((3, 3)))


def test_more_seeds_and_other_arms_change_nothing_for_a_seed() -> None:
    few = standard_model(1, 2, 2).synthesise(5, Stream(3)).values
    many = standard_model(4, 6, 2).synthesise(5, Stream(3)).values
    assert np.array_equal(few[0], many[2, :2])


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    model = GaussianModel(np.full((1, 2, 2), 0.1), np.random.default_rng(0).random((1, 2, 2, 2)))
    assert model.save(tmp_path) == "gaussian.npz"
    other = standard_model(1, 2, 2)
    other.load(tmp_path)
    assert np.array_equal(other.mean, model.mean) and np.array_equal(other.cov, model.cov)


@pytest.mark.parametrize(
    "values",
    [
        np.full((1, 1, 5, 2), np.nan),
        np.full((1, 1, 5, 2), np.inf),
        np.zeros((1, 1, 1, 2)),
        np.zeros((5, 2)),
    ],
)
def test_unusable_real_points_are_refused(values: np.ndarray) -> None:
    with pytest.raises(InvalidSamplesError, match="real points"):
        real_points(values)
