"""Real features that many generated sets are compared with: what they alone decide is kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist

from eval.metrics.frechet import frechet_distance
from eval.metrics.neighbours import neighbour_radii
from eval.metrics.samples import require_same_width, require_samples

PRECISION_K, COVERAGE_K = 3, 5
"""Neighbours: of precision and recall (Kynkäänniemi 2019); of density and coverage (Naeem 2020)."""


@dataclass(frozen=True)
class Fidelity:
    """Shares in 0..1, but density, which is 1 for the real distribution and can exceed it."""

    precision: float
    recall: float
    density: float
    coverage: float


class Reference:
    """A set of real features (N, D), and what FID and the neighbour metrics need of it.

    Args:
        features: (N, D).
        neighbours: rows, from the first, that precision, recall, density and coverage see. These
            metrics depend on the sizes of both sets: take as many as will be generated.

    Raises:
        InvalidSamplesError: bad features, or fewer than six rows.
    """

    def __init__(self, features: ArrayLike, neighbours: int | None = None) -> None:
        self.features = require_samples(features, "real features", at_least=COVERAGE_K + 1)
        self._moments = self.features.mean(axis=0), np.cov(self.features, rowvar=False)
        self._near = require_samples(
            self.features[:neighbours], "real features", at_least=COVERAGE_K + 1
        )
        self._radii = {k: neighbour_radii(self._near, k) for k in (PRECISION_K, COVERAGE_K)}

    def fid(self, generated: ArrayLike) -> float:
        """Compute `eval.metrics.frechet.fid` against all N rows.

        Raises InvalidSamplesError on bad features.
        """
        table = require_samples(generated, "generated features", at_least=2)
        require_same_width(self.features, table, "real and generated features")
        return frechet_distance(*self._moments, table.mean(axis=0), np.cov(table, rowvar=False))

    def fidelity(self, generated: ArrayLike) -> Fidelity:
        """Compute the means of `eval.metrics.neighbours.verdicts`.

        generated: (M, D), M > 3. Raises InvalidSamplesError on bad features.
        """
        table = require_samples(generated, "generated features", at_least=PRECISION_K + 1)
        require_same_width(self.features, table, "real and generated features")
        distances = cdist(self._near, table)
        inside = {k: distances <= radii[:, None] for k, radii in self._radii.items()}
        return Fidelity(
            precision=float(inside[PRECISION_K].any(axis=0).mean()),
            recall=float((distances <= neighbour_radii(table, PRECISION_K)).any(axis=1).mean()),
            density=float(inside[COVERAGE_K].sum(axis=0).mean() / COVERAGE_K),
            coverage=float(inside[COVERAGE_K].any(axis=1).mean()),
        )
