"""What FID reads when nothing is wrong: real data against real data.

A FID without this floor says little: its bias grows with the dimension and shrinks with the number
of samples, and is often larger than the effect one looks for.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from eval.metrics.frechet import fid
from eval.metrics.samples import require_samples
from eval.metrics.statistics import Interval
from loop.errors import InvalidSamplesError


def floor_by_halves(
    real: ArrayLike, rng: np.random.Generator, *, splits: int = 20, level: float = 0.95
) -> Interval:
    """Mean FID between two disjoint random halves of `real` (N, D), with its central interval.

    The halves have N // 2 samples each, so this floor lies above that of a comparison at full
    size (about twice as high); use it where the two sides must not share a single sample.
    """
    features = require_samples(real, "real-against-real floor", at_least=4)
    half = len(features) // 2
    draws = []
    for _ in range(_positive(splits)):
        order = rng.permutation(len(features))
        draws.append(fid(features[order[:half]], features[order[half : 2 * half]]))
    return _spread(draws, level)


def floor_by_resampling(
    real: ArrayLike,
    rng: np.random.Generator,
    *,
    sizes: tuple[int, int] | None = None,
    resamples: int = 20,
    level: float = 0.95,
) -> Interval:
    """Mean FID between two resamples (with replacement) of `real` (N, D), and central interval.

    `sizes` are the sample counts of the comparison the floor stands beside, for example
    (generated, real); default (N, N). Both resamples come from the same empirical distribution,
    so what is left is the bias and the noise of FID at exactly these sizes (a few percent low
    where N is not well above D, because a resample repeats samples).
    """
    features = require_samples(real, "real-against-real floor", at_least=2)
    first, second = sizes or (len(features), len(features))
    if min(first, second) < 2:
        raise InvalidSamplesError("floor: need two samples on each side", found=sizes)
    draws = [
        fid(
            features[rng.integers(len(features), size=first)],
            features[rng.integers(len(features), size=second)],
        )
        for _ in range(_positive(resamples))
    ]
    return _spread(draws, level)


def _positive(count: int) -> int:
    if count < 1:
        raise InvalidSamplesError("floor: need at least one repetition", found=count)
    return count


def _spread(draws: list[float], level: float) -> Interval:
    """Mean and central interval of single draws: where one such FID falls."""
    tail = (1 - level) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return Interval(float(np.mean(draws)), float(low), float(high), level, len(draws))
