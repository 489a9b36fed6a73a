"""The correction function of the motion experiment: physics, or one of its controls."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, MutableMapping, Sequence
from pathlib import Path

import numpy as np

from body_models.skeleton import Skeleton
from dataset.humanml3d import MotionItem, MotionSet
from domains.motion.files import MotionBatch
from domains.motion.presets import OnFailure
from loop.interfaces import Corrected, Metrics
from loop.rng import Stream
from loop.rundir.partial_results import PartialResults
from loop.strength import KEPT
from translation.humanml import vectors_to_joints
from uhc.correct import CorrectionResult, correct_motions
from uhc.options import CorrectionOptions

logger = logging.getLogger(__name__)

BODY_CLIPS = 16
"""Real clips that the body is measured on; all clips of a HumanML3D-like data set share it."""


class MotionCorrection:
    """Push every sample through `uhc.correct` and decide what becomes of failures.

    Args:
        options: how each sample is corrected; `on_failure` `teleport` has its `teleport`.
        workers: processes; the result does not depend on their number.
        on_failure: what becomes of samples that cannot be tracked.
        filters: hand on the samples that succeed as they were drawn, and drop the others, whatever
            `on_failure` says: the loop with a verifier instead of a correction function.
    """

    def __init__(
        self,
        options: CorrectionOptions,
        workers: int,
        on_failure: OnFailure = "drop",
        filters: bool = False,
    ) -> None:
        self._options, self._workers, self._on_failure = options, workers, on_failure
        self._choose = passed if filters else self._corrected

    def correct(
        self, batch: MotionBatch, stream: Stream, scratch: Path | None = None
    ) -> Corrected[MotionBatch]:
        """Correct motions under their ids and captions, and report what the physics says."""
        results = correct_motions(
            [item.vectors for item in batch.items],
            self._options,
            workers=self._workers,
            finished=_Finished(scratch),
        )
        for reason, count in _reasons(results).most_common():
            tried = self._options.controller.attempts
            of = "correction: %d of %d failed: %s (tried: %s)"
            logger.info(of, count, len(results), reason, tried)
        pairs = zip(batch.items, results, strict=True)
        chosen = [self._choose(*pair) for pair in pairs]
        kept = tuple(item for item in chosen if item is not None)
        rows = np.array([row for row, item in enumerate(chosen) if item is not None], int)
        return Corrected(MotionBatch(kept), _report(results, len(kept)), rows)

    def _corrected(self, item: MotionItem, result: CorrectionResult) -> MotionItem | None:
        usable = result.success or self._on_failure != "drop"
        if not usable or result.vectors is None:
            return None
        return MotionItem(item.id, item.name, result.vectors, item.captions)


def passed(item: MotionItem, result: CorrectionResult) -> MotionItem | None:
    """Return a sample as it was drawn if the physics could perform it, else None."""
    return item if result.success else None


class _Finished(MutableMapping[int, CorrectionResult]):
    """Results by place, kept in the scratch folder of the stage; joints are left out."""

    def __init__(self, scratch: Path | None) -> None:
        self._stored = PartialResults(scratch, "correct")

    def __getitem__(self, place: int) -> CorrectionResult:
        fields = {n: v if v.ndim else v.item() for n, v in self._stored[place].items()}
        return CorrectionResult(**{"joints": None, **fields})

    def __setitem__(self, place: int, result: CorrectionResult) -> None:
        self._stored[place] = {
            name: np.asarray(value)
            for name, value in vars(result).items()
            if name != "joints" and value is not None
        }

    def __delitem__(self, place: int) -> None:
        del self._stored[place]

    def __iter__(self) -> Iterator[int]:
        return iter(self._stored)

    def __len__(self) -> int:
        return len(self._stored)


def body_of(real: MotionSet) -> Skeleton:
    """Measure the skeleton that all motions of a data set share: medians over its first clips."""
    clips = [vectors_to_joints(item.vectors) for item in real.items[:BODY_CLIPS]]
    return Skeleton.from_joints(np.concatenate(clips))


def _reasons(results: Sequence[CorrectionResult]) -> Counter[str]:
    return Counter(result.reason for result in results if not result.success)


def _report(results: Sequence[CorrectionResult], kept: int) -> Metrics:
    """Count over all samples; average over those that succeeded what the method has."""
    done = [result for result in results if result.success]
    counts = {
        "Attempted imitations_correction": float(len(results)),
        "Failed imitations_correction": float(len(results) - len(done)),
        KEPT: float(kept),
    }
    columns = {
        "Residual force_correction": [result.residual_force_bw for result in done],
        "Clamp_correction": [result.clamp_n for result in done],
        "Unexplained force_correction": [result.unexplained_force_bw for result in done],
        "MPJPE_correction": [result.mpjpe_mm for result in done],
        "Root-aligned MPJPE_correction": [result.root_aligned_mm for result in done],
    }
    means = {name: float(np.mean(column)) for name, column in columns.items() if column}
    counts |= {f"Failed: {r}_correction": float(n) for r, n in _reasons(results).most_common()}
    return counts | {name: mean for name, mean in means.items() if np.isfinite(mean)}
