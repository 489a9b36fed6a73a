"""Simulated tracking: the humanoid follows a reference motion under gravity and contact.

No learned weights. Torques come from `uhc.control.computed_torque`; the only help from outside the
physics is a wrench at the root whose every axis is bounded, and which is measured and reported.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loop.errors import InvalidOptionError
from uhc.control.computed_torque import Gains
from uhc.control.reference import Reference, build_reference
from uhc.control.simulation import Observer, Simulation, Watch
from uhc.humanoid.model import Humanoid, qpos_to_joints_zup

Array = NDArray[np.float64]

CLAMP_LADDER_N = (0.0, 25.0, 50.0, 100.0, 200.0)
FAILURE_M = 0.5
"""Mean distance of the bodies to the reference above which tracking has failed (as in UHC)."""
TOES = (10, 11)
BODIES = tuple(j for j in range(22) if j not in TOES)


@dataclass(frozen=True)
class TrackerOptions:
    """How hard to pull towards the reference, and how much help to allow."""

    gains: Gains = field(default_factory=Gains)
    ladder: tuple[float, ...] = CLAMP_LADDER_N
    """Bounds of the residual root wrench to try in turn, N (forces) and Nm (torques) an axis."""
    accept_error_m: float = 0.05
    """A rung of the ladder is kept at once when the mean joint distance stays below this."""
    settle_m: float = 0.004
    """The reference is lowered by this much: soles that merely graze the floor carry no load."""
    start_lift_m: float = 0.003
    """The body starts this far above the lowered reference, lest the floor throws it up."""
    failure_m: float = FAILURE_M
    teleport: bool = False
    """When no rung follows the clip, put the body back on the reference at each failure and go on,
    as the published code does. Such a clip still counts as failed."""


@dataclass(frozen=True)
class Tracking:
    """One simulated attempt; averages are over the frames reached."""

    qpos: Array
    """(F, nq) at the input's frame rate; only the frames before a failure."""
    success: bool
    reason: str
    """Why it failed, in words that are the same for every clip; empty on success."""
    failed_frame: int
    """Where it failed first; -1 on success."""
    teleports: int
    clamp_n: float
    force_bw: float
    """Mean magnitude of the residual root force, body weights."""
    torque_bwm: float
    """Mean magnitude of the residual root torque, body weights times metres."""
    contact_bw: float
    """Mean vertical contact force, body weights."""
    error_m: float
    """Mean distance of all 22 joints to the reference."""
    observer: Observer | None = None
    """Who watched this attempt."""


def track(
    humanoid: Humanoid,
    qpos: NDArray[Any],
    fps: float = 20.0,
    options: TrackerOptions | None = None,
    playback_rate: float = 1.0,
    dump_folder: Path | None = None,
    watch: Watch | None = None,
) -> Tracking:
    """Track poses (F, nq), z up with the soles at floor height, with as little help as it takes.

    The rungs of the ladder are tried from the smallest. The first that follows the whole clip
    within `accept_error_m` is kept; when several follow it but none that closely, the closest one.
    When none does, the attempt that came nearest is returned with `success` False.

    When the simulation diverges its state is written to `dump_folder`, if given. `watch` makes an
    observer for each attempt; that of the one returned comes along.
    """
    options = options or TrackerOptions()
    if not options.ladder:
        raise InvalidOptionError("The ladder of residual wrenches is empty.", expected="newtons")
    lowered = np.array(qpos, dtype=np.float64)
    lowered[:, 2] -= options.settle_m
    reference = build_reference(lowered, fps, playback_rate)
    goals = qpos_to_joints_zup(humanoid, qpos)
    best: Tracking | None = None
    for clamp in options.ladder:
        attempt = simulate(
            humanoid, reference, goals, clamp, options, dump_folder=dump_folder, watch=watch
        )
        if close(attempt, options):
            return attempt
        if best is None or rank(attempt) > rank(best):
            best = attempt
    assert best is not None
    if options.teleport and not best.success:
        top = options.ladder[-1]
        return simulate(humanoid, reference, goals, top, options, teleport=True, watch=watch)
    return best


def close(attempt: Tracking, options: TrackerOptions) -> bool:
    """Whether an attempt is kept at once."""
    return attempt.success and attempt.error_m <= options.accept_error_m


def rank(attempt: Tracking) -> tuple[bool, float]:
    """Larger is better: success first, then how close, or how far it came."""
    return attempt.success, -attempt.error_m if attempt.success else attempt.failed_frame


def simulate(
    humanoid: Humanoid,
    reference: Reference,
    goals: Array,
    clamp_n: float,
    options: TrackerOptions,
    *,
    teleport: bool = False,
    dump_folder: Path | None = None,
    watch: Watch | None = None,
) -> Tracking:
    """One attempt with the residual wrench bounded to `clamp_n` N and Nm on each axis.

    `goals` (F, 22, 3) are the reference's joints, z up, from which failure is judged. It ends at
    the first failure, or goes on from the reference's state if `teleport`.
    """
    simulation = Simulation(humanoid, reference, clamp_n, options.gains)
    simulation.observe = None if watch is None else watch(simulation)
    poses = np.empty((len(goals), humanoid.nq))
    simulation.data.qpos[2] += options.start_lift_m
    poses[0] = simulation.data.qpos
    errors = np.zeros(len(goals))
    reason, failed_frame, teleports, frame = "", -1, 0, 0
    for frame in range(1, len(goals)):
        trouble = simulation.advance((frame - 1) * reference.stride)
        if not trouble:
            poses[frame] = simulation.data.qpos
            joints = qpos_to_joints_zup(humanoid, poses[frame : frame + 1])[0]
            distance = np.linalg.norm(joints - goals[frame], axis=-1)
            errors[frame] = distance.mean()
            if distance[list(BODIES)].mean() <= options.failure_m:
                continue
            trouble = "fell behind the reference"
        elif dump_folder is not None:
            simulation.dump(dump_folder)
        if not reason:
            reason, failed_frame = trouble, frame
        if not teleport:
            break
        teleports += 1
        simulation.restart(frame * reference.stride)
        poses[frame] = simulation.data.qpos
    reached = frame if reason and not teleport else len(goals)
    return Tracking(
        qpos=poses[:reached],
        success=not reason,
        reason=reason,
        failed_frame=failed_frame,
        teleports=teleports,
        clamp_n=clamp_n,
        force_bw=simulation.force.mean / humanoid.body_weight,
        torque_bwm=simulation.torque.mean / humanoid.body_weight,
        contact_bw=simulation.contact.mean / humanoid.body_weight,
        error_m=float(errors[:reached].mean()),
        observer=simulation.observe,
    )
