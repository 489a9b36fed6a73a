"""What FID reads when nothing is wrong: real data against real data.

A FID without this floor says little: its bias grows with the dimension and shrinks with the number
of samples, and is often larger than the effect one looks for.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from eval.metrics.frechet import fid
from eval.metrics.samples import Features, require_samples
from eval.metrics.statistics import Blocks, Interval, spread
from loop.errors import InvalidSamplesError


def floor_by_halves(
    real: ArrayLike,
    rng: np.random.Generator,
    *,
    blocks: Blocks | None = None,
    distance: Callable[[Features, Features], float] = fid,
    splits: int = 20,
) -> Interval:
    """Average the distance of two disjoint random halves of `real` (N, D), with its interval.

    The halves have N // 2 samples each, so this floor lies above that of a comparison at full
    size (about twice as high for FID); use it where the two sides must not share a single sample.
    blocks: which rows belong together and stay in one half; None for independent rows.
    """
    features = require_samples(real, "real-against-real floor", at_least=4)
    blocks = blocks or Blocks(len(features))
    pairs = (blocks.halves(rng) for _ in range(_positive(splits)))
    return spread([distance(features[first], features[second]) for first, second in pairs])


def floor_by_resampling(
    real: ArrayLike,
    rng: np.random.Generator,
    *,
    sizes: tuple[int, int] | None = None,
    resamples: int = 20,
) -> Interval:
    """Estimate the mean FID of two resamples (with replacement) of `real` (N, D), and its interval.

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
    return spread(draws)


def _positive(count: int) -> int:
    if count < 1:
        raise InvalidSamplesError("floor: need at least one repetition", found=count)
    return count
