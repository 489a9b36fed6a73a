"""Generation 0 is trained once and copied into every arm: all start from the same model."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loop.errors import InvalidOptionError, MissingAssetError, RunStateError
from loop.rundir.files import make_folder, read_json, storage, sync_folder, sync_tree
from loop.rundir.layout import ARGUMENTS, EVALUATION
from loop.rundir.stage import PARTIAL

SHARED_BYTES = 2**20
"""Smaller files are copied, so that nobody who edits one by hand edits those of all arms."""


def require_generation_0(
    generation_0: Path, remedy: str = "train generation 0 first", name: str | None = None
) -> None:
    """Check that generation 0 is finished.

    Args:
        generation_0: its folder.
        remedy: what the error says to do.
        name: what the folder has to be called; None: anything.

    Raises:
        MissingAssetError: it is not.
        InvalidOptionError: it is another generation.
    """
    if name is not None and generation_0.name != name:
        raise InvalidOptionError(
            "an arm starts from a generation 0, and this is none",
            path=generation_0,
            expected=f"a folder {name}",
            remedy=f"--start_from {generation_0.parent / name}",
        )
    if not (generation_0 / EVALUATION).is_file():
        raise MissingAssetError(
            "generation 0 is not finished", path=generation_0, expected=EVALUATION, remedy=remedy
        )


def check_compatible(
    generation_0: Path, settings: Mapping[str, Any], names: Mapping[str, Sequence[str]]
) -> None:
    """Refuse a generation 0 that an arm would take for another model.

    Args:
        generation_0: folder of a finished generation; args.json of its run is beside it.
        settings: args.json of the arm.
        names: part of args.json -> names in it that must be equal; a part without names is
            compared as a whole. What the older run did not record is not compared.

    Raises:
        RunStateError: one of them differs.
    """
    path = generation_0.parent / ARGUMENTS
    if not path.is_file():
        return  # weights that came without their run: sizes are checked when they are loaded
    theirs, ours = read_json(path), json.loads(json.dumps(dict(settings)))
    found: dict[str, Any] = {}
    expected: dict[str, Any] = {}
    for part, inner in names.items():
        pairs = [(part, theirs, ours)]
        if inner:
            pairs = [(name, theirs.get(part, {}), ours.get(part, {})) for name in inner]
        for name, stored, wanted in pairs:
            if name in stored and stored[name] != wanted.get(name):
                found[name], expected[name] = stored[name], wanted.get(name)
    if found:
        raise RunStateError(
            "generation 0 is another model than this arm goes on with, or was measured by others",
            path=path,
            found=found,
            expected=expected,
            remedy="give the same options (--seed, --faithful, sizes ...) to generation 0 and to "
            "all arms, or start from another generation 0",
        )


def copy_generation_0(generation_0: Path, arm: Path) -> None:
    """Copy a finished generation 0 into an arm, as a whole or not at all; a second call is a no-op.

    Where the file system can, arms share its large files: nothing here changes a file in place.

    Args:
        generation_0: the folder `generation_0` of the run that trained it.
        arm: folder of the arm; the copy bears the same name in it.

    Raises:
        MissingAssetError: generation 0 is not finished.
        StorageError: the arm's folder cannot be written.
    """
    require_generation_0(generation_0)
    target = arm / generation_0.name
    if target.exists():
        return
    partial = arm / f".{target.name}.{os.getpid()}{PARTIAL}"
    make_folder(arm)
    with storage(arm):
        shutil.copytree(generation_0, partial, copy_function=_link_or_copy)
        sync_tree(partial)
        partial.rename(target)
        sync_folder(arm)


def _link_or_copy(source: str, target: str) -> None:
    if Path(source).stat().st_size >= SHARED_BYTES:
        try:
            os.link(source, target)
        except OSError:  # another file system, or one without links
            pass
        else:
            return
    shutil.copy2(source, target)
