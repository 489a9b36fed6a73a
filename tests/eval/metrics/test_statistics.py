"""Mean over runs with Student's interval."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from eval.metrics.statistics import mean_interval
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
