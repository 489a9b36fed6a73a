"""How far apart the samples of one set lie."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import pdist

from eval.metrics.samples import require_samples
from loop.errors import InvalidSamplesError


def diversity(features: ArrayLike, rng: np.random.Generator, *, pairs: int = 300) -> float:
    """Mean Euclidean distance of `pairs` random pairs out of features (N, D) (Guo et al. 2020).

    As published, the two sides are drawn separately, each without replacement, so that one in N
    pairs is a sample with itself; `pairs` is at most N. The motion loop uses int(0.2 N) pairs.
    Raises InvalidSamplesError on `pairs` out of range or bad features.
    """
    table = require_samples(features, "diversity", at_least=2)
    if not 1 <= pairs <= len(table):
        raise InvalidSamplesError(
            "diversity: number of pairs out of range", found=pairs, expected=f"1 to {len(table)}"
        )
    first = rng.choice(len(table), pairs, replace=False)
    second = rng.choice(len(table), pairs, replace=False)
    return float(np.linalg.norm(table[first] - table[second], axis=1).mean())


def mean_pairwise_distance(features: ArrayLike) -> float:
    """Mean Euclidean distance over all pairs of distinct samples: `diversity` without the dice."""
    return float(pdist(require_samples(features, "pairwise distance", at_least=2)).mean())
