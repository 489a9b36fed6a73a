"""How far apart the samples of one set lie."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist, pdist, squareform

from eval.metrics.kid import mean_of_pairs
from eval.metrics.samples import Features, require_same_width, require_samples
from eval.metrics.statistics import Blocks, Interval, Rows, bootstrap_interval
from loop.errors import InvalidSamplesError


def diversity(features: ArrayLike, rng: np.random.Generator, *, pairs: int = 300) -> float:
    """Average the distance of `pairs` random pairs out of features (N, D) (Guo et al. 2020).

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
    """Average the distance of all pairs of distinct samples: `diversity` without the dice."""
    return float(pdist(require_samples(features, "pairwise distance", at_least=2)).mean())


def mean_pairwise_interval(
    features: ArrayLike,
    rng: np.random.Generator,
    *,
    blocks: Blocks | None = None,
    resamples: int = 200,
) -> Interval:
    """Compute `mean_pairwise_distance` with its interval by block bootstrap."""
    table = require_samples(features, "pairwise distance", at_least=2)
    distances = squareform(pdist(table))

    def mean(rows: Rows) -> float:
        return mean_of_pairs(distances, np.bincount(rows, minlength=len(table)).astype(np.float64))

    blocks = blocks or Blocks(len(table))
    return bootstrap_interval(mean, [blocks], rng, resamples=resamples, lowest=0.0)


def vendi_score(features: ArrayLike, bandwidth: float) -> float:
    """Count the samples that are effectively different, 1 to N (Friedman and Dieng 2023, order 1).

    The exponential of the entropy of the eigenvalues of K / N, K the Gaussian kernel of the given
    bandwidth (feature units; take `median_distance` of the real set, and the same one for all sets
    that are compared, of one size N). A single outlier adds one to it at most, while it can carry a
    mean distance far.
    Raises InvalidSamplesError on bad features or a bandwidth that is not positive.
    """
    table = require_samples(features, "Vendi score")
    return _vendi(_gaussian_kernel(table, bandwidth))


def vendi_interval(
    features: ArrayLike,
    bandwidth: float,
    rng: np.random.Generator,
    *,
    blocks: Blocks | None = None,
    resamples: int = 200,
) -> Interval:
    """Compute `vendi_score` with its interval by block bootstrap."""
    table = require_samples(features, "Vendi score")
    kernel = _gaussian_kernel(table, bandwidth)
    return bootstrap_interval(
        lambda rows: _vendi(kernel[np.ix_(rows, rows)]),
        [blocks or Blocks(len(table))],
        rng,
        resamples=resamples,
        lowest=1.0,
        highest=float(len(table)),
    )


def median_distance(features: ArrayLike) -> float:
    """Take the median Euclidean distance over all pairs of distinct samples."""
    return float(np.median(pdist(require_samples(features, "median distance", at_least=2))))


def _gaussian_kernel(table: Features, bandwidth: float) -> Features:
    if not bandwidth > 0:
        raise InvalidSamplesError(
            "Vendi score: bandwidth is not positive", found=bandwidth, expected="> 0"
        )
    return np.exp(-cdist(table, table, "sqeuclidean") / (2 * bandwidth**2))


def _vendi(kernel: Features) -> float:
    values = np.linalg.eigvalsh(kernel / len(kernel))
    values = values[values > 1e-12]  # of rounding; x log x is 0 there
    return float(np.exp(-(values * np.log(values)).sum()))


def log_determinant_ratio(generated: ArrayLike, real: ArrayLike) -> float:
    """Compute log det Σ_generated - log det Σ_real (generalised variance); -inf: a lost dimension.

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
