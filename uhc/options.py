"""What the correction of a clip is asked for, and what it reports."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from body_models.skeleton import Skeleton
from loop.errors import InvalidOptionError
from model.ik import IK, ik_named
from uhc.humanoid.body import ContactChoice, Contacts

if TYPE_CHECKING:  # controllers need the simulator, which a command loads only when it runs
    from uhc.controllers.base import Controller

Method = Literal["none", "kinematic", "refined", "simulated"]
METHODS: tuple[Method, ...] = get_args(Method)
CONTACT_CHOICES: tuple[ContactChoice, ...] = ("auto", *get_args(Contacts))


def _tracker() -> Controller:
    from uhc.controllers.tracker import Tracker

    return Tracker()


@dataclass(frozen=True)
class CorrectionOptions:
    """What to do to every clip of a batch; small and picklable."""

    method: Method = "simulated"
    """`none` hands a motion through, `kinematic` is the control without physics, `refined` is made
    dynamically feasible, `simulated` is tracked in the simulator."""
    controller: Controller = field(default_factory=_tracker)
    """What tracks refined motions in simulation, from `uhc.controllers.registry`."""
    playback_rate: float = 1.0
    """1 is real time; 1.5 is how fast the published code plays the motion."""
    teleport: bool = False
    """At a failure put the body back on the reference and go on (published behaviour) instead of
    delivering the refined motion; the clip counts as failed."""
    skeleton: Skeleton | None = None
    """The body of all clips. Samples of a network hardly keep the lengths of bones; give them the
    skeleton of the training data (the published correction, too, ends on one body for all). None
    keeps each clip's own median lengths."""
    contacts: ContactChoice = "auto"
    """What may bear load."""
    ik: IK = "analytic"
    """Which inverse kinematics puts a clip on the humanoid; `vposer` is the published one."""
    keep_heading: bool = True
    """Encode results in the heading of the vectors they came from. False measures it anew from
    shoulders and hips, as published: of samples, whose own heading is another, a few centimetres
    then change every number by tens of degrees."""
    dump_folder: Path | None = None
    """Where the states of diverged simulations are saved."""
    also: tuple[Method, ...] = ()
    """Methods whose outcomes `uhc.pipeline.correct_stages` gives, too."""

    def __post_init__(self) -> None:
        """Raise InvalidOptionError for what does not exist, or the controller cannot do."""
        for found in (self.method, *self.also):
            if found not in METHODS:
                raise InvalidOptionError(
                    "Unknown correction method.", found=found, expected=METHODS
                )
        if self.contacts not in CONTACT_CHOICES:
            raise InvalidOptionError(
                "Unknown contacts.", found=self.contacts, expected=CONTACT_CHOICES
            )
        ik_named(self.ik)
        self.controller.capabilities.check(playback_rate=self.playback_rate, teleport=self.teleport)


@dataclass(frozen=True)
class Outcome:
    """What became of one clip.

    `joints` (F, 22, 3) float32 metres, y up, in the input's frame with the floor at 0; None when
    there is nothing to deliver. Numbers that do not exist are NaN: forces of a motion that was not
    simulated, distances of a motion that is not there.
    """

    joints: NDArray[np.float32] | None
    success: bool
    method_used: Method
    reason: str = ""
    """Empty on success, else in words that are the same for every clip with the fault."""
    detail: str = ""
    """The whole story of a failure."""
    clamp_n: float = float("nan")
    """Residual-force level that it took: bound of the residual root wrench, N and Nm an axis."""
    residual_force_bw: float = float("nan")
    residual_torque_bwm: float = float("nan")
    unexplained_force_bw: float = float("nan")
    """Mean root force that floor contacts cannot explain, body weights, of a motion that was not
    simulated."""
    mpjpe_mm: float = float("nan")
    root_aligned_mm: float = float("nan")
    contacts: Contacts | Literal[""] = ""
    """What could bear load; empty for a motion that met no humanoid."""
    seconds: float = 0.0


def failed_outcome(error: BaseException | str, seconds: float = 0.0) -> Outcome:
    """Make the outcome of a clip that delivers nothing.

    Its reason is the error's first line without frame numbers, to count faults by.
    """
    detail = str(error)
    lines = detail.splitlines() or ["" if isinstance(error, str) else type(error).__name__]
    reason = lines[0].split(", first in frame")[0].rstrip(".")
    return Outcome(None, False, "none", reason, detail, seconds=seconds)
