"""What is asked of the correction of a clip, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from body_models.skeleton import Skeleton
from loop.errors import InvalidOptionError
from model.ik import IK, ik_named
from uhc.controllers.faithful.controller import Faithful
from uhc.controllers.search import SearchOptions
from uhc.controllers.tracker import TrackerOptions
from uhc.humanoid.model import Contacts
from uhc.refine.solve import RefineOptions
from uhc.rl.policy import Policy

Method = Literal["none", "kinematic", "refined", "simulated"]
METHODS: tuple[Method, ...] = get_args(Method)
ContactChoice: TypeAlias = Contacts | Literal["auto"]
CONTACT_CHOICES: tuple[ContactChoice, ...] = ("auto", *get_args(Contacts))
Controller: TypeAlias = SearchOptions | Policy | Faithful
"""Who follows refined motions in simulation; None in its place stands for the tracker."""


@dataclass(frozen=True)
class Request:
    """What to do to every clip of a batch; small and picklable."""

    method: Method = "simulated"
    also: tuple[Method, ...] = ()
    """Methods whose outcomes `correct_stages` gives, too."""
    playback_rate: float = 1.0
    tracker: TrackerOptions = field(default_factory=TrackerOptions)
    refine: RefineOptions = field(default_factory=RefineOptions)
    skeleton: Skeleton | None = None
    """The body of all clips; None measures each clip's own."""
    dump_folder: Path | None = None
    controller: Controller | None = None
    alone: bool = False
    """Whether a controller has to do without the tracker before and after it."""
    contacts: ContactChoice = "auto"
    """What may bear load; `auto`: the feet if a clip is `uhc.clips.upright`, else the body."""
    ik: IK = "analytic"
    """Which inverse kinematics puts a clip on the humanoid; `vposer` is the published one."""

    def __post_init__(self) -> None:
        """Refuse a method that does not exist, and what only the tracker can do."""
        for method in (self.method, *self.also):
            if method not in METHODS:
                raise InvalidOptionError(
                    "Unknown correction method.", found=method, expected=METHODS
                )
        if self.contacts not in CONTACT_CHOICES:
            raise InvalidOptionError(
                "Unknown contacts.", found=self.contacts, expected=CONTACT_CHOICES
            )
        if self.alone and not isinstance(self.controller, Policy | SearchOptions):
            raise InvalidOptionError(
                "only a policy or a search can be left alone: no other is helped by the tracker",
                found=self.controller or "tracker",
            )
        ik_named(self.ik)
        check_controller(self.controller, self.playback_rate, self.tracker.teleport)


def check_controller(controller: Controller | None, playback_rate: float, teleport: bool) -> None:
    """Refuse what a policy or a search cannot do. Raises InvalidOptionError."""
    if isinstance(controller, SearchOptions | Policy) and (playback_rate != 1.0 or teleport):
        raise InvalidOptionError(
            "only the tracker and the published controller play motions faster, or put a fallen "
            "body back",
            found=f"playback_rate {playback_rate}, teleport {teleport}",
            remedy="choose the controller `tracker` or `faithful`, or leave --faithful out",
        )


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
