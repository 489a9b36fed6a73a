"""An oracle in place of a correction function: it hands out real training motions."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from sklearn.neighbors import NearestNeighbors

from domains.motion.denoiser import UNIT
from domains.motion.evaluator.protocol import Evaluator
from domains.motion.files import MotionBatch
from loop.errors import InvalidOptionError
from loop.interfaces import Corrected
from loop.rng import Stream

logger = logging.getLogger("scsc")


class NearestReal:
    """Replaces each sample by the real training motion that is nearest for the evaluator.

    A bound on what any correction could gain, not a method: what it returns are copies.

    Args:
        real: the training motions.
        evaluator: embeds motions; distances are Euclidean.
        max_frames: longest motion that the model draws; both sides are cut to it, and to whole
            units of four frames, before they are embedded.

    Raises:
        InvalidOptionError: there is no evaluator that embeds motions.
    """

    def __init__(self, real: MotionBatch, evaluator: Evaluator | None, max_frames: int) -> None:
        if evaluator is None:
            raise InvalidOptionError(
                "the correction nearest needs an evaluator that embeds motions",
                remedy="choose --evaluator trained or published",
            )
        logger.info("correction nearest copies training motions: a bound, not a method")
        self._real, self._evaluator, self._max_frames = real, evaluator, max_frames
        self._search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(self._embed(real))

    def _embed(self, batch: MotionBatch) -> np.ndarray:
        motions: Sequence[np.ndarray] = [item.vectors for item in batch.items]
        frames = [min(len(motion), self._max_frames) // UNIT * UNIT for motion in motions]
        cut = [motion[:end] for motion, end in zip(motions, frames, strict=True)]
        return self._evaluator.embed_motions(cut)

    def correct(
        self, batch: MotionBatch, stream: Stream, scratch: Path | None = None
    ) -> Corrected[MotionBatch]:
        """Return real motions, whole, under the ids and captions of the samples."""
        if not len(batch):
            return Corrected(batch)
        distances, rows = (found[:, 0] for found in self._search.kneighbors(self._embed(batch)))
        items = [
            replace(item, vectors=self._real.items[row].vectors)
            for item, row in zip(batch.items, rows, strict=True)
        ]
        report = {
            "Distance to nearest_correction": float(distances.mean()),
            "Different copies_correction": float(len(set(rows.tolist()))),
        }
        return Corrected(MotionBatch(tuple(items)), report)
