"""Mean over runs with Student's interval."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from eval.metrics.statistics import Blocks, bootstrap_interval, mean_interval
from loop.errors import InvalidSamplesError


def test_against_scipy_one_sample_t() -> None:
    values = [3.0, 4.5, 4.0, 7.25]
    expected = stats.ttest_1samp(values, 0.0).confidence_interval(0.9)
    found = mean_interval(values, level=0.9)
    np.testing.assert_allclose([found.low, found.high], [expected.low, expected.high], rtol=1e-12)
    assert found.value == pytest.approx(np.mean(values))
    assert (found.count, found.level) == (4, 0.9)


def test_one_run_has_no_width() -> None:
    found = mean_interval([2.5])
    assert (found.low, found.value, found.high) == (2.5, 2.5, 2.5)


@pytest.mark.parametrize("values", [[], [1.0, np.nan], [np.inf]])
def test_nothing_or_not_finite_is_refused(values: list[float]) -> None:
    with pytest.raises(InvalidSamplesError):
        mean_interval(values)


def test_blocks_stay_together() -> None:
    labels = np.array(["b", "a", "b", "c", "a"])
    blocks, rng = Blocks(labels), np.random.default_rng(0)
    for _ in range(20):
        drawn = labels[blocks.resample(rng)]
        assert all((drawn == label).sum() % (labels == label).sum() == 0 for label in "abc")
        first, second = blocks.halves(rng)
        assert not {*labels[first]} & {*labels[second]} and len(first) and len(second)


def test_bootstrap_of_a_mean_is_the_textbook_interval() -> None:
    values = np.random.default_rng(0).normal(size=400)
    found = bootstrap_interval(
        lambda rows: float(values[rows].mean()),
        [Blocks(400)],
        np.random.default_rng(1),
        resamples=2000,
    )
    half = 1.96 * values.std() / 20
    assert found.value == pytest.approx(values.mean())
    assert found.bounds == pytest.approx([found.value - half, found.value + half], abs=0.1 * half)


@pytest.mark.parametrize("given", [{"resamples": 1}, {"level": 1.0}])
def test_bad_bootstraps(given: dict) -> None:
    with pytest.raises(InvalidSamplesError, match="bootstrap"):
        bootstrap_interval(lambda rows: 0.0, [Blocks(3)], np.random.default_rng(0), **given)
    with pytest.raises(InvalidSamplesError, match="no rows"):
        Blocks(np.array([]))
