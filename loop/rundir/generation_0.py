"""Generation 0 is trained once and handed over to the arms, which all start from the same model."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from loop.errors import MissingAssetError
from loop.rundir.files import storage, sync_folder, sync_tree
from loop.rundir.layout import EVALUATION

SHARED_BYTES = 2**20
"""Smaller files are copied, so that nobody who edits one by hand edits those of all arms."""


def hand_over(generation_0: Path, arm: Path) -> None:
    """Copy a finished generation 0 into an arm, as a whole or not at all; a second call is a no-op.

    Where the file system can, arms share its large files: nothing here changes a file in place.

    Args:
        generation_0: the folder `generation_0` of the run that trained it.
        arm: folder of the arm; the copy bears the same name in it.

    Raises:
        MissingAssetError: generation 0 is not finished.
        StorageError: the arm's folder cannot be written.
    """
    if not (generation_0 / EVALUATION).is_file():
        raise MissingAssetError(
            "generation 0 is not finished",
            path=generation_0,
            expected=EVALUATION,
            remedy="train generation 0 first (train_generation_0.sh)",
        )
    target = arm / generation_0.name
    if target.exists():
        return
    partial = arm / f".{target.name}.{os.getpid()}.partial"
    with storage(arm):
        arm.mkdir(parents=True, exist_ok=True)
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
