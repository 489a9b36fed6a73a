"""Requests to the correction as an arm made them, so that a film shows what happened in it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from body_models.skeleton import Skeleton
from dataset.humanml3d import load_split
from domains.motion.correction import body_of
from domains.motion.files import CORRECTED, SAMPLED
from loop.errors import CorruptFileError, InvalidOptionError, MissingAssetError
from loop.rundir.read import arm_containing, read_settings
from uhc.controllers.base import Controller
from uhc.controllers.registry import controller_class, create_controller, describe_controller
from uhc.options import CorrectionOptions

logger = logging.getLogger("scsc")


def request_at(
    path: Path, controller: str = "by_path", weights: Path | None = None
) -> CorrectionOptions:
    """Build the request that corrects the motion of a file as the arm did that the file is in.

    Args:
        path: the file.
        controller: its name; `by_path`: that of the arm, outside of an arm the tracker.
        weights: of the controller; default: those that come along.

    Raises:
        InvalidOptionError: forces of that controller are not recorded, or by `by_path`: these are
            not the weights of the arm.
        MissingAssetError, CorruptFileError: the controller's weights or the settings of the arm
            cannot be read, or there is no controller of that name.
    """
    settings = _settings(path)
    asked: str = str(settings.get("controller", "tracker")) if controller == "by_path" else ""
    name = asked.split()[0] if asked else controller
    return CorrectionOptions(
        controller=_controller(name, weights, asked, path),
        playback_rate=float(settings.get("protocol", {}).get("playback_rate", 1.0)),
        skeleton=_body(settings, path),
    )


def sampled_at(path: Path) -> Path:
    """Return the file of the motion that was simulated to make a correction's result `path`."""
    source = path.with_name(path.name.replace(CORRECTED, SAMPLED))
    simulated = _settings(path).get("correction") == "simulated"
    return source if simulated and source.is_file() else path


def in_arm(path: Path) -> bool:
    """Tell whether an arm of motions holds a file."""
    return bool(_settings(path))


def _controller(name: str, weights: Path | None, asked: str, path: Path) -> Controller:
    """Load the controller; where an arm `asked` for weights, only with the very same."""
    try:
        found = controller_class(name)
    except InvalidOptionError as error:
        if not asked:
            raise
        raise CorruptFileError(
            "this arm had a controller that does not exist",
            path=arm_containing(path),
            found=name,
            expected=error.expected,
        ) from error
    found.capabilities.check(recording=True)
    controller = create_controller(name, weights)
    if asked and (described := describe_controller(name, weights)) != asked:
        raise InvalidOptionError(
            "the weights of the controller are not those that corrected this arm",
            path=arm_containing(path),
            found=described,
            expected=asked,
            remedy="point to them with --controller-weights, or choose a --controller",
        )
    return controller


def _settings(path: Path) -> Mapping[str, Any]:
    """Return what the arm that holds a file was run with; {} outside of an arm of motions."""
    arm = arm_containing(path)
    settings = {} if arm is None else read_settings(arm)
    return settings if "protocol" in settings else {}


def _body(settings: Mapping[str, Any], path: Path) -> Skeleton | None:
    """Return the body of the arm's motions; None, with a warning, without its data set."""
    if not settings:
        return None
    skip_damaged = bool(settings["protocol"].get("skip_damaged", False))
    try:
        return _body_of(Path(settings["dataset"]), skip_damaged)
    except MissingAssetError:
        logger.warning(
            "%s: the data set of its arm, %s, is not here; it is simulated with its own bones",
            path.name, settings["dataset"],
        )  # fmt: skip
        return None


@cache
def _body_of(dataset: Path, skip_damaged: bool) -> Skeleton:
    return body_of(load_split(dataset, "train", skip_damaged=skip_damaged))
