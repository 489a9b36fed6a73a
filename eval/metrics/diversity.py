"""How far apart the samples of one set lie."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import pdist

from eval.metrics.samples import Features, require_same_width, require_samples
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


def variance_ratio(generated: ArrayLike, real: ArrayLike) -> float:
    """Tr Σ_generated / Tr Σ_real: 1 where the spread is kept, towards 0 in a collapse.

    Raises InvalidSamplesError when the real set does not vary at all.
    """
    first, second = _pair(generated, real)
    denominator = second.var(axis=0, ddof=1).sum()
    if denominator == 0:
        raise InvalidSamplesError("variance ratio: all real samples are equal")
    return float(first.var(axis=0, ddof=1).sum() / denominator)


def log_determinant_ratio(generated: ArrayLike, real: ArrayLike) -> float:
    """log det Σ_generated - log det Σ_real, the generalised variance: -inf for a lost dimension.

    Raises InvalidSamplesError unless both sets have more samples than dimensions, because a
    covariance of fewer samples is singular whatever the distribution.
    """
    first, second = _pair(generated, real)
    for name, table in (("generated", first), ("real", second)):
        if len(table) <= table.shape[1]:
            raise InvalidSamplesError(
                f"log-determinant ratio: too few {name} samples",
                found=len(table),
                expected=f"more than the {table.shape[1]} dimensions",
            )
    logs = [np.linalg.slogdet(np.atleast_2d(np.cov(t, rowvar=False)))[1] for t in (first, second)]
    if logs[1] == -np.inf:
        raise InvalidSamplesError("log-determinant ratio: the real covariance is singular")
    return float(logs[0] - logs[1])


def _pair(generated: ArrayLike, real: ArrayLike) -> tuple[Features, Features]:
    first = require_samples(generated, "generated features", at_least=2)
    second = require_samples(real, "real features", at_least=2)
    require_same_width(first, second, "generated and real features")
    return first, second
