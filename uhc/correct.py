"""The correction function: motions in, motions out that a simulated body really performed."""

from __future__ import annotations

from collections.abc import Generator, MutableMapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from body_models.skeleton import real_numbers
from loop.errors import ScscError
from loop.progress import track
from translation.humanml import FPS, heading, joints_to_vectors, vectors_to_joints
from uhc.options import CorrectionOptions, Outcome, failed_outcome
from uhc.pipeline import correct_clip
from uhc.workers import WorkerLostError, run_batch

SECONDS_A_CLIP = 120.0
SECONDS_A_MOTION_SECOND = 10.0
"""A worker process may take this long: a hundred times the usual, and the first clip of a new
installation waits for the compiler."""


@dataclass(frozen=True)
class CorrectionResult(Outcome):
    """What became of one motion; see `uhc.options.Outcome` for the numbers.

    `vectors` (F, 263) has as many frames as the input and `joints` are its joints. When tracking
    failed, both hold the refined motion (or, if asked for, the teleported one) with `success`
    False. When the input was no motion at all, both are None.
    """

    vectors: NDArray[np.float32] | None = None


def correct_motions(
    motions: Sequence[NDArray[Any]],
    options: CorrectionOptions | None = None,
    *,
    workers: int = 2,
    finished: MutableMapping[int, CorrectionResult] | None = None,
) -> list[CorrectionResult]:
    """Correct HumanML3D motions (F, 263) at 20 fps; one result a motion, in the same order.

    A motion keeps its heading path and its start at the xz origin; the floor is at y = 0. F vectors
    hold F + 1 frames of joints (the last vector says where they move), so nothing is lost on the
    way: F + 1 frames are corrected and encode to F vectors again.

    Args:
        motions: HumanML3D vectors, not normalised.
        options: how; None simulates with the tracker.
        workers: processes; 1 runs here. Results do not depend on it.
        finished: results that are there already, by place in `motions`; new ones are added as they
            come, so that a call that was interrupted can be repeated with what it had done.

    A bad motion never raises: it costs itself, as a result with `success` False and a `reason`.
    """
    finished = {} if finished is None else finished
    results = {index: finished[index] for index in range(len(motions)) if index in finished}
    todo = [index for index in range(len(motions)) if index not in results]
    decoded = [_decode(motions[index]) for index in todo]
    options = options or CorrectionOptions()
    with closing(_corrected(decoded, options, workers)) as outcomes:
        for place, outcome in outcomes:
            index = todo[place]
            results[index] = _encode(motions[index], _outcome(outcome), options.keep_heading)
            if not isinstance(outcome, WorkerLostError):  # that may be the machine's fault
                finished[index] = results[index]
    return [results[index] for index in range(len(motions))]


def correct_joints(
    clips: Sequence[NDArray[Any]], options: CorrectionOptions | None = None, *, workers: int = 2
) -> list[Outcome]:
    """Correct joints (F, 22, 3) in metres, y up, 20 fps, as `correct_motions`; F frames return."""
    with closing(_corrected(clips, options or CorrectionOptions(), workers)) as outcomes:
        found = dict(outcomes)
    return [_outcome(found[index]) for index in range(len(clips))]


def _decode(motion: NDArray[Any]) -> NDArray[np.float32] | Outcome:
    try:
        return vectors_to_joints(motion, append_next=True)
    except (ScscError, ValueError, TypeError) as error:  # not even numbers
        return failed_outcome(error)


def _encode(motion: NDArray[Any], outcome: Outcome, keep_heading: bool) -> CorrectionResult:
    fields: dict[str, Any] = vars(outcome)
    if outcome.joints is None:
        return CorrectionResult(**fields)
    if outcome.method_used == "none":
        vectors = np.array(motion, dtype=np.float32)
    else:
        joints = outcome.joints - outcome.joints[:1, :1] * np.array([1.0, 0.0, 1.0], np.float32)
        try:
            kept = heading(motion) if keep_heading else None
            vectors = joints_to_vectors(joints, placed=True, half_yaw=kept)
        except ScscError as error:
            failed = replace(failed_outcome(error), method_used=outcome.method_used)
            return CorrectionResult(**vars(failed))
    return replace(CorrectionResult(**fields), joints=outcome.joints[:-1], vectors=vectors)


def _corrected(
    clips: Sequence[NDArray[Any] | Outcome], options: CorrectionOptions, workers: int
) -> Generator[tuple[int, Outcome | WorkerLostError], None, None]:
    """Yield (index, outcome) of clips as they finish; what is an outcome already comes first."""
    given = [clip if isinstance(clip, Outcome) else _numbers(clip) for clip in clips]
    todo = [(index, clip) for index, clip in enumerate(given) if not isinstance(clip, Outcome)]
    yield from ((index, clip) for index, clip in enumerate(given) if isinstance(clip, Outcome))
    running = run_batch(
        correct_clip,
        [clip for _, clip in todo],
        options,
        workers=1 if options.method == "none" else workers,
        time_limits=[
            SECONDS_A_CLIP + SECONDS_A_MOTION_SECOND * len(np.atleast_1d(clip)) / FPS
            for _, clip in todo
        ],
    )
    with closing(running):  # an interrupted caller leaves no worker behind
        for position, result in track(running, f"correction ({options.method})", len(todo)):
            yield todo[position][0], result


def _numbers(clip: NDArray[Any]) -> NDArray[Any] | Outcome:
    """Return an array that can be sent to a worker, or the outcome of what is none."""
    try:
        return real_numbers(clip)
    except ScscError as error:
        return failed_outcome(error)


def _outcome(result: Outcome | WorkerLostError) -> Outcome:
    return result if isinstance(result, Outcome) else failed_outcome(result)
