"""Kinetic and geometric features made comparable: whitened by a real set, reduced, then Fréchet.

Raw features would not do. Energies spread over four decades, so that one kick decides a mean; they
enter as log(x + SMALL). Most columns repeat each other or hardly vary in a set of a hundred
motions, so that their covariance is singular: columns are divided by their deviation in the real
set (never less than SMALLEST of it), and of its principal components the first DIMS are kept, each
scaled to unit variance. What a distance of 1 means is then the same for all sets of motions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from eval.metrics.frechet import fid, fid_interval
from eval.metrics.motion_features import FPS, geometric_features, kinetic_features
from eval.metrics.samples import Features, require_same_width, require_samples
from eval.metrics.statistics import Blocks, Interval

SPACES = ("kinetic", "geometric")
DIMS = 12
SMALL = 0.01
"""(m/s)² and m/s²: slower is rest; the square of a tenth of a metre a second."""
SMALLEST: Mapping[str, float] = {"kinetic": 0.1, "geometric": 0.05}
"""Least deviation of a column: a tenth of an energy, a twentieth of the frames."""
LEAST = 0.1
"""Least deviation of a principal component, in deviations of the columns, to be kept."""


def motion_spaces(motions: Sequence[NDArray[np.floating]]) -> dict[str, Features]:
    """Describe motions (F_i, 22, 3), metres, y up: `kinetic` (N, 66), `geometric` (N, 32).

    Raises InvalidMotionError on bad joints or fewer than four frames.
    """
    kinetic = np.stack([kinetic_features(joints, FPS) for joints in motions])
    geometric = np.stack([geometric_features(joints, FPS) for joints in motions])
    return {"kinetic": np.log(kinetic + SMALL), "geometric": geometric}


class Whitening:
    """Linear map after which a real set has mean 0 and covariance 1 in at most `dims` dimensions.

    Args:
        reference: (N, D) features of the real set.
        smallest: least deviation that a column is divided by.
        dims: principal components to keep; fewer where the set has fewer.

    Raises:
        InvalidSamplesError: bad features, or a real set that does not vary.
    """

    def __init__(self, reference: Features, smallest: float, dims: int = DIMS) -> None:
        self._reference = require_samples(reference, "real features", at_least=2)
        self._mean = self._reference.mean(axis=0)
        self._scale = np.maximum(self._reference.std(axis=0), smallest)
        standard = (self._reference - self._mean) / self._scale
        _, singular, axes = np.linalg.svd(standard, full_matrices=False)
        deviation = singular[:dims] / np.sqrt(len(standard) - 1)
        # What hardly varies is no axis to be blown up; a set of equal motions still keeps one.
        kept = max(int((deviation > LEAST).sum()), 1)
        self._axes = axes[:kept].T / np.maximum(deviation[:kept], LEAST)

    def apply(self, features: Features) -> Features:
        """Map features (M, D) into the whitened space, (M, at most dims)."""
        table = require_samples(features, "features")
        require_same_width(self._reference, table, "real and other features")
        return (table - self._mean) / self._scale @ self._axes


class MotionDistances:
    """Fréchet distances of sets of motions to one real set, in both spaces.

    Args:
        reference: features of the real set, from `motion_spaces`; it also sets the whitening.
        blocks: rows of it that belong together; None for independent rows.
    """

    def __init__(self, reference: Mapping[str, Features], blocks: Blocks | None = None) -> None:
        self._whitenings = {name: Whitening(reference[name], SMALLEST[name]) for name in SPACES}
        self.real = {name: self._whitenings[name].apply(reference[name]) for name in SPACES}
        self.blocks = blocks or Blocks(len(reference["kinetic"]))

    def apply(self, features: Mapping[str, Features]) -> dict[str, Features]:
        """Map features of other motions into the whitened spaces."""
        return {name: self._whitenings[name].apply(features[name]) for name in SPACES}

    def distances(self, features: Mapping[str, Features]) -> dict[str, float]:
        """Compute the Fréchet distance to the real set, by space."""
        return {name: fid(table, self.real[name]) for name, table in self.apply(features).items()}

    def intervals(
        self,
        features: Mapping[str, Features],
        blocks: Blocks,
        rng: np.random.Generator,
        resamples: int = 200,
    ) -> dict[str, Interval]:
        """Compute the Fréchet distance by space with its bootstrap interval."""
        return {
            name: fid_interval(
                table, self.real[name], rng, blocks=(blocks, self.blocks), resamples=resamples
            )
            for name, table in self.apply(features).items()
        }
