"""Fréchet distance between Gaussians, and the FID built on it (Heusel et al. 2017, eq. 6)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from eval.metrics.samples import Features, require_same_width, require_samples
from eval.metrics.statistics import Blocks, Interval, bootstrap_interval
from loop.errors import InvalidSamplesError


def frechet_distance(mu1: ArrayLike, cov1: ArrayLike, mu2: ArrayLike, cov2: ArrayLike) -> float:
    """Compute d² = |μ₁ - μ₂|² + Tr(Σ₁ + Σ₂ - 2 (Σ₁Σ₂)^½), the squared 2-Wasserstein distance.

    With factors Σ = A Aᵀ the trace of the root is the nuclear norm of A₁ᵀA₂. That needs two
    symmetric eigen-decompositions and one SVD, so the answer is real whatever the rank of the
    covariances; `scipy.linalg.sqrtm` of their product turns complex for singular ones.

    mu: (D,); cov: (D, D), symmetric. Returns a float >= 0, exactly 0 for equal arguments.
    Raises InvalidSamplesError on shapes that do not fit, values that are not finite, or a
    covariance that is not symmetric or not positive semi-definite beyond rounding.
    """
    mean1, factor1, trace1 = _gaussian(mu1, cov1, "first Gaussian")
    mean2, factor2, trace2 = _gaussian(mu2, cov2, "second Gaussian")
    if mean1.shape != mean2.shape:
        raise InvalidSamplesError(
            "Fréchet distance: Gaussians of different dimension",
            found=f"{len(mean1)} and {len(mean2)}",
            expected="features of one and the same network",
        )
    if np.array_equal(mean1, mean2) and np.array_equal(np.asarray(cov1), np.asarray(cov2)):
        return 0.0  # rounding would leave about 1e-14 of the trace
    root_trace = np.linalg.svd(factor1.T @ factor2, compute_uv=False).sum()
    squared = np.sum((mean1 - mean2) ** 2) + trace1 + trace2 - 2.0 * root_trace
    return max(float(squared), 0.0)


def fid(a: ArrayLike, b: ArrayLike) -> float:
    """Compute the Fréchet distance of Gaussians fitted to two sets of features (N, D) and (M, D).

    Covariances divide by N - 1. The estimate is biased upwards by about 1/N and depends on N:
    compare it with `eval.metrics.floors` at the same sizes, never with a FID of another sample
    size.
    Raises InvalidSamplesError (see `eval.metrics.samples`); at least two samples on each side.
    """
    return _fid(*_pair(a, b))


def fid_interval(
    a: ArrayLike,
    b: ArrayLike,
    rng: np.random.Generator,
    *,
    blocks: tuple[Blocks, Blocks] | None = None,
    resamples: int = 200,
) -> Interval:
    """Compute FID with its bootstrap interval (see `bootstrap_interval`): both sets are resampled.

    blocks: which rows of either set belong together; None for independent rows.
    """
    first, second = _pair(a, b)
    return bootstrap_interval(
        lambda rows, columns: _fid(first[rows], second[columns]),
        blocks or (Blocks(len(first)), Blocks(len(second))),
        rng,
        resamples=resamples,
        lowest=0.0,
    )


def _pair(a: ArrayLike, b: ArrayLike) -> tuple[Features, Features]:
    first = require_samples(a, "FID, first set", at_least=2)
    second = require_samples(b, "FID, second set", at_least=2)
    require_same_width(first, second, "FID")
    return first, second


def _fid(first: Features, second: Features) -> float:
    if max(len(first), len(second)) >= first.shape[1]:
        return frechet_distance(*_moments(first), *_moments(second))
    # Fewer samples than dimensions: the centred samples are factors of their covariances already,
    # which saves the decomposition of (D, D) matrices in every resample of a bootstrap.
    if np.array_equal(first, second):
        return 0.0
    factors = [(part - part.mean(axis=0)) / np.sqrt(len(part) - 1) for part in (first, second)]
    root_trace = np.linalg.svd(factors[0] @ factors[1].T, compute_uv=False).sum()
    traces = sum(float((factor**2).sum()) for factor in factors)
    shift = np.sum((first.mean(axis=0) - second.mean(axis=0)) ** 2)
    return max(float(shift + traces - 2.0 * root_trace), 0.0)


def _moments(features: Features) -> tuple[Features, Features]:
    """Return mean (D,) and covariance (D, D); `atleast_2d`: numpy drops the axes of a 1-d set."""
    return features.mean(axis=0), np.atleast_2d(np.cov(features, rowvar=False))


def _gaussian(mu: ArrayLike, cov: ArrayLike, name: str) -> tuple[Features, Features, float]:
    """Return a checked mean (D,), a factor A (D, D) with A Aᵀ = cov, and the trace of cov."""
    mean, covariance = np.asarray(mu, dtype=np.float64), np.asarray(cov, dtype=np.float64)
    if mean.ndim != 1 or covariance.shape != (len(mean), len(mean)):
        raise InvalidSamplesError(
            f"{name}: shapes do not fit",
            found=f"mean {mean.shape}, covariance {covariance.shape}",
            expected="(D,) and (D, D)",
        )
    if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
        raise InvalidSamplesError(f"{name}: mean or covariance is not finite")
    size = np.abs(covariance).max(initial=0.0)
    # Rounding in a covariance is relative to its largest entry; 1e-6 also lets float32 input pass.
    if np.abs(covariance - covariance.T).max(initial=0.0) > 1e-6 * size:
        raise InvalidSamplesError(f"{name}: the covariance is not symmetric")
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    if values.min(initial=0.0) < -1e-6 * size * len(mean):
        raise InvalidSamplesError(
            f"{name}: the covariance is not positive semi-definite",
            found=f"smallest eigenvalue {values.min():.3g}",
            expected=">= 0",
        )
    return mean, vectors * np.sqrt(np.clip(values, 0.0, None)), float(np.trace(covariance))
