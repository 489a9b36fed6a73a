"""The correction of one clip: joints, rotations, clean-up, refinement, simulation, joints.

Everything that can go wrong with a clip is turned into a counted failure with a reason here, so
that a bad clip costs that clip only.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from body_models.arrays import Array
from body_models.skeleton import DEFAULT_SKELETON, check_joints
from loop.errors import InvalidMotionError
from translation.humanml import FPS
from uhc.control.reference import MIN_FRAMES
from uhc.control.simulation import CLIP_FAULTS, ObserverFactory
from uhc.controllers.base import CLOSE_M, Tracking, TrackingRequest
from uhc.humanoid.fitting import FittedMotion, fit_motion
from uhc.humanoid.height import standing_joints
from uhc.humanoid.model import build_humanoid
from uhc.measure.plausibility import mpjpe_mm
from uhc.options import CorrectionOptions, Method, Outcome, failed_outcome
from uhc.refine.solve import NEAR, refine, refine_firmly, unexplained_force

logger = logging.getLogger(__name__)

MAX_ROOT_STEP_M = 0.75
"""Root displacement in one frame, 15 m/s at 20 fps, above which no person made the motion."""
MAX_JOINT_STEP_M = 2.0
"""The same for any joint, 40 m/s."""
NEAR_M = 0.01
"""Mean distance of all joints to near poses up to which no other attempt is made."""
MAX_FRAMES = 20_000
"""1000 s of motion; its refinement takes some gigabytes."""
MAX_DISTANCE_M = 10_000.0
"""How far from the origin single precision still tells millimetres apart."""


def correct_clip(joints: NDArray[np.floating], options: CorrectionOptions) -> Outcome:
    """Correct one motion (F, 22, 3), metres, y up, 20 fps; no content of a clip makes it raise."""
    return correct_stages(joints, replace(options, also=()))[options.method]


def correct_stages(
    joints: NDArray[np.floating], options: CorrectionOptions
) -> dict[Method, Outcome]:
    """Correct one motion by `options.method` and by each of `options.also`, in one pass."""
    wanted: set[Method] = {options.method, *options.also}
    started = time.perf_counter()
    found: dict[Method, Outcome] = {}
    try:
        for method, outcome in _stages(joints, options, wanted):
            found[method] = replace(outcome, seconds=time.perf_counter() - started)
    except CLIP_FAULTS as error:
        logger.debug("A clip failed", exc_info=True)
        failed = failed_outcome(error, time.perf_counter() - started)
        found |= {method: failed for method in wanted if method not in found}
    return found


def _stages(
    joints: NDArray[np.floating], options: CorrectionOptions, wanted: set[Method]
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
    own_body = not options.controller.capabilities.humanoid
    if own_body and options.teleport and wanted <= {"none", "simulated"}:  # as published
        nothing = FittedMotion(build_humanoid(DEFAULT_SKELETON), np.empty((0, 71)))
        request = tracking_request(nothing, nothing.qpos, positions, options)
        done = Outcome(None, True, "simulated", contacts="body")
        yield "simulated", _simulated(options.controller.track(request), done, positions)
        return
    clip = fit_motion(positions, options.skeleton, options.contacts, options.ik)
    if "kinematic" in wanted:
        done = _done("kinematic", clip, unexplained_force(clip.humanoid, clip.qpos, FPS))
        fitted = standing_joints(clip.humanoid, clip.qpos, positions)
        yield "kinematic", _deliver(done, fitted, positions)
        if wanted <= {"none", "kinematic"}:
            return
    refined = refine(clip.humanoid, clip.qpos, FPS, NEAR)
    done = _done("refined", clip, refined.unexplained_force_bw)
    done = _deliver(done, standing_joints(clip.humanoid, refined.qpos, positions), positions)
    if "refined" in wanted:
        yield "refined", done
    if "simulated" in wanted:
        tracked = track_refined(clip, refined.qpos, positions, options)
        yield "simulated", _simulated(tracked, done, positions)


def track_refined(
    clip: FittedMotion,
    near: Array,
    source: Array,
    options: CorrectionOptions,
    observe: ObserverFactory | None = None,
) -> Tracking:
    """Track poses (F, nq) refined by `NEAR`; where that takes help, poses that are easier to track.

    Without residual force the near poses are tracked first: most standing and walking needs no
    more, and what is tracked is nearer to `source`, the joints (F, 22, 3). Else the motion is
    refined anew, firmly (`refine_firmly`), and the controller does what it can with the result.
    What needs less force wins if it is within `CLOSE_M`, else the closer.
    """
    controller = options.controller
    request = replace(tracking_request(clip, near, source, options), observe=observe)
    if not controller.capabilities.humanoid:
        return controller.track(request)
    first = controller.unaided().track(replace(request, teleport=False))
    if first.within(NEAR_M):
        return first
    firm = refine_firmly(clip.humanoid, clip.qpos, FPS)
    second = controller.track(replace(request, qpos=firm.qpos))
    if options.teleport:
        return second
    unaided = first.within(CLOSE_M) and first.force_bw < second.force_bw
    return first if unaided else max(second, first, key=Tracking.rank)


def tracking_request(
    clip: FittedMotion, qpos: Array, source: Array, options: CorrectionOptions
) -> TrackingRequest:
    """Ask for tracking of refined poses (F, nq) that were made from joints (F, 22, 3)."""
    return TrackingRequest(
        clip.humanoid,
        qpos,
        source,
        options.playback_rate,
        options.teleport,
        options.skeleton,
        options.dump_folder,
        ik=options.ik,
    )


def _done(method: Method, clip: FittedMotion, unexplained: Array) -> Outcome:
    return Outcome(
        None,
        True,
        method,
        unexplained_force_bw=float(np.mean(unexplained)),
        contacts=clip.humanoid.contacts,
    )


def _simulated(tracked: Tracking, refined: Outcome, source: Array) -> Outcome:
    """Report what the simulated body did; when tracking failed, the refined motion is delivered."""
    detail = ""
    if not tracked.success:
        detail = (
            f"{tracked.reason} in frame {tracked.failed_frame} with up to {tracked.clamp_n:.0f} N "
            "of residual force"
        )
    done = replace(
        refined,
        success=tracked.success,
        reason=tracked.reason,
        detail=detail,
        clamp_n=tracked.clamp_n,
        residual_force_bw=tracked.force_bw,
        residual_torque_bwm=tracked.torque_bwm,
    )
    if not (tracked.success or tracked.teleports):
        return done
    done = replace(done, method_used="simulated", unexplained_force_bw=float("nan"))
    return _deliver(done, tracked.joints, source)


def _deliver(done: Outcome, joints: NDArray[np.floating], source: Array) -> Outcome:
    """Add the motion and its distances to the input; a motion that is not finite fails."""
    if not np.isfinite(joints).all():
        return Outcome(None, False, done.method_used, "the result is not finite", done.detail)
    done = replace(done, joints=joints.astype(np.float32))
    if len(joints) != len(source):  # the published controller adds a frame at each teleport
        return done
    return replace(
        done,
        mpjpe_mm=mpjpe_mm(joints, source),
        root_aligned_mm=mpjpe_mm(joints, source, root_aligned=True),
    )


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
