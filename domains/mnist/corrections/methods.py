"""The correction functions of the MNIST experiment; `domains.mnist.registries` lists them.

Which of them helps is decided by how far the *corrected set itself* is from the data:
`python -m results.mnist.corrected_sets` measures that before any training.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dataset.mnist import DIGITS, Digits
from dataset.mnist_source import SIDE
from domains.mnist.corrections.projections import Centroids, Projection
from domains.mnist.files import write_sheet
from domains.mnist.registries import CORRECTIONS, ORACLES
from loop.errors import InvalidSamplesError
from loop.interfaces import Corrected, Correction
from loop.registry import construct
from loop.rng import Stream
from loop.strength import replaced_share

logger = logging.getLogger("scsc")

CLUSTERS = "digit_clusters.png"


class DigitCorrection:
    """Moves each sample towards the real images of the digit that it was drawn as.

    Args:
        projections: one for each of the digits 0 to 9.
        move: step: a sample x becomes x + move / (1 + move) (p(x) - x); inf (published) goes to
            its projection p(x), 0 leaves it alone.

    Raises:
        InvalidOptionError: move is negative or not a number.
    """

    def __init__(self, projections: list[Projection], move: float = math.inf) -> None:
        self.projections, self._share = projections, replaced_share(move)

    def correct(
        self, batch: Digits, stream: Stream, scratch: Path | None = None
    ) -> Corrected[Digits]:
        """Correct the digits in order, and report how far they moved (grey values, RMS).

        Published code regroups them by digit instead; training shuffles them anyway.
        """
        pixels = batch.images.reshape(len(batch), -1).astype(np.float64)
        corrected = pixels.copy()
        for digit, project in enumerate(self.projections):
            rows = batch.labels == digit
            if rows.any():
                corrected[rows] += self._share * (project(pixels[rows]) - pixels[rows])
        images = np.rint(corrected).clip(0, 255).astype(np.uint8).reshape(batch.images.shape)
        moved = images.astype(np.float64) - batch.images
        return Corrected(
            Digits(images, batch.labels), {"Moved_correction": float(np.sqrt((moved**2).mean()))}
        )


def write_centroids(correction: Correction[Digits], folder: Path) -> None:
    """Write `digit_clusters.png`, a row of centroids for each digit (published); k-means alone.

    Raises StorageError when the file cannot be written.
    """
    projections = correction.projections if isinstance(correction, DigitCorrection) else []
    rows = [p.centroids for p in projections if isinstance(p, Centroids)]
    if rows:
        images = np.concatenate(rows).astype(np.uint8).reshape(-1, SIDE, SIDE)
        labels = np.repeat(np.arange(DIGITS), len(rows[0]))
        write_sheet(folder / CLUSTERS, Digits(images, labels), columns=len(rows[0]))


def correction_named(
    name: str,
    real: Digits,
    clusters: int,
    move: float = math.inf,
    *,
    biased: bool = False,
    seed: int = 0,
) -> Correction[Digits]:
    """Return a correction function that knows the real digits.

    Args:
        name: a name of `domains.mnist.registries`, or `module:Name` of a `loop.interfaces`
            Correction, whose constructor may name `real` and `seed`.
        real: what the arm trains on; at least one image of every digit.
        clusters: centroids a digit, of kmeans.
        move: step, see `DigitCorrection`.
        biased: kmeans rounds its centroids half a grey value too bright (published).
        seed: of the run.

    Raises:
        InvalidOptionError: there is no such correction, or move is out of range.
        InvalidSamplesError: a digit has too few images.
    """
    build = CORRECTIONS.resolve(name)
    if name not in CORRECTIONS.names:
        return construct(build, real=real, seed=seed)
    if name in ORACLES:
        logger.info("correction %s copies training images: a bound, not a method", name)
    if name != "kmeans":
        return correction_of(build, real, move)
    return correction_of(
        lambda pixels: build(pixels, clusters, biased), real, move, needed=clusters
    )


def correction_of(
    build: Callable[[np.ndarray], Projection],
    real: Digits,
    move: float = math.inf,
    *,
    needed: int = 1,
) -> Correction[Digits]:
    """Make a correction function out of what builds the projection of one digit.

    Args:
        build: real images of a digit (M, 784) float64 -> its projection.
        real: what the arm trains on.
        move: step, see `DigitCorrection`.
        needed: real images of a digit that `build` cannot do without.

    Raises:
        InvalidOptionError: move is out of range.
        InvalidSamplesError: a digit has too few images.
    """
    counts = np.bincount(real.labels, minlength=DIGITS)
    if counts.min() < needed:
        raise InvalidSamplesError(
            "a digit has too few real images for this correction",
            found=f"{counts.min()} of digit {counts.argmin()}",
            expected=f"at least {needed}",
            remedy="train on more images, or ask for fewer clusters",
        )
    pixels = real.images.reshape(len(real), -1).astype(np.float64)
    return DigitCorrection([build(pixels[real.labels == d]) for d in range(DIGITS)], move)
