"""Correction functions of the Gaussian experiment.

Samples of p become samples of π_γ p = (p + γ p*) / (1 + γ), with p* = N(0, I) (arXiv 2402.07087).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from domains.gaussian.histogram import Histograms
from domains.gaussian.model import Points
from loop.errors import InvalidOptionError
from loop.interfaces import Corrected
from loop.rng import Stream

LARGEST_BLOCK = 2**15
MOST_CANDIDATES = 2**20
"""A set that is not full after so many candidates would never be."""


def mixing_weight(gammas: np.ndarray) -> np.ndarray:
    """Return t = γ / (1 + γ), the weight of p* in π_γ p; 1 for γ = ∞.

    Raises:
        InvalidOptionError: a γ is negative or not a number.
    """
    gammas = np.asarray(gammas, dtype=np.float64)
    if not (gammas >= 0).all():
        raise InvalidOptionError(
            "correction strengths", found=gammas.tolist(), expected="gamma >= 0, or inf"
        )
    with np.errstate(invalid="ignore"):
        return np.where(np.isinf(gammas), 1.0, gammas / (1.0 + gammas))


class ExactCorrection:
    """Draws from π_γ p itself: a sample of p stays, or is replaced by one of p*.

    It needs no density: x ~ p kept with probability 1 - t, else z ~ p*, is a sample of π_γ p.
    """

    def __init__(self, gammas: np.ndarray) -> None:
        self._weight = mixing_weight(gammas)

    def correct(
        self, batch: Points, stream: Stream, scratch: Path | None = None
    ) -> Corrected[Points]:
        """Correct the sets of all arms (first axis: one arm a γ)."""
        seeds, count, dimension = batch.values.shape[1:]
        coins, fresh = (np.random.default_rng(child) for child in stream.spawn(2))
        keep = coins.random((seeds, count)) < 1.0 - self._weight[:, None, None]
        replacement = fresh.standard_normal((seeds, count, dimension))
        return Corrected(Points(np.where(keep[..., None], batch.values, replacement)))


class HistogramCorrection:
    """The published correction: resample from a histogram of the samples mixed with p*.

    With p̂ the histogram density and q = (1-t) p̂ + t p*, the published code accepts candidates of
    p* with probability q / (M p*), where M = [(1-t) max p̂ + t p*(0)] / p*(0). That M is no upper
    bound far from the origin, so what it draws has density ∝ min(p*, q / M): narrower than q. The
    same density is ∝ q min(1, M p* / q): so we draw candidates from q and accept them with
    min(1, M p* / q), scaled so that its largest value is 1. That takes about two candidates a
    sample instead of ten or more, and only bins that hold samples are ever looked at (in 10
    dimensions there are 10¹⁰).

    The published code finds the bin of a candidate by cutting a number toward zero, so on every
    axis the first bin reaches one width further down. That is part of what it draws, and of p̂ here.
    """

    def __init__(self, gammas: np.ndarray) -> None:
        self._weight = mixing_weight(gammas)

    def correct(
        self, batch: Points, stream: Stream, scratch: Path | None = None
    ) -> Corrected[Points]:
        """Correct the sets of all arms (first axis: one arm a γ).

        Raises:
            InvalidOptionError: too many dimensions for bin numbers of 64 bits, or samples so far
                from p* that next to no candidate is accepted.
        """
        arms, seeds, count, dimension = batch.values.shape
        weight = np.repeat(self._weight, seeds)
        histograms = Histograms.of(batch.values.reshape(arms * seeds, count, dimension))
        corrected = np.empty((arms * seeds, count, dimension))
        filled = np.zeros(arms * seeds, dtype=np.int64)
        for draws in _blocks(stream, seeds, count, dimension):
            pending = np.flatnonzero(filled < count)
            if not len(pending):
                return Corrected(Points(corrected.reshape(batch.values.shape)))
            points, accepted = _candidates(histograms, weight, pending, pending % seeds, draws)
            place = filled[pending, None] + accepted.cumsum(axis=1) - 1
            row, column = np.nonzero(accepted & (place < count))
            corrected[pending[row], place[row, column]] = points[row, column]
            filled[pending] = place[:, -1] + 1
        raise InvalidOptionError(
            "histogram correction: the samples lie where the target has next to no mass",
            found=f"{(filled < count).sum()} of {len(filled)} sets not full after "
            f"{MOST_CANDIDATES} candidates",
            remedy="use --correction exact, more points, or a larger gamma",
        )


@dataclass(frozen=True)
class _Draws:
    """Random numbers of B candidates for each of S seeds."""

    source: np.ndarray  # (S, B): histogram or p*
    share: np.ndarray  # (S, B): picks the point whose bin to draw from
    accept: np.ndarray  # (S, B)
    within: np.ndarray  # (S, B, d): place in the bin
    normal: np.ndarray  # (S, B, d): sample of p*


def _blocks(stream: Stream, seeds: int, count: int, dimension: int) -> Iterator[_Draws]:
    """Yield ever larger blocks of candidates; the first fills most sets, the second nearly all."""
    size, total = max(2 * count, 16), 0
    while total < MOST_CANDIDATES:
        uniform_rng, normal_rng = (np.random.default_rng(child) for child in stream.spawn(2))
        uniform = uniform_rng.random((seeds, size, 3 + dimension))
        yield _Draws(
            source=uniform[..., 0],
            share=uniform[..., 1],
            accept=uniform[..., 2],
            within=uniform[..., 3:],
            normal=normal_rng.standard_normal((seeds, size, dimension)),
        )
        total += size
        size = max(size, min(2 * size, LARGEST_BLOCK))


def _candidates(
    histograms: Histograms, weight: np.ndarray, sets: np.ndarray, seeds: np.ndarray, draws: _Draws
) -> tuple[np.ndarray, np.ndarray]:
    """Draw candidates (P, B, d) for `sets` (P,) of `seeds` (P,), and whether accepted."""
    dimension = draws.normal.shape[-1]
    rows, t = sets[:, None], weight[sets, None]
    pick = histograms.pick(rows, draws.share[seeds])
    bins, within = histograms.bins[rows, pick], draws.within[seeds]
    corner = np.where(bins == 0, 2.0 * within - 1.0, bins + within)
    from_bins = histograms.low[rows] + corner * histograms.width[rows]
    binned_mass = (1.0 - t) * histograms.mass[rows]
    fresh = draws.source[seeds] * (binned_mass + t) >= binned_mass
    points = np.where(fresh[..., None], draws.normal[seeds], from_bins)
    density = histograms.density[rows, pick]
    row, column = np.nonzero(fresh)
    density[row, column] = histograms.lookup(sets[row], points[row, column])
    at_origin = (2.0 * np.pi) ** (-dimension / 2)
    peak = (1.0 - t) * histograms.density[sets].max(axis=1, keepdims=True) + t * at_origin

    def chance(density: np.ndarray, squared_radius: np.ndarray) -> np.ndarray:
        fall = np.exp(-0.5 * squared_radius)
        q = (1.0 - t) * density + t * at_origin * fall
        ratio = np.divide(peak * fall, q, out=np.ones_like(q), where=q > 0.0)
        return np.minimum(1.0, ratio)

    squared_radius = np.einsum("pbi,pbi->pb", points, points)
    best = chance(histograms.density[sets], histograms.nearest[sets]).max(axis=1, keepdims=True)
    scale = np.where(t > 0.0, 1.0, best)  # outside all bins the chance of p* itself is 1
    return points, draws.accept[seeds] * scale < chance(density, squared_radius)
