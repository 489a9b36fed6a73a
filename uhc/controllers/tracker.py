"""The tracker: a humanoid tracks a reference motion under gravity and contact, no weights needed.

Torques come from `uhc.control.computed_torque`. The only force from outside the physics is a
residual wrench at the root (Yuan and Kitani 2020), bounded on each axis, measured and reported.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
from scipy.ndimage import gaussian_filter1d

from body_models.arrays import Array
from loop.errors import InvalidOptionError
from translation.humanml import FPS
from uhc.control.computed_torque import Gains
from uhc.control.reference import Reference, build_reference, steady_root
from uhc.control.simulation import Simulation
from uhc.controllers.base import (
    CLOSE_M,
    FAILURE_M,
    FELL_BEHIND,
    Attempt,
    Capabilities,
    Controller,
    Tracking,
    TrackingRequest,
    finish,
    first_close,
    out_of_reach,
)
from uhc.humanoid.model import qpos_to_joints_zup
from uhc.humanoid.poses import qpos_difference, qpos_integrate

RESIDUAL_FORCE_LEVELS_N = (0.0, 25.0, 50.0, 100.0, 200.0)
LEARNING_RATE, LEARNING_SIGMA_S = 0.5, 0.1
"""Share of what was missed that the next reference makes up for, and the width of the Gaussian in
time by which it is smoothed: fast errors are of impacts, and not to be learnt."""
TOES = (10, 11)
BODIES = tuple(j for j in range(22) if j not in TOES)


@dataclass(frozen=True)
class Tracker(Controller):
    """Track with computed torque and as little residual force as it takes.

    The residual-force levels are tried from the first to the last. The first attempt that tracks
    the whole clip within `accept_error_m` is kept; when several track it but none that closely, the
    closest. When none does, the attempt that came nearest is returned with `success` False.
    """

    gains: Gains = field(default_factory=Gains)
    """How hard to pull towards the reference."""
    levels_n: tuple[float, ...] = RESIDUAL_FORCE_LEVELS_N
    """Bounds of the residual root wrench to try in turn, N (forces) and Nm (torques) an axis."""
    accept_error_m: float = CLOSE_M
    """An attempt is kept at once when the mean joint distance stays below this."""
    settle_m: float = 0.004
    """The reference is lowered by this much: soles that merely graze the floor carry no load."""
    start_lift_m: float = 0.003
    """The body starts this far above the lowered reference, lest the floor throws it up."""
    passes: int = 2
    """So often at most an attempt that is kept is repeated with a reference that has learnt."""
    failure_m: float = FAILURE_M

    capabilities: ClassVar[Capabilities] = Capabilities(playback_rate=True, teleport=True)

    def __post_init__(self) -> None:
        """Raise InvalidOptionError where there is no level to try."""
        if not self.levels_n:
            raise InvalidOptionError("There is no residual-force level.", expected="newtons")

    @property
    def attempts(self) -> str:
        """Name the residual-force levels."""
        return f"tracker with {', '.join(f'{level:g}' for level in self.levels_n)} N at the root"

    def up_to(self, newtons: float) -> Tracker:
        """Leave out the residual-force levels above a bound (N and Nm an axis)."""
        return replace(self, levels_n=tuple(level for level in self.levels_n if level <= newtons))

    def unaided(self) -> Tracker:
        """Return the tracker without residual force."""
        return replace(self, levels_n=(0.0,))

    def track(self, request: TrackingRequest) -> Tracking:
        """Track poses with as little residual force as it takes.

        Raises:
            InvalidOptionError: a playback rate at which frames do not last whole physics steps.
            InvalidMotionError: fewer than 4 frames.
        """
        best = first_close(self.trials(request, self.accept_error_m), self.accept_error_m)
        if request.teleport and not best.success:
            reference = build_reference(self._lowered(request), FPS, request.playback_rate)
            return finish(self.trial(request, reference, self.levels_n[-1], teleport=True))
        return best

    def trials(self, request: TrackingRequest, error_m: float) -> Iterator[Attempt]:
        """Yield an attempt for each residual-force level; what is close learns."""
        poses = self._lowered(request)
        reference = build_reference(poses, FPS, request.playback_rate)

        def learning(level: float) -> Attempt:
            done = yield from self.trial(request, reference, level, error_m)
            return self._learnt(request, poses, done) if done.within(error_m) else done

        for level in self.levels_n:
            yield learning(level)

    def _lowered(self, request: TrackingRequest) -> Array:
        lowered = steady_root(request.qpos, FPS)
        lowered[:, 2] -= self.settle_m
        return lowered

    def _learnt(self, request: TrackingRequest, poses: Array, best: Tracking) -> Tracking:
        """Track again with the reference moved against what was missed, as long as that is closer.

        Iterative learning control (Arimoto, Kawamura and Miyazaki 1984): the clip is known whole,
        and what the body misses it misses again. `poses` (F, nq) are the reference so far.
        """
        for _ in range(self.passes):
            missed = qpos_difference(best.qpos, request.qpos)
            missed[:, 2] = 0.0  # heights are the contacts' own
            missed = gaussian_filter1d(missed, LEARNING_SIGMA_S * FPS, axis=0, mode="nearest")
            poses = qpos_integrate(poses, LEARNING_RATE * missed)
            reference = build_reference(poses, FPS, request.playback_rate)
            attempt = self.trial(request, reference, best.clamp_n, best.error_m)
            try:
                next(attempt)
                return best  # farther already
            except StopIteration as ended:
                trial: Tracking = ended.value
            closer = trial.success and trial.error_m < best.error_m
            if not closer or trial.force_bw > best.force_bw:
                return best
            best = trial
        return best

    def trial(
        self,
        request: TrackingRequest,
        reference: Reference,
        clamp_n: float,
        error_m: float = np.inf,
        *,
        teleport: bool = False,
    ) -> Attempt:
        """Simulate once with the residual wrench bounded to `clamp_n` N and Nm on each axis.

        `reference` is that of the lowered poses. Pauses where the mean joint distance can no longer
        be within `error_m`; ends at the first failure, or goes on from the reference's state with
        `teleport`.
        """
        paused = False
        humanoid = request.humanoid
        goals = qpos_to_joints_zup(humanoid, request.qpos)
        simulation = Simulation(humanoid, reference, clamp_n, self.gains)
        simulation.observe = None if request.observe is None else request.observe(simulation)
        simulation.data.qpos[2] += self.start_lift_m
        poses, frames = [simulation.data.qpos.copy()], [0]
        errors = np.zeros(len(goals))
        reason, failed_frame, teleports, frame = "", -1, 0, 0
        for frame in range(1, len(goals)):
            trouble = simulation.advance((frame - 1) * reference.stride)
            if not trouble:
                pose = simulation.data.qpos.copy()
                joints = qpos_to_joints_zup(humanoid, pose[None])[0]
                distance = np.linalg.norm(joints - goals[frame], axis=-1)
                errors[frame] = distance.mean()
                if distance[list(BODIES)].mean() <= self.failure_m:
                    poses.append(pose)
                    frames.append(frame)
                    if not paused and out_of_reach(errors, error_m):
                        paused = True
                        yield
                    continue
                trouble = FELL_BEHIND
            else:
                pose = poses[-1]  # where it diverged is no pose
            if trouble != FELL_BEHIND and request.dump_folder is not None and not teleport:
                simulation.dump(request.dump_folder)
            if not reason:
                reason, failed_frame = trouble, frame
            if not teleport:
                break
            teleports += 1
            simulation.restart(frame * reference.stride)
            poses += [pose, simulation.data.qpos.copy()]  # both are recorded, as published
            frames += [frame, frame]
        reached = frame if reason and not teleport else len(goals)
        tracked = np.array(poses)
        return Tracking(
            qpos=tracked,
            joints=request.reached_joints(tracked, frames),
            success=not reason,
            reason=reason,
            failed_frame=failed_frame,
            teleports=teleports,
            clamp_n=clamp_n,
            force_bw=simulation.mean_force / humanoid.body_weight,
            torque_bwm=simulation.mean_torque / humanoid.body_weight,
            contact_bw=simulation.mean_contact / humanoid.body_weight,
            error_m=float(errors[:reached].mean()),
            observer=simulation.observe,
        )
