"""Gaussians that learn by maximum likelihood, many independent loops at once.

Axes: A arms (correction strengths), S seeds (independent repetitions), n points, d dimensions.
All draws are shared by the arms and filled seed by seed: what a loop does depends neither on the
arms beside it nor on how many seeds follow, and arms are compared on common random numbers.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from loop.errors import InvalidSamplesError
from loop.interfaces import Generator, Mixture, Rows
from loop.rng import Stream

REG_COVAR = 1e-6
"""Added to the diagonal of a fitted covariance, as scikit-learn's GaussianMixture does by default
(and with it the published experiment)."""


@dataclass(frozen=True)
class Points:
    """A set of points for each arm and seed; values: (A, S, n, d)."""

    values: np.ndarray

    def __len__(self) -> int:
        return self.values.shape[2]

    def take(self, rows: Rows) -> Points:
        """Return the chosen points of every set."""
        return Points(self.values[:, :, rows])

    def join(self, other: Points) -> Points:
        """Return the points of every set, then those of `other`."""
        return Points(np.concatenate([self.values, other.values], axis=2))


def real_points(values: np.ndarray) -> Points:
    """Check real data from outside and return them as points (A, S, n, d).

    Raises:
        InvalidSamplesError: wrong number of axes, fewer than two points, or values not finite.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 4 or values.shape[2] < 2 or not np.isfinite(values).all():
        raise InvalidSamplesError(
            "real points of the Gaussian experiment",
            found=f"shape {values.shape}, {np.isfinite(values).sum()} of {values.size} finite",
            expected="finite values of shape (arms, seeds, n >= 2, d)",
        )
    return Points(values)


@dataclass(frozen=True)
class Moments:
    """Sufficient statistics of point sets: count, sums (A, S, d), sums of x xᵀ (A, S, d, d)."""

    count: int
    first: np.ndarray
    second: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> Moments:
        """Compute the moments of points (A, S, n, d)."""
        # einsum without BLAS: the order of additions must not depend on the number of threads
        second = np.einsum("asni,asnj->asij", values, values)
        return cls(values.shape[2], values.sum(axis=2), second)

    def __add__(self, other: Moments) -> Moments:
        return Moments(
            self.count + other.count, self.first + other.first, self.second + other.second
        )

    def __sub__(self, other: Moments) -> Moments:
        return Moments(
            self.count - other.count, self.first - other.first, self.second - other.second
        )


NO_POINTS = Moments(0, np.zeros(()), np.zeros(()))


class RunningPool:
    """Moments of the synthetic part of the training set, at a cost that does not grow with it.

    Selections by slices fade (`loop.mixing.Selection`), so for each row it is enough to know the
    first set that still has it: a generation adds the newest set and takes out what has left.
    """

    def __init__(self) -> None:
        self._total = NO_POINTS
        self._sets = 0
        self._first_set: list[int] = []

    def moments(self, training_set: Mixture[Points]) -> Moments:
        """Compute the moments of the chosen synthetic points."""
        history, rows = training_set.history, training_set.synthetic_rows
        if not len(history):
            return NO_POINTS
        if not isinstance(rows[len(rows) - 1], slice):
            return _moments_of_parts(training_set)
        for index in range(self._sets, len(history)):
            self._total += Moments.of(history[index].values)
        self._sets = len(history)
        self._first_set = self._first_set or [0] * len(history[0])
        leaving = self._leaving(training_set)
        if leaving:
            values = [history[index].values[:, :, gone] for index, gone in leaving.items()]
            self._total -= Moments.of(np.concatenate(values, axis=2))
        return self._total

    def _leaving(self, training_set: Mixture[Points]) -> dict[int, list[int]]:
        """Set -> its rows that are in the running sums but no longer chosen."""
        leaving: dict[int, list[int]] = defaultdict(list)
        rows, newest = training_set.synthetic_rows, self._sets - 1
        for row, index in enumerate(self._first_set):
            while index <= newest and not _keeps(rows[index], row):
                leaving[index].append(row)
                index += 1
            self._first_set[row] = index
        return leaving


def _keeps(rows: Rows, row: int) -> bool:
    assert isinstance(rows, slice)
    return rows.stop is None or rows.stop > row


def _moments_of_parts(training_set: Mixture[Points]) -> Moments:
    """Compute the moments of parts; a random choice of rows is gathered anew every generation."""
    pairs = zip(training_set.history, training_set.synthetic_rows, strict=True)
    return sum((Moments.of(points.take(rows).values) for points, rows in pairs), start=NO_POINTS)


class GaussianModel(Generator[Points]):
    """The generator: N(mean, cov) for each arm and seed; mean (A, S, d), cov (A, S, d, d)."""

    def __init__(self, mean: np.ndarray, cov: np.ndarray) -> None:
        self.mean, self.cov = mean, cov
        self._pool = RunningPool()
        self._real: tuple[Points, Moments] | None = None

    def synthesise(self, count: int, stream: Stream, scratch: Path | None = None) -> Points:
        """Draw `count` points from each model."""
        seeds, dimension = self.mean.shape[1:]
        normal = np.random.default_rng(stream).standard_normal((seeds, count, dimension))
        spread = np.einsum("asij,snj->asni", psd_root(self.cov), normal)
        return Points(self.mean[:, :, None] + spread)

    def fit(
        self, training_set: Mixture[Points], generation: int, stream: Stream, scratch: Path | None
    ) -> None:
        """Fit by maximum likelihood in closed form: mean, biased covariance plus `REG_COVAR`."""
        total = self._real_moments(training_set) + self._pool.moments(training_set)
        self.mean = total.first / total.count
        outer = self.mean[..., :, None] * self.mean[..., None, :]
        self.cov = total.second / total.count - outer + REG_COVAR * np.eye(self.mean.shape[-1])

    def reset(self) -> None:
        """Forget the running sums: a `fit` in closed form depends on nothing else before it."""
        self._pool = RunningPool()

    def _real_moments(self, training_set: Mixture[Points]) -> Moments:
        real, rows = training_set.real, training_set.real_rows
        if not isinstance(rows, slice):
            return Moments.of(real.take(rows).values)
        if rows.stop == 0:
            return NO_POINTS
        if self._real is None or self._real[0] is not real:
            self._real = real, Moments.of(real.values)
        return self._real[1]

    def save(self, folder: Path) -> str:
        np.savez(folder / "gaussian.npz", mean=self.mean, cov=self.cov)
        return "gaussian.npz"

    def load(self, folder: Path) -> str:
        with np.load(folder / "gaussian.npz") as stored:
            self.mean, self.cov = stored["mean"], stored["cov"]
        # Running sums would round otherwise than those of a process that goes on from here.
        self._pool = RunningPool()
        return "gaussian.npz"


def standard_model(arms: int, seeds: int, dimension: int) -> GaussianModel:
    """Return N(0, I) for every arm and seed."""
    cov = np.broadcast_to(np.eye(dimension), (arms, seeds, dimension, dimension))
    return GaussianModel(np.zeros((arms, seeds, dimension)), cov)


def psd_root(cov: np.ndarray) -> np.ndarray:
    """Return the symmetric square root of positive semi-definite matrices (..., d, d), any rank."""
    values, vectors = np.linalg.eigh(cov)
    return (vectors * np.sqrt(values.clip(min=0.0))[..., None, :]) @ vectors.swapaxes(-1, -2)
