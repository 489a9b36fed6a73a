"""Kernel distance: the unbiased squared maximum mean discrepancy of features (KID)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from eval.metrics.samples import Features, require_same_width, require_samples
from eval.metrics.statistics import Blocks, Interval, Rows, bootstrap_interval


def kid(a: ArrayLike, b: ArrayLike) -> float:
    """Estimate MMD² without bias, kernel (x·y/D + 1)³ (Bińkowski et al. 2018, eq. 4).

    a (N, D), b (M, D), at least two rows each. Its expectation is 0 for two draws of one
    distribution whatever their sizes, where FID has a floor; single values can be negative.
    Raises InvalidSamplesError on bad features.
    """
    kernels = _Kernels(a, b)
    return kernels.mmd2(np.arange(kernels.sizes[0]), np.arange(kernels.sizes[1]))


def kid_interval(
    a: ArrayLike,
    b: ArrayLike,
    rng: np.random.Generator,
    *,
    blocks: tuple[Blocks, Blocks] | None = None,
    resamples: int = 200,
) -> Interval:
    """Compute KID with its interval by block bootstrap over both sets, see `bootstrap_interval`."""
    kernels = _Kernels(a, b)
    return bootstrap_interval(
        kernels.mmd2,
        blocks or (Blocks(kernels.sizes[0]), Blocks(kernels.sizes[1])),
        rng,
        resamples=resamples,
    )


class _Kernels:
    """The three kernel matrices of two sets, computed once for all resamples."""

    def __init__(self, a: ArrayLike, b: ArrayLike) -> None:
        first = require_samples(a, "KID, first set", at_least=2)
        second = require_samples(b, "KID, second set", at_least=2)
        require_same_width(first, second, "KID")
        self.sizes = len(first), len(second)
        self._within = _cubic(first, first), _cubic(second, second)
        self._across = _cubic(first, second)

    def mmd2(self, rows: Rows, columns: Rows) -> float:
        """Compute MMD² of the chosen rows, which may repeat."""
        first, second = (
            np.bincount(chosen, minlength=size).astype(np.float64)
            for chosen, size in zip((rows, columns), self.sizes, strict=True)
        )
        across = first @ self._across @ second / (first.sum() * second.sum())
        within = zip(self._within, (first, second), strict=True)
        return sum(mean_of_pairs(kernel, weights) for kernel, weights in within) - 2 * across


def mean_of_pairs(table: Features, weights: Features) -> float:
    """Average a symmetric table (N, N) over pairs of samples that occur `weights` times.

    A sample and its own copy in a resample are no pair: their entry would say how far the sample
    is from itself. Where only one sample occurs, there is no other pair: then the diagonal counts.
    """
    own = (weights**2 * np.diagonal(table)).sum()
    pairs = weights.sum() ** 2 - (weights**2).sum()
    if pairs == 0:
        return float(own / (weights**2).sum())
    return float((weights @ table @ weights - own) / pairs)


def _cubic(first: Features, second: Features) -> Features:
    return (first @ second.T / first.shape[1] + 1.0) ** 3
