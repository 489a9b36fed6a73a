"""Histogram densities of many point sets at once, in any dimension."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from loop.errors import InvalidOptionError

BINS = 10
"""Bins an axis, spanning the samples (published)."""


class Histograms(NamedTuple):
    """Histogram densities of P sets of n points; only occupied bins are stored.

    Attributes:
        low: lower corner (P, d).
        width: size of a bin (P, d).
        bins: the bin of each point (P, n, d), as float.
        density: of the bin of each point (P, n).
        keys: numbers of all occupied bins of all sets, ascending (K,).
        key_density: their densities (K,).
        nearest: squared distance from the origin to the reach of each point's bin (P, n).
        mass: integral of the density over the reach of all bins (P,), at least 1.
        ends: set + running share in its mass of the reach of each point's bin (P n,), ascending.
    """

    low: np.ndarray
    width: np.ndarray
    bins: np.ndarray
    density: np.ndarray
    keys: np.ndarray
    key_density: np.ndarray
    nearest: np.ndarray
    mass: np.ndarray
    ends: np.ndarray

    @classmethod
    def of(cls, points: np.ndarray) -> Histograms:
        """Count points (P, n, d) in `BINS` equal bins an axis over their range."""
        sets, count, dimension = points.shape
        if sets * BINS**dimension > np.iinfo(np.int64).max:
            raise InvalidOptionError(
                "histogram correction: too many bins",
                found=f"{sets} sets of {BINS}^{dimension} bins",
                expected="bin numbers that fit 64 bits",
                remedy="use --correction exact, fewer dimensions, arms or seeds",
            )
        low, high = points.min(axis=1), points.max(axis=1)
        flat = high == low  # a single value: numpy.histogram puts a unit interval around it
        low, high = np.where(flat, low - 0.5, low), np.where(flat, high + 0.5, high)
        width = (high - low) / BINS
        bins = np.floor((points - low[:, None]) / width[:, None]).clip(0, BINS - 1)
        keys, places, counts = np.unique(
            _keys(np.arange(sets)[:, None], bins), return_inverse=True, return_counts=True
        )
        volume = width.prod(axis=1)
        key_density = counts / (count * volume[keys // BINS**dimension])
        first = bins == 0
        start = low[:, None] + (bins - first) * width[:, None]
        end = low[:, None] + (bins + 1) * width[:, None]
        reach = np.exp2(first.sum(axis=2)).cumsum(axis=1) / count
        return cls(
            low=low,
            width=width,
            bins=bins,
            density=key_density[places],
            keys=keys,
            key_density=key_density,
            nearest=np.square(np.clip(0.0, start, end)).sum(axis=2),
            mass=reach[:, -1],
            ends=(np.arange(sets)[:, None] + reach / reach[:, -1:]).ravel(),
        )

    def pick(self, sets: np.ndarray, share: np.ndarray) -> np.ndarray:
        """Pick points by `share` in [0, 1) of the mass of their bin's reach; both (P, B)."""
        count = self.bins.shape[1]
        place = np.searchsorted(self.ends, sets + share, side="right") - sets * count
        return place.clip(0, count - 1)  # set + share may round up to the next set

    def lookup(self, sets: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Look up the density (K,) of set sets[k] at points[k]; sets: (K,), points: (K, d)."""
        bins = np.trunc((points - self.low[sets]) / self.width[sets])
        inside = np.all((bins >= 0) & (bins < BINS), axis=1)
        wanted = _keys(sets, np.where(inside[:, np.newaxis], bins, 0))
        place = np.searchsorted(self.keys, wanted).clip(max=len(self.keys) - 1)
        return np.where(inside & (self.keys[place] == wanted), self.key_density[place], 0.0)


def _keys(sets: np.ndarray, bins: np.ndarray) -> np.ndarray:
    """Give each (set, bin) a number: digits to the base `BINS`, the set in front."""
    keys = sets
    for axis in range(bins.shape[-1]):
        keys = keys * BINS + bins[..., axis].astype(np.int64)
    return keys
