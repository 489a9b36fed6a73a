"""A number with its uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from loop.errors import InvalidSamplesError


@dataclass(frozen=True)
class Interval:
    """A value and the bounds of its confidence interval; `count` draws or runs stand behind it."""

    value: float
    low: float
    high: float
    level: float
    count: int


def mean_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """Mean over independent runs with Student's t interval (bounds = the mean for a single run).

    Raises InvalidSamplesError when `values` is empty or holds something that is not finite.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or len(array) == 0 or not np.isfinite(array).all():
        raise InvalidSamplesError(
            "mean of runs: need finite values", found=list(values), expected="one or more numbers"
        )
    mean = float(array.mean())
    half = 0.0
    if len(array) > 1:
        quantile = stats.t.ppf(0.5 + level / 2, len(array) - 1)
        half = float(quantile * array.std(ddof=1) / np.sqrt(len(array)))
    return Interval(mean, mean - half, mean + half, level, len(array))
