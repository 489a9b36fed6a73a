"""What a tracking controller is: it makes a simulated body track one motion, and reports how.

A controller of your own is a class with `track`, chosen by `--controller my_package.module:Name`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from body_models.arrays import Array
from body_models.skeleton import Skeleton
from loop.errors import InvalidOptionError
from model.ik import IK
from uhc.control.simulation import Observer, ObserverFactory
from uhc.humanoid.body import Humanoid
from uhc.humanoid.height import standing_joints
from uhc.humanoid.model import qpos_to_joints

FAILURE_M = 0.5
"""Mean distance of the bodies to the reference above which tracking has failed (as in UHC)."""
CLOSE_M = 0.05
"""Mean distance of all joints to the reference up to which an attempt is good enough."""
FELL_BEHIND = "fell behind the reference"


@dataclass(frozen=True)
class Capabilities:
    """What a controller can do; what it cannot is refused before anything is simulated."""

    playback_rate: bool = False
    """Play a motion faster than it is."""
    teleport: bool = False
    """Put a body that fell behind back on the reference, and go on."""
    humanoid: bool = True
    """Move the humanoid, so that an observer can look at its every physics step; without it the
    controller has a body of its own and looks at `TrackingRequest.source` only."""
    weights: bool = False
    """Read weights from a file."""
    cascade: bool = False
    """Be one attempt of `uhc.controllers.cascade.Cascade`: between those of the tracker without
    and with residual force. Without it the controller is always alone."""

    def check(
        self, *, playback_rate: float = 1.0, teleport: bool = False, recording: bool = False
    ) -> None:
        """Refuse what the controller cannot do. Raises InvalidOptionError."""
        if (playback_rate != 1.0 and not self.playback_rate) or (teleport and not self.teleport):
            raise InvalidOptionError(
                "only the tracker and the published controller play motions faster, or put a "
                "fallen body back",
                found=f"playback_rate {playback_rate}, teleport {teleport}",
                remedy="choose --controller tracker or faithful, or leave --faithful out",
            )
        if recording and not self.humanoid:
            raise InvalidOptionError(
                "forces are not recorded of this controller: it does not move the humanoid",
                expected="a controller that does: tracker, search or policy",
                remedy="draw the corrected motion without forces, or choose another --controller",
            )


@dataclass(frozen=True)
class TrackingRequest:
    """One motion to track, and how.

    Attributes:
        humanoid: the body.
        qpos: (F, nq) its reference poses at 20 fps, z up, soles at floor height.
        source: (F, 22, 3) joints, metres, y up, that the poses were made from, for controllers with
            a body of their own; None: those of the poses.
        playback_rate: 1 is real time; 1.5 is how fast the published code plays the motion.
        teleport: put a body that fell behind back on the reference and go on; the attempt counts as
            failed (published behaviour).
        skeleton: the body that all results shall have; None leaves the controller's.
        ik: inverse kinematics of controllers with a body of their own (`model.ik`).
        dump_folder: where the state of a diverged simulation is saved.
        observe: makes the observer of each simulation; that of the attempt returned comes with it.
    """

    humanoid: Humanoid
    qpos: NDArray[np.floating]
    source: NDArray[np.floating] | None = None
    playback_rate: float = 1.0
    teleport: bool = False
    skeleton: Skeleton | None = None
    dump_folder: Path | None = None
    observe: ObserverFactory | None = None
    ik: IK = "analytic"

    def source_joints(self) -> NDArray[np.floating]:
        """Return the joints (F, 22, 3), metres, y up, that are to be tracked."""
        if self.source is not None:
            return self.source
        return qpos_to_joints(self.humanoid, self.qpos)

    def reached_joints(
        self, qpos: Array, frames: Sequence[int] | None = None
    ) -> NDArray[np.float32]:
        """Return joints (N, 22, 3), metres, y up, of poses (N, nq) at the source's height.

        Args:
            qpos: the poses.
            frames: frame of the source that each of them tracks; default: the first N.
        """
        source = self.source_joints()
        given = source if frames is None else np.asarray(source)[list(frames)]
        return standing_joints(self.humanoid, qpos, given)


@dataclass(frozen=True)
class Tracking:
    """One simulated attempt; averages are over the frames reached."""

    qpos: Array
    """(N, nq) poses of the simulated body; only the frames before a failure."""
    joints: NDArray[np.float32]
    """(N, 22, 3) metres, y up, 20 fps, in the frame of the source."""
    success: bool
    reason: str
    """Why it failed, in words that are the same for every clip; empty on success."""
    failed_frame: int
    """Where it failed first; -1 on success."""
    teleports: int
    clamp_n: float
    """Residual-force level: bound of the residual root wrench on each axis, N and Nm."""
    force_bw: float
    """Mean magnitude of the residual root force, body weights."""
    torque_bwm: float
    """Mean magnitude of the residual root torque, body weights times metres."""
    contact_bw: float
    """Mean vertical contact force, body weights."""
    error_m: float
    """Mean distance of all 22 joints to the reference."""
    observer: Observer | None = None
    """What `TrackingRequest.observe` made for this attempt."""

    def within(self, error_m: float) -> bool:
        """Tell whether it succeeded with a mean joint distance of at most `error_m` metres."""
        return self.success and self.error_m <= error_m

    def rank(self) -> tuple[bool, float]:
        """Return a key that is larger for better attempts: successes, then how close or far."""
        return self.success, -self.error_m if self.success else self.failed_frame


Attempt: TypeAlias = Generator[None, None, Tracking]
"""A simulation that returns its tracking, and pauses once where it can no longer be close enough:
what is paused goes on only if no other attempt is."""


def finish(attempt: Attempt) -> Tracking:
    """Simulate an attempt to its end."""
    while True:
        try:
            next(attempt)
        except StopIteration as ended:
            return ended.value


def first_close(attempts: Iterable[Attempt], error_m: float) -> Tracking:
    """Return the first tracking within `error_m` metres; without one the best of all."""
    tried: list[Tracking | Attempt] = []
    for attempt in attempts:
        try:
            next(attempt)
            tried.append(attempt)
        except StopIteration as ended:
            if ended.value.within(error_m):
                return ended.value
            tried.append(ended.value)
    done = [found if isinstance(found, Tracking) else finish(found) for found in tried]
    return max(done, key=Tracking.rank)


def out_of_reach(errors: NDArray[np.floating], error_m: float) -> bool:
    """Tell whether the mean of errors (F,), zero where they are to come, will exceed `error_m`."""
    return bool(errors.sum() > (1.0 + 1e-9) * error_m * len(errors))


class Controller(Protocol):
    """Makes a body track motions in simulation; picklable, for it is sent to worker processes.

    Subclasses need `track` only; the rest says that nothing special is possible.
    """

    capabilities: ClassVar[Capabilities] = Capabilities()
    default_weights: ClassVar[Path | None] = None
    """Where its weights are unless the user names a file."""

    @classmethod
    def load(cls, weights: Path | None = None) -> Self:
        """Make the controller; with `capabilities.weights` from a file, or `default_weights`.

        Raises:
            MissingAssetError: the file is not there; says which command makes or fetches it.
            CorruptFileError: it is damaged.
        """
        return cls()

    @property
    def attempts(self) -> str:
        """Say in words what is tried on a motion, in order."""
        return type(self).__name__.removesuffix("Controller").lower()

    def up_to(self, newtons: float) -> Controller:
        """Limit the residual force on each axis, N and Nm; without any there is nothing to limit.

        Raises InvalidOptionError where that is impossible.
        """
        return self

    def unaided(self) -> Controller:
        """Return what tries a motion first, without residual force."""
        return self

    def track(self, request: TrackingRequest) -> Tracking:
        """Track one motion; the same request gives the same result in any process."""
        ...

    def trials(self, request: TrackingRequest, error_m: float) -> Iterator[Attempt]:
        """Yield what is to be tried in turn until a mean joint distance is within `error_m`."""

        def whole() -> Attempt:
            yield from ()
            return self.track(request)

        yield whole()
