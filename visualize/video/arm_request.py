"""What an arm asked of its correction, so that a film shows what happened in it.

The folder of an arm holds args.json, which names the controller where it was not the tracker.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from body_models.skeleton import Skeleton
from dataset.humanml3d import load_split
from domains.motion.correction import body_of
from domains.motion.files import CORRECTED, SAMPLED
from loop.errors import CorruptFileError, InvalidOptionError, MissingAssetError
from loop.rundir.files import read_json
from uhc.controllers.registry import Name, controller_named, described
from uhc.recording import no_recording
from uhc.request import Controller, Request

logger = logging.getLogger("scsc")

ControllerName = Name | Literal["by_path"]
ARGUMENTS = "args.json"


def request_at(
    path: Path, controller: ControllerName = "by_path", weights: Path | None = None
) -> Request:
    """How the motion of a file is to be corrected: as in the arm that the file is in, if any.

    Args:
        path: the file.
        controller: who follows it; `by_path`: the arm's, outside of an arm the tracker.
        weights: of the controller; default: those that come along.

    Raises:
        InvalidOptionError: forces of that controller are not recorded, or by `by_path`: these are
            not the weights of the arm.
        MissingAssetError, CorruptFileError: the controller's weights or the arm's args.json cannot
            be read.
    """
    settings = _settings(path)
    asked: str = str(settings.get("controller", "tracker")) if controller == "by_path" else ""
    name = asked.split()[0] if asked else controller
    if name not in get_args(Name):
        raise CorruptFileError(
            "this arm had a controller that does not exist",
            path=_arm(path),
            found=name,
            expected=get_args(Name),
        )
    return Request(
        controller=_controller(name, weights, asked, path),
        playback_rate=float(settings.get("protocol", {}).get("playback_rate", 1.0)),
        skeleton=_body(settings, path),
    )


def sampled_at(path: Path) -> Path:
    """The file of the motion that was simulated where `path` holds a correction's result."""
    source = path.with_name(path.name.replace(CORRECTED, SAMPLED))
    simulated = _settings(path).get("correction") == "simulated"
    return source if simulated and source.is_file() else path


def _controller(name: Any, weights: Path | None, asked: str, path: Path) -> Controller | None:
    """The controller; where an arm `asked` for weights, only with the very same."""
    if name == "faithful":
        raise no_recording()
    controller = controller_named(name, weights)
    if asked and (found := described(name, weights)) != asked:
        raise InvalidOptionError(
            "the weights of the controller are not those that corrected this arm",
            path=_arm(path),
            found=found,
            expected=asked,
            remedy="point to them with --controller-weights, or choose a --controller",
        )
    return controller


def _arm(path: Path) -> Path | None:
    """The folder of the motion experiment's arm that a file is in."""
    for folder in path.resolve().parents:
        if (folder / ARGUMENTS).is_file():
            return folder
    return None


def _settings(path: Path) -> Mapping[str, Any]:
    """What the arm was run with; {} outside of an arm of motions."""
    arm = _arm(path)
    settings = {} if arm is None else read_json(arm / ARGUMENTS)
    return settings if isinstance(settings, dict) and "protocol" in settings else {}


def _body(settings: Mapping[str, Any], path: Path) -> Skeleton | None:
    """The body on which the arm puts all its motions; None, with a warning, without its data."""
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
