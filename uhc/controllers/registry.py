"""Who follows a refined motion in simulation: `tracker | search | policy | faithful`.

`tracker` computes torques and needs no weights. Where it would need help, `policy` and `search` try
without before it gets any: what was learned by `exp_scripts/train_uhc.sh`, and many small changes,
which takes up to five times as long. `faithful` is the published controller on SMPL's robot, whose
files each user has to bring. Which one is the default, and why: results/uhc.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal, get_args

from body_models.smpl import FOLDER
from loop.errors import InvalidOptionError
from loop.rundir.files import storage
from uhc.controllers.faithful.controller import WEIGHTS as PUBLISHED_WEIGHTS
from uhc.controllers.faithful.controller import load_faithful
from uhc.controllers.search import SearchOptions
from uhc.request import Controller
from uhc.rl.policy import Policy

Name = Literal["tracker", "search", "policy", "faithful"]

DEFAULT: Name = "policy"
"""Of the loop (but see `or_default`) and of the measurements."""
WEIGHTS: dict[Name, Path] = {
    "policy": Path(__file__).resolve().parents[2] / "results" / "uhc" / "policy.safetensors",
    "faithful": PUBLISHED_WEIGHTS,
}
"""The policy that comes with this project, and where `prepare/download_uhc.sh` puts the other."""


def or_default(name: Name | None, faithful: bool) -> Name:
    """The controller that was asked for; without one `DEFAULT`, or in faithful mode the tracker.

    Only the tracker plays motions faster and puts fallen bodies back, as the published code does.
    """
    return name or ("tracker" if faithful else DEFAULT)


def controller_named(
    name: Name, weights: Path | None = None, bodies: Path = FOLDER
) -> Controller | None:
    """The controller of that name, ready to be handed to `uhc.correct`.

    Args:
        name: `tracker`, `search`, `policy` or `faithful`.
        weights: its weights; default: `WEIGHTS`.
        bodies: folder of the user's SMPL files, for `faithful`.

    Raises:
        InvalidOptionError: weights for a controller that has none, or no such controller.
        MissingAssetError: a file is not there; says which command makes or fetches it.
        CorruptFileError: a file is damaged.
    """
    if name in ("tracker", "search"):
        if weights is not None:
            raise InvalidOptionError(f"the controller {name} has no weights", found=weights)
        return None if name == "tracker" else SearchOptions()
    if name == "policy":
        return Policy.load(weights or WEIGHTS[name])
    if name == "faithful":
        return load_faithful(bodies, weights or WEIGHTS[name])
    raise InvalidOptionError("unknown controller", found=name, expected=get_args(Name))


def described(name: Name, weights: Path | None) -> str:
    """The controller's name and, where it has weights, which: results depend on their bytes.

    Raises StorageError when they cannot be read.
    """
    if name not in WEIGHTS:
        return name
    path = weights or WEIGHTS[name]
    with storage(path):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return f"{name} {digest[:16]}"
