"""The correction of one clip: joints, rotations, clean-up, refinement, simulation, joints.

Everything that can go wrong with a clip is turned into a counted failure with a reason here, so
that a bad clip costs that clip only.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import mujoco as _mujoco
import numpy as np
from numpy.typing import NDArray

from body_models.skeleton import Skeleton, check_joints
from loop.errors import InvalidMotionError, ScscError
from model.ik import IK, joints_to_poses
from uhc.clips import floor_height, upright
from uhc.control.reference import MIN_FRAMES
from uhc.control.simulation import Watch
from uhc.controllers.cascade import track_with
from uhc.controllers.faithful.controller import Faithful, follow_faithful
from uhc.controllers.tracker import Tracking, track
from uhc.humanoid.cleanup import clean
from uhc.humanoid.height import standing_joints
from uhc.humanoid.model import Humanoid, build_humanoid, pose_to_qpos
from uhc.humanoid.segments import FOOT_DROP_M
from uhc.measure.plausibility import mpjpe_mm
from uhc.refine.solve import refine, unexplained_force
from uhc.request import ContactChoice, Method, Outcome, Request

mujoco: Any = _mujoco  # its compiled parts carry no types
logger = logging.getLogger(__name__)

FPS = 20.0

MAX_ROOT_STEP_M = 0.75
"""Root displacement in one frame, 15 m/s at 20 fps, above which no person made the motion."""
MAX_JOINT_STEP_M = 2.0
"""The same for any joint, 40 m/s."""
MAX_FRAMES = 20_000
"""1000 s of motion; its refinement takes some gigabytes."""
MAX_DISTANCE_M = 10_000.0
"""How far from the origin single precision still tells millimetres apart."""

RESTING_HEIGHT_M, RESTING_STEP_M = 0.03, 0.01
"""A foot rests whose ankle or toe is this low over the floor while both move less than this."""
STANDING_PELVIS_M = 0.3
"""Under a pelvis this low over the floor, feet lie on their sides or insteps."""
USUAL_FEET = 10
"""So many resting feet of the usual kind are added to those of a motion."""
MIN_DROP_M, MAX_DROP_M = 0.02, 0.07

CLIP_FAULTS = (
    ScscError, mujoco.FatalError, np.linalg.LinAlgError, ArithmeticError, ValueError, MemoryError,
)  # fmt: skip
"""What a clip that no person made can raise on its way through geometry, optimiser and physics."""


@dataclass(frozen=True)
class Prepared:
    """A clip on the humanoid: cleaned poses (F, nq), soles at height 0, and the joints given."""

    humanoid: Humanoid
    qpos: NDArray[np.float64]
    given: NDArray[np.float64]


def correct_clip(joints: NDArray[Any], request: Request) -> Outcome:
    """Correct one motion (F, 22, 3), metres, y up, 20 fps; no content of a clip makes it raise."""
    return correct_stages(joints, replace(request, also=()))[request.method]


def correct_stages(joints: NDArray[Any], request: Request) -> dict[Method, Outcome]:
    """What `correct_clip` gives by `request.method` and by each of `request.also`, in one pass."""
    wanted: set[Method] = {request.method, *request.also}
    started = time.perf_counter()
    found: dict[Method, Outcome] = {}
    try:
        for method, outcome in _stages(joints, request, wanted):
            found[method] = replace(outcome, seconds=time.perf_counter() - started)
    except CLIP_FAULTS as error:
        logger.debug("A clip failed", exc_info=True)
        seconds = time.perf_counter() - started
        lost = Outcome(None, False, "none", short_reason(error), str(error), seconds=seconds)
        found |= {method: lost for method in wanted if method not in found}
    return found


def _stages(
    joints: NDArray[Any], request: Request, wanted: set[Method]
) -> Iterator[tuple[Method, Outcome]]:
    positions = check_joints(joints)
    if positions.ndim != 3:
        raise InvalidMotionError(
            "joints have the wrong shape", found=positions.shape, expected="(frames, 22, 3)"
        )
    _check_distance(positions)
    if "none" in wanted:
        yield "none", _deliver(Outcome(None, True, "none"), positions, positions)
        if wanted == {"none"}:
            return
    if len(positions) < MIN_FRAMES:
        raise InvalidMotionError(
            "motion is too short", found=f"{len(positions)} frames", expected=f">= {MIN_FRAMES}"
        )
    if len(positions) > MAX_FRAMES:
        raise InvalidMotionError(
            "motion is too long",
            found=f"{len(positions)} frames",
            expected=f"<= {MAX_FRAMES}",
            remedy="cut it into windows",
        )
    _check_speed(positions)
    alone = request.tracker.teleport and wanted <= {"none", "simulated"}
    if isinstance(request.controller, Faithful) and alone:  # nothing of ours before it
        joints, tracked = follow_faithful(
            positions, request.controller, request.playback_rate, True, request.skeleton
        )
        done = Outcome(None, True, "simulated", contacts="body")
        yield "simulated", _deliver(_with_tracking(done, tracked), joints, positions)
        return
    clip = prepare(positions, request.skeleton, request.contacts, request.ik)
    if "kinematic" in wanted:
        done = _done("kinematic", clip, unexplained_force(clip.humanoid, clip.qpos, FPS))
        yield "kinematic", _deliver(done, _joints(clip, clip.qpos), positions)
        if wanted <= {"none", "kinematic"}:
            return
    refined = refine(clip.humanoid, clip.qpos, FPS, request.refine)
    done = _done("refined", clip, refined.unexplained_force_bw)
    if "refined" in wanted:
        yield "refined", _deliver(done, _joints(clip, refined.qpos), positions)
    if "simulated" in wanted:
        yield "simulated", _simulated(clip, refined.qpos, done, request, positions)


def _done(method: Method, clip: Prepared, unexplained: NDArray[np.float64]) -> Outcome:
    return Outcome(
        None,
        True,
        method,
        unexplained_force_bw=float(np.mean(unexplained)),
        contacts=clip.humanoid.contacts,
    )


def _simulated(
    clip: Prepared,
    qpos: NDArray[np.float64],
    done: Outcome,
    request: Request,
    given: NDArray[np.float64],
) -> Outcome:
    """Track refined poses; when that fails, the outcome holds them instead."""
    joints, tracked = follow_refined(clip, qpos, request, given)
    if tracked.success or tracked.teleports:
        done = replace(done, method_used="simulated", unexplained_force_bw=float("nan"))
    else:
        joints = _joints(clip, qpos)
    return _deliver(_with_tracking(done, tracked), joints, given)


def follow_refined(
    clip: Prepared,
    qpos: NDArray[np.float64],
    request: Request,
    given: NDArray[np.float64],
    watch: Watch | None = None,
) -> tuple[NDArray[np.float32], Tracking]:
    """Joints (N, 22, 3), y up, reached by following refined poses (F, nq), and how it went.

    The published controller follows `given`, and lets nobody `watch` (see
    `uhc.controllers.tracker.track`).
    """
    controller, dumps = request.controller, request.dump_folder
    if isinstance(controller, Faithful):  # it has a body and contacts of its own
        rate, again = request.playback_rate, request.tracker.teleport
        return follow_faithful(given, controller, rate, again, request.skeleton)
    body, tracker = clip.humanoid, request.tracker
    if controller is None:
        tracked = track(body, qpos, FPS, tracker, request.playback_rate, dumps, watch)
    else:
        tracked = track_with(controller, body, qpos, tracker, dumps, watch, request.alone)
    return _joints(clip, tracked.qpos), tracked


def _with_tracking(done: Outcome, tracked: Tracking) -> Outcome:
    detail = ""
    if not tracked.success:
        where = f"in frame {tracked.failed_frame}"
        detail = f"{tracked.reason} {where} with up to {tracked.clamp_n:.0f} N of help"
    return replace(
        done,
        success=tracked.success,
        reason=tracked.reason,
        detail=detail,
        clamp_n=tracked.clamp_n,
        residual_force_bw=tracked.force_bw,
        residual_torque_bwm=tracked.torque_bwm,
    )


def _deliver(done: Outcome, joints: NDArray[Any], given: NDArray[np.float64]) -> Outcome:
    """The outcome with its motion and distances to the input; a motion that is not finite fails."""
    if not np.isfinite(joints).all():
        return Outcome(None, False, done.method_used, "the result is not finite", done.detail)
    done = replace(done, joints=joints.astype(np.float32))
    if len(joints) != len(given):  # the published controller adds a frame at each teleport
        return done
    return replace(
        done,
        mpjpe_mm=mpjpe_mm(joints, given),
        root_aligned_mm=mpjpe_mm(joints, given, root_aligned=True),
    )


def prepare(
    positions: NDArray[np.float64],
    skeleton: Skeleton | None,
    contacts: ContactChoice = "auto",
    ik: IK = "analytic",
) -> Prepared:
    """Put joints (F, 22, 3), y up, on the humanoid of `skeleton` (or their own), cleaned."""
    if contacts == "auto":
        contacts = "feet" if upright(positions) else "body"
    solution = joints_to_poses(positions, skeleton, ik)
    longest_drop = 0.6 * solution.skeleton.lengths[[10, 11]].min()
    drop = min(foot_drop(positions), longest_drop)
    humanoid = build_humanoid(solution.skeleton, drop, contacts)
    raw = pose_to_qpos(humanoid, solution.root_position, solution.local_quat_wxyz)
    return Prepared(humanoid, clean(humanoid, raw, FPS), positions)


def foot_drop(positions: NDArray[np.float64]) -> float:
    """Height of the ankles above the toe joints (metres) where the feet of a motion rest.

    The sole of the humanoid is level in that pose. Data sets differ: where the ankle rests level
    with the toe, the usual box would reach 5 cm deep into the floor at its heel. The median over
    resting feet is pulled to the usual drop, which a clip without rest keeps.
    """
    steps = np.linalg.norm(np.diff(positions, axis=0, append=positions[-1:]), axis=-1)
    floor = floor_height(positions)
    drops = [np.full(USUAL_FEET, FOOT_DROP_M)]
    for ankle, toe in ((7, 10), (8, 11)):
        low = positions[:, (ankle, toe), 1].min(axis=1) < floor + RESTING_HEIGHT_M
        low &= positions[:, 0, 1] > floor + STANDING_PELVIS_M
        resting = low & (steps[:, (ankle, toe)].max(axis=1) < RESTING_STEP_M)
        drops.append(positions[resting, ankle, 1] - positions[resting, toe, 1])
    return float(np.clip(np.median(np.concatenate(drops)), MIN_DROP_M, MAX_DROP_M))


def _joints(clip: Prepared, qpos: NDArray[np.float64]) -> NDArray[np.float32]:
    return standing_joints(clip.humanoid, qpos, clip.given)


def _check_distance(positions: NDArray[np.float64]) -> None:
    farthest = np.abs(positions).max()
    if farthest > MAX_DISTANCE_M:
        raise InvalidMotionError(
            "moves too far from the origin",
            found=f"{farthest:.3g} m",
            expected=f"at most {MAX_DISTANCE_M:.0f} m",
        )


def _check_speed(positions: NDArray[np.float64]) -> None:
    steps = np.linalg.norm(np.diff(positions, axis=0), axis=-1)
    if steps[:, 0].max() > MAX_ROOT_STEP_M or steps.max() > MAX_JOINT_STEP_M:
        frame = int(steps.max(axis=1).argmax())
        raise InvalidMotionError(
            "moves faster than any person",
            found=f"{FPS * steps[frame].max():.0f} m/s after frame {frame}",
            expected=f"root under {FPS * MAX_ROOT_STEP_M:.0f}, joints under "
            f"{FPS * MAX_JOINT_STEP_M:.0f} m/s",
        )


def short_reason(error: BaseException) -> str:
    """First line of a message without its numbers' frame, to count faults by."""
    lines = str(error).splitlines() or [type(error).__name__]
    return lines[0].split(", first in frame")[0].rstrip(".")
