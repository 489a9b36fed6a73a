"""Whether an arm can start where the user says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loop.errors import RunStateError
from loop.rundir.files import read_json

OF_THE_MODEL = {
    "preset": (
        *("latent_dim", "layers", "heads", "ff_size", "max_frames"),
        *("diffusion_steps", "noise_schedule"),
    ),
    "protocol": ("mask_padding", "ema_decay"),
    "text_encoder": ("weights",),
}
"""Settings without which a model is another one, by their part of args.json."""


def check_start(generation_0: Path, settings: Mapping[str, Any]) -> None:
    """Refuse a generation 0 whose model the arm would take for another one.

    Args:
        generation_0: folder of a finished generation; args.json of its run is beside it.
        settings: args.json of the arm.

    Raises:
        RunStateError: settings of the model differ, or what its metrics stand on.
    """
    path = generation_0.parent / "args.json"
    if not path.is_file():
        return  # weights that came without their run: sizes are checked when they are loaded
    theirs, ours = read_json(path), json.loads(json.dumps(settings))
    if theirs.get("evaluator", "trained") != ours.get("evaluator", "trained"):
        raise RunStateError(
            "generation 0 was measured by another evaluator: its metrics would not compare",
            path=path,
            found=theirs.get("evaluator", "trained"),
            expected=ours.get("evaluator", "trained"),
            remedy="give the same --evaluator to generation 0 and to all arms",
        )
    names = [(part, name) for part, names in OF_THE_MODEL.items() for name in names]
    changed = [
        (part, name)
        for part, name in names
        if name in theirs.get(part, {}) and theirs[part][name] != ours.get(part, {}).get(name)
    ]
    if changed:
        raise RunStateError(
            "generation 0 is another model than this arm goes on with",
            path=path,
            found={name: theirs[part][name] for part, name in changed},
            expected={name: ours.get(part, {}).get(name) for part, name in changed},
            remedy="give the same options (--faithful, sizes ...) to generation 0 and to all arms",
        )


def check_finished(last: int | None, start: int, arm: Path) -> None:
    """Refuse to start at a generation before which something is missing.

    Args:
        last: newest finished generation of the arm, None for none.
        start: first generation that the user expects to be made.
        arm: folder of the arm.

    Raises:
        RunStateError: generation `start - 1` is not finished.
    """
    following = 0 if last is None else last + 1
    if start > following:
        raise RunStateError(
            "earlier generations are not finished",
            path=arm,
            found=f"generation {following} would be next",
            expected=f"--start_at_generation {start} needs generation {start - 1}",
            remedy="leave --start_at_generation away: a run finds the next generation by itself",
        )
