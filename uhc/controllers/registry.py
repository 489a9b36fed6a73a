"""The tracking controllers by name, each with a line of help; the classes load when asked for.

Which one is the default, and why: results/uhc.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import tyro

from loop.errors import InvalidOptionError
from loop.registry import Entry, Registry
from loop.rundir.files import storage

if TYPE_CHECKING:  # the classes need the simulator
    from uhc.controllers.base import Controller


CONTROLLERS = Registry(
    "tracking controller",
    {
        "tracker": Entry(
            "uhc.controllers.tracker:Tracker",
            "computed torque, with the smallest residual-force level that suffices",
        ),
        "search": Entry(
            "uhc.controllers.search:Search",
            "the tracker, but before any residual force a sampling search is tried; slow",
        ),
        "policy": Entry(
            "uhc.controllers.policy:PolicyController",
            "the tracker, but before any residual force a learned policy is tried (its weights "
            "come along; exp_scripts/train_uhc.sh trains your own)",
        ),
        "faithful": Entry(
            "uhc.controllers.faithful.controller:Faithful",
            "the published one on SMPL's robot; you bring its files (prepare/download_uhc.sh)",
        ),
    },
)
DEFAULT = "policy"
"""Of the loop (but see `name_or_default`) and of the measurements."""
ControllerName: TypeAlias = Annotated[
    str, tyro.conf.arg(help=f"tracking controller of the simulation: {CONTROLLERS.help()}")
]
"""Type of a command's option that names a controller."""


def name_or_default(name: str | None, faithful: bool) -> str:
    """Return the controller that was asked for; without one `DEFAULT`, or, if faithful, `tracker`.

    A policy neither plays motions faster nor puts fallen bodies back, as the published code does.
    """
    return name or ("tracker" if faithful else DEFAULT)


def controller_class(name: str) -> type[Controller]:
    """Import the class of a registered name or of `module:Name`.

    Raises InvalidOptionError, with the list of what there is, where there is none.
    """
    found = CONTROLLERS.resolve(name)
    if not (hasattr(found, "track") and hasattr(found, "capabilities")):
        raise InvalidOptionError(
            "this is no tracking controller",
            found=name,
            expected="a subclass of uhc.controllers.base.Controller",
        )
    return found


def create_controller(
    name: str,
    weights: Path | None = None,
    *,
    alone: bool = False,
    max_residual_force: float = float("inf"),
) -> Controller:
    """Make the controller of a name, ready for `uhc.options.CorrectionOptions`.

    Args:
        name: a registered one, or `module:Name`.
        weights: file of its weights; None for those that come along.
        alone: leave the tracker's attempts before and after it out.
        max_residual_force: largest residual force on each axis, N and Nm.

    Raises:
        InvalidOptionError: no such controller, or an option that it does not have.
        MissingAssetError: a file is not there; says which command makes or fetches it.
        CorruptFileError: a file is damaged.
    """
    from uhc.controllers.cascade import Cascade

    found = controller_class(name)
    able = found.capabilities
    if weights is not None and not able.weights:
        raise InvalidOptionError(f"the controller {name} has no weights", found=weights)
    if alone and not able.cascade:
        raise InvalidOptionError(
            "this controller is always alone: the tracker's attempts go with a policy or a search",
            found=name,
            remedy="leave --alone out",
        )
    controller = found.load(weights)
    if able.cascade and not alone:
        controller = Cascade(controller)
    return controller.up_to(max_residual_force)


def describe_controller(name: str, weights: Path | None) -> str:
    """Return the name and, where it has weights, which (args.json): results depend on their bytes.

    Raises StorageError when they cannot be read.
    """
    path = weights or controller_class(name).default_weights
    if path is None:
        return name
    with storage(path):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return f"{name} {digest[:16]}"
