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
from domains.motion.presets import Protocol
from loop.interfaces import Corrected, Metrics
from loop.rng import Stream, integer_seed
from loop.rundir.partial_results import PartialResults
from translation.humanml import vectors_to_joints
from uhc.correct import CorrectionResult, Method, correct_motions
from uhc.request import Controller, check_controller

logger = logging.getLogger(__name__)

BODY_CLIPS = 16
"""Real clips that the body is measured on; all clips of a HumanML3D-like data set share it."""


class MotionCorrection:
    """Pushes every sample through `uhc.correct` and decides what becomes of failures.

    Args:
        method: `kinematic` (no physics: the control), `refined`, or `simulated` (the correction).
        protocol: playback rate, and what to do with samples that cannot be tracked.
        workers: processes; the result does not depend on their number.
        body: the body of the real data: what the world knows of a person's bones, whatever bones
            a sample has.
        filters: hand on the samples that succeed as they were drawn, and drop the others, whatever
            the protocol says: the loop with a verifier instead of a correction function.
        controller: who follows in simulation, from `uhc.controllers.registry`; None: the tracker.
        dump_folder: where states of diverged simulations are saved.

    Raises InvalidOptionError when the protocol asks for what the controller cannot do.
    """

    def __init__(
        self,
        method: Method,
        protocol: Protocol,
        workers: int,
        body: Skeleton,
        filters: bool = False,
        controller: Controller | None = None,
        dump_folder: Path | None = None,
    ) -> None:
        self._method: Method = method
        self._protocol, self._workers, self._body = protocol, workers, body
        check_controller(controller, protocol.playback_rate, protocol.on_failure == "teleport")
        self._controller, self._dump_folder = controller, dump_folder
        self._choose = passed if filters else self._corrected

    def correct(
        self, batch: MotionBatch, stream: Stream, scratch: Path | None = None
    ) -> Corrected[MotionBatch]:
        """Corrected motions under their old ids and captions, and what the physics reports."""
        results = correct_motions(
            [item.vectors for item in batch.items],
            self._method,
            workers=self._workers,
            seed=integer_seed(stream),
            playback_rate=self._protocol.playback_rate,
            teleport=self._protocol.on_failure == "teleport",
            skeleton=self._body,
            controller=self._controller,
            dump_folder=self._dump_folder,
            finished=_Finished(scratch),
        )
        reasons = Counter(result.reason for result in results if not result.success)
        for reason, count in reasons.most_common():
            logger.info("correction: %d of %d failed: %s", count, len(results), reason)
        pairs = zip(batch.items, results, strict=True)
        kept = [item for item in (self._choose(*pair) for pair in pairs) if item is not None]
        return Corrected(MotionBatch(tuple(kept)), _report(results, len(kept)))

    def _corrected(self, item: MotionItem, result: CorrectionResult) -> MotionItem | None:
        usable = result.success or self._protocol.on_failure != "drop"
        if not usable or result.vectors is None:
            return None
        return MotionItem(item.id, item.name, result.vectors, item.captions)


def passed(item: MotionItem, result: CorrectionResult) -> MotionItem | None:
    """A sample as it was drawn if the physics could perform it, else None."""
    return item if result.success else None


class _Finished(MutableMapping[int, CorrectionResult]):
    """Results by place, kept in the scratch folder of the stage; joints are left out."""

    def __init__(self, scratch: Path | None) -> None:
        self._pieces = PartialResults(scratch, "correct")

    def __getitem__(self, place: int) -> CorrectionResult:
        fields = {n: v if v.ndim else v.item() for n, v in self._pieces[place].items()}
        return CorrectionResult(**{"joints": None, **fields})

    def __setitem__(self, place: int, result: CorrectionResult) -> None:
        self._pieces[place] = {
            name: np.asarray(value)
            for name, value in vars(result).items()
            if name != "joints" and value is not None
        }

    def __delitem__(self, place: int) -> None:
        del self._pieces[place]

    def __iter__(self) -> Iterator[int]:
        return iter(self._pieces)

    def __len__(self) -> int:
        return len(self._pieces)


def body_of(real: MotionSet) -> Skeleton:
    """The skeleton of a data set whose motions share one body: medians over its first clips."""
    clips = [vectors_to_joints(item.vectors) for item in real.items[:BODY_CLIPS]]
    return Skeleton.from_joints(np.concatenate(clips))


def _report(results: Sequence[CorrectionResult], kept: int) -> Metrics:
    """Counts over all samples, and means over those that succeeded, where the method has them."""
    done = [result for result in results if result.success]
    counts = {
        "Attempted imitations_correction": float(len(results)),
        "Failed imitations_correction": float(len(results) - len(done)),
        "Kept motions_correction": float(kept),
    }
    columns = {
        "Residual force_correction": [result.residual_force_bw for result in done],
        "Clamp_correction": [result.clamp_n for result in done],
        "Unexplained force_correction": [result.unexplained_force_bw for result in done],
        "MPJPE_correction": [result.mpjpe_mm for result in done],
        "Root-aligned MPJPE_correction": [result.root_aligned_mm for result in done],
    }
    means = {name: float(np.mean(column)) for name, column in columns.items() if column}
    return counts | {name: mean for name, mean in means.items() if np.isfinite(mean)}
