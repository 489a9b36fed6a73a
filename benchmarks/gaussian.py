"""The published Gaussian algorithm written down plainly, as protocol and paper describe it.

scipy's pdf for every candidate, one candidate at a time, scikit-learn's GaussianMixture on the
whole pool in every generation. The tests compare its curves with ours.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.linalg import sqrtm
from scipy.stats import multivariate_normal
from sklearn.mixture import GaussianMixture

from domains.gaussian.domain import GaussianSettings


def reference_curve(settings: GaussianSettings, gamma: float, seed: int) -> list[float]:
    """Return W₂ to N(0, I) in each generation: one arm, one seed, triangular mixing, histogram."""
    rng = np.random.default_rng(seed)
    real = rng.multivariate_normal(
        np.zeros(settings.dimension), np.eye(settings.dimension), settings.n
    )
    mean, cov = fit(real, tol=1e-9)
    distances = [distance_to_standard(mean, cov)]
    stored: list[np.ndarray] = []
    for _ in range(settings.generations):
        drawn = rng.multivariate_normal(mean, cov, settings.synthetic_count)
        stored.append(resample(drawn, gamma, rng))
        pool = np.concatenate(
            [real] + [x[: int((j + 1) / len(stored) * len(x))] for j, x in enumerate(stored)]
        )
        rng.shuffle(pool)
        mean, cov = fit(pool)
        distances.append(distance_to_standard(mean, cov))
    return distances


def fit(points: np.ndarray, tol: float = 1e-3) -> tuple[np.ndarray, np.ndarray]:
    """Return mean (d,) and covariance (d, d) of scikit-learn's mixture of one Gaussian."""
    model = GaussianMixture(1, tol=tol, random_state=1).fit(points)
    return np.asarray(model.means_)[0], np.asarray(model.covariances_)[0]


def resample(points: np.ndarray, gamma: float, rng: np.random.Generator) -> np.ndarray:
    """Apply the published correction, one candidate after the other; points: (n, d)."""
    dimension = points.shape[1]
    t = gamma / (1 + gamma)
    target = multivariate_normal(np.zeros(dimension))  # covariance I
    density, edges = np.histogramdd(points, bins=10, density=True)
    at_origin = target.pdf(np.zeros(dimension))
    bound = ((1 - t) * density.max() + t * at_origin) / at_origin
    accepted = []
    while len(accepted) < len(points):
        candidate = rng.multivariate_normal(np.zeros(dimension), np.eye(dimension))
        proposal = target.pdf(candidate)
        mixture = (1 - t) * look_up(density, edges, candidate) + t * proposal
        if mixture / (bound * proposal) > rng.random():
            accepted.append(candidate)
    return np.array(accepted)


def look_up(density: np.ndarray, edges: Sequence[np.ndarray], point: np.ndarray) -> float:
    """Look up the value of a histogram at a point, 0 outside.

    As published, numbers are cut toward zero, so that up to one bin below the lowest edge still
    counts as the first bin.
    """
    place = tuple(
        int((value - marks[0]) / (marks[1] - marks[0]))
        for value, marks in zip(point, edges, strict=True)
    )
    inside = all(0 <= number < len(density) for number in place)
    return float(density[place]) if inside else 0.0


def distance_to_standard(mean: np.ndarray, cov: np.ndarray) -> float:
    """Return W₂ of N(mean, cov) to N(0, I) by the formula with matrix roots, as published."""
    root = np.real(sqrtm(cov))
    return float(np.sqrt(np.sum(mean**2) + np.trace(cov + np.eye(len(cov)) - 2 * root)))
