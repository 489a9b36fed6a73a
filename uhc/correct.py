"""The correction function: motions in, motions out that a simulated body really performed.

`none` hands a motion through, `kinematic` is the control without physics (inverse kinematics,
clean-up, re-encoding), `refined` makes the clip explicable by floor contacts, `simulated` tracks
the refined clip in MuJoCo with as little help from outside the physics as it takes, and reports it.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, MutableMapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from body_models.skeleton import Skeleton, real_numbers
from loop.errors import ScscError
from loop.progress import track as show_progress
from translation.humanml import heading, joints_to_vectors, vectors_to_joints
from uhc.controllers.tracker import TrackerOptions
from uhc.pipeline import FPS, correct_clip, short_reason
from uhc.refine.solve import RefineOptions
from uhc.request import Controller, Method, Outcome, Request
from uhc.workers import WorkerLostError, run_batch

__all__ = ["CorrectionResult", "Method", "correct_joints", "correct_motions"]

logger = logging.getLogger(__name__)

SECONDS_A_CLIP = 120.0
SECONDS_A_MOTION_SECOND = 10.0
"""A worker process may take this long: a hundred times the usual, and the first clip of a new
installation waits for the compiler."""


@dataclass(frozen=True)
class CorrectionResult(Outcome):
    """What became of one motion; see `uhc.request.Outcome` for the numbers.

    `vectors` (F, 263) has as many frames as the input and `joints` are its joints. When tracking
    failed, both hold the refined motion (or, if asked for, the teleported one) with `success`
    False. When the input was no motion at all, both are None.
    """

    vectors: NDArray[np.float32] | None = None


def correct_motions(
    motions: Sequence[NDArray[Any]],
    method: Method = "simulated",
    *,
    workers: int = 2,
    seed: int = 0,
    playback_rate: float = 1.0,
    teleport: bool = False,
    skeleton: Skeleton | None = None,
    tracker: TrackerOptions | None = None,
    refine: RefineOptions | None = None,
    dump_folder: Path | None = None,
    controller: Controller | None = None,
    finished: MutableMapping[int, CorrectionResult] | None = None,
    keep_heading: bool = True,
) -> list[CorrectionResult]:
    """Correct HumanML3D motions (F, 263) at 20 fps; one result a motion, in the same order.

    A motion keeps its heading path and its start at the xz origin; the floor is at y = 0. F vectors
    hold F + 1 frames of joints (the last vector says where they move), so nothing is lost on the
    way: F + 1 frames are corrected and encode to F vectors again.

    Args:
        motions: HumanML3D vectors, not normalised.
        method: `none`, `kinematic`, `refined` or `simulated`.
        workers: processes; 1 runs here. Results do not depend on it.
        seed: reserved for controllers that draw; all present methods are deterministic.
        playback_rate: 1 is real time; 1.5 is how fast the published code plays the motion.
        teleport: at a failed imitation put the body back on the reference and go on (published
            behaviour) instead of delivering the refined motion; the clip counts as failed.
        skeleton: the body that all motions get. Samples of a network hardly keep the lengths of
            bones; give it the skeleton of the training data (the published correction, too, ends on
            one body for all). None keeps each motion's own median lengths.
        tracker, refine: settings of the stages; None for the defaults.
        dump_folder: where the state of a diverged simulation is saved.
        controller: who follows refined motions, from `uhc.controllers.registry`; None: the tracker.
        finished: results that are there already, by place in `motions`; new ones are added as they
            come, so that a call that was interrupted can be repeated with what it had done.
        keep_heading: encode results in the heading of the vectors they came from. False measures it
            anew from shoulders and hips, as published: of samples, whose own heading is another, a
            few centimetres then change every number by tens of degrees.

    A bad motion never raises: it costs itself, as a result with `success` False and a `reason`.
    Raises InvalidOptionError for options that do not exist.
    """
    request = _request(
        method, playback_rate, teleport, skeleton, tracker, refine, dump_folder, controller
    )
    finished = {} if finished is None else finished
    results = {index: finished[index] for index in range(len(motions)) if index in finished}
    todo = [index for index in range(len(motions)) if index not in results]
    decoded = [_decode(motions[index]) for index in todo]
    with closing(_corrected(decoded, request, workers)) as outcomes:
        for place, outcome in outcomes:
            index = todo[place]
            results[index] = _encode(motions[index], _outcome(outcome), keep_heading)
            if not isinstance(outcome, WorkerLostError):  # that may be the machine's fault
                finished[index] = results[index]
    return [results[index] for index in range(len(motions))]


def correct_joints(
    clips: Sequence[NDArray[Any]],
    method: Method = "simulated",
    *,
    workers: int = 2,
    playback_rate: float = 1.0,
    teleport: bool = False,
    skeleton: Skeleton | None = None,
    tracker: TrackerOptions | None = None,
    refine: RefineOptions | None = None,
    dump_folder: Path | None = None,
    controller: Controller | None = None,
) -> list[Outcome]:
    """As `correct_motions`, for joints (F, 22, 3) in metres, y up, 20 fps; F frames come back."""
    request = _request(
        method, playback_rate, teleport, skeleton, tracker, refine, dump_folder, controller
    )
    with closing(_corrected(clips, request, workers)) as outcomes:
        found = dict(outcomes)
    return [_outcome(found[index]) for index in range(len(clips))]


def _request(
    method: Method,
    playback_rate: float,
    teleport: bool,
    skeleton: Skeleton | None,
    tracker: TrackerOptions | None,
    refine: RefineOptions | None,
    dump_folder: Path | None,
    controller: Controller | None,
) -> Request:
    options = tracker or TrackerOptions()
    return Request(
        method=method,
        playback_rate=playback_rate,
        tracker=replace(options, teleport=teleport or options.teleport),
        refine=refine or RefineOptions(),
        skeleton=skeleton,
        dump_folder=dump_folder,
        controller=controller,
    )


def _decode(motion: NDArray[Any]) -> NDArray[np.float32] | Outcome:
    try:
        return vectors_to_joints(motion, append_next=True)
    except (ScscError, ValueError, TypeError) as error:  # not even numbers
        return _failed(error)


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
            return CorrectionResult(
                None, False, outcome.method_used, str(error).splitlines()[0], str(error)
            )
    return replace(CorrectionResult(**fields), joints=outcome.joints[:-1], vectors=vectors)


def _corrected(
    clips: Sequence[NDArray[Any] | Outcome], request: Request, workers: int
) -> Generator[tuple[int, Outcome | WorkerLostError], None, None]:
    """(index, outcome) of every clip as they finish; those that are outcomes already come first."""
    given = [clip if isinstance(clip, Outcome) else _numbers(clip) for clip in clips]
    todo = [(index, clip) for index, clip in enumerate(given) if not isinstance(clip, Outcome)]
    yield from ((index, clip) for index, clip in enumerate(given) if isinstance(clip, Outcome))
    running = run_batch(
        correct_clip,
        [clip for _, clip in todo],
        request,
        workers=1 if request.method == "none" else workers,
        time_limits=[
            SECONDS_A_CLIP + SECONDS_A_MOTION_SECOND * len(np.atleast_1d(clip)) / FPS
            for _, clip in todo
        ],
    )
    with closing(running):  # an interrupted caller leaves no worker behind
        for position, result in show_progress(running, f"correction ({request.method})", len(todo)):
            yield todo[position][0], result


def _numbers(clip: NDArray[Any]) -> NDArray[Any] | Outcome:
    """An array that can be sent to a worker; what is none has failed already."""
    try:
        return real_numbers(clip)
    except ScscError as error:
        return _failed(error)


def _failed(error: Exception) -> Outcome:
    return Outcome(None, False, "none", short_reason(error), str(error))


def _outcome(result: Outcome | WorkerLostError) -> Outcome:
    if isinstance(result, Outcome):
        return result
    return _failed(result)
