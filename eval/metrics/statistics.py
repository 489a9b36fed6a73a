"""A number with its uncertainty."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from loop.errors import InvalidSamplesError
from loop.interfaces import INTERVAL, RESAMPLES

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Interval:
    """A value and the bounds of its confidence interval; `count` draws or runs stand behind it.

    `resamples` are those of a bootstrap, less their mean: the differences of two statistics over
    the same resamples of the same blocks are the resamples of the difference.
    """

    value: float
    low: float
    high: float
    level: float
    count: int
    resamples: tuple[float, ...] = ()

    @property
    def bounds(self) -> list[float]:
        """Return [low, high], as they are stored beside the value."""
        return [self.low, self.high]

    def entries(self, name: str) -> dict[str, list[float]]:
        """Return what an evaluation stores beside the figure `name`; resamples to six digits."""
        resamples = [float(f"{each:.6g}") for each in self.resamples]
        return {f"{name}{INTERVAL}": self.bounds, f"{name}{RESAMPLES}": resamples}


def mean_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """Average independent runs, with Student's t interval (bounds = the mean for a single run).

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
        quantile = stdtrit(len(array) - 1, 0.5 + level / 2)
        half = float(quantile * array.std(ddof=1) / np.sqrt(len(array)))
    return Interval(mean, mean - half, mean + half, level, len(array))


class Blocks:
    """Rows that belong together, such as a clip and its mirror image, drawn together.

    Args:
        labels: (N,) one a row; equal labels make a block. An integer N: every row is its own.

    Raises:
        InvalidSamplesError: there is no row.
    """

    def __init__(self, labels: ArrayLike | int) -> None:
        given = np.arange(labels) if isinstance(labels, int) else np.asarray(labels)
        _, block = np.unique(given, return_inverse=True)
        if block.ndim != 1 or not len(block):
            raise InvalidSamplesError("blocks: no rows", found=given.shape, expected="(N,), N >= 1")
        order = np.argsort(block, kind="stable")
        self._rows: list[Rows] = np.split(order, np.cumsum(np.bincount(block))[:-1])
        self.size = len(given)

    def resample(self, rng: np.random.Generator) -> Rows:
        """Draw rows of as many blocks as there are, with replacement."""
        return self._take(rng.integers(len(self._rows), size=len(self._rows)))

    def halves(self, rng: np.random.Generator) -> tuple[Rows, Rows]:
        """Draw rows of two disjoint random halves of the blocks; an odd one is left out.

        Raises InvalidSamplesError for fewer than two blocks.
        """
        half = len(self._rows) // 2
        if not half:
            raise InvalidSamplesError("halves: fewer than two independent samples")
        order = rng.permutation(len(self._rows))
        return self._take(order[:half]), self._take(order[half : 2 * half])

    def _take(self, chosen: Rows) -> Rows:
        return np.concatenate([self._rows[block] for block in chosen])


def bootstrap_interval(
    statistic: Callable[..., float],
    blocks: Sequence[Blocks],
    rng: np.random.Generator,
    *,
    resamples: int = 200,
    level: float = 0.95,
    lowest: float = -np.inf,
    highest: float = np.inf,
) -> Interval:
    """Compute a statistic of one or more tables, and its interval by block bootstrap.

    `statistic` takes one array of rows a table. A resample repeats samples, which moves biased
    statistics (Fréchet distances upwards, diversities downwards) a second time: the interval is
    the value plus the quantiles of the *centred* draws. It says how far the number would move with
    other draws of the same sizes, not where the value of infinite sets lies.
    Raises InvalidSamplesError for fewer than two resamples or a level not between 0 and 1.
    """
    if resamples < 2 or not 0 < level < 1:
        raise InvalidSamplesError(
            "bootstrap: need two resamples or more and a level between 0 and 1",
            found=(resamples, level),
        )
    value = statistic(*(np.arange(part.size) for part in blocks))
    draws = [statistic(*(part.resample(rng) for part in blocks)) for _ in range(resamples)]
    tail = (1 - level) / 2
    centred = np.subtract(draws, np.mean(draws))
    low, high = np.clip(value + np.quantile(centred, [tail, 1 - tail]), lowest, highest)
    return Interval(float(value), float(low), float(high), level, resamples, tuple(centred))


def paired_difference(before: Interval, after: Interval) -> Interval:
    """Subtract one bootstrapped statistic from another, over the same resamples.

    What both owe to the choice of prompts and of real samples goes out of the difference, which
    makes its interval narrower than those of its parts. Resamples are the same where generators of
    equal seeds drew them of equal blocks; where they are not, the interval is that of independent
    statistics.
    Raises InvalidSamplesError where one of them has no resamples, or another number of them.
    """
    if not before.resamples or len(before.resamples) != len(after.resamples):
        raise InvalidSamplesError(
            "difference: need as many resamples of either statistic",
            found=(len(before.resamples), len(after.resamples)),
        )
    value = after.value - before.value
    centred = np.subtract(after.resamples, before.resamples)
    tail = (1 - after.level) / 2
    low, high = value + np.quantile(centred, [tail, 1 - tail])
    return Interval(
        value, float(low), float(high), after.level, after.count, tuple(centred.tolist())
    )


def spread(draws: Sequence[float]) -> Interval:
    """Return mean and central 95 % of single draws: where one such number falls."""
    low, high = np.quantile(draws, [0.025, 0.975])
    return Interval(float(np.mean(draws)), float(low), float(high), 0.95, len(draws))
