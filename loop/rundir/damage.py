"""Damaged newest generations: reported, and set aside only when the user asks for it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from loop.errors import CorruptFileError, MissingAssetError, ScscError
from loop.rundir.directory import RunDirectory

logger = logging.getLogger("scsc")

ReadBack = Callable[[Path, bool], object]
"""(folder of a generation, whether training has to go on from it) -> reads its checkpoints; raises
CorruptFileError or MissingAssetError where they are damaged."""


def set_damage_aside(directory: RunDirectory[Any], read_back: ReadBack, *, discard: bool) -> None:
    """Make sure that training can go on from the newest generation.

    Args:
        directory: the run, locked.
        read_back: tries the checkpoints of the newest generations in turn.
        discard: rename damaged ones to <name>.damaged, so that they are computed again.

    Raises:
        CorruptFileError: the newest generation is damaged and `discard` is false, or all of several
            are: nothing is renamed then.
    """
    damaged: list[tuple[Path, ScscError]] = []
    for generation in reversed(range((directory.last() or 0) + 1)):
        folder = directory.generation(generation)
        error = damage_of(folder, read_back) if folder.is_dir() else None
        if error is None:
            break
        if not discard:
            raise _report(folder, generation, error) from error
        damaged.append((folder, error))
    else:
        if len(damaged) > 1:
            raise _nothing_left(damaged)
    for folder, error in damaged:
        aside = _free_name(folder)
        folder.rename(aside)
        logger.warning("%s is damaged; set aside as %s\n%s", folder, aside.name, error)


def damage_of(folder: Path, read_back: ReadBack, training: bool = True) -> ScscError | None:
    """Return what is wrong with the checkpoints of a generation, None where nothing is."""
    try:
        read_back(folder, training)
    except (CorruptFileError, MissingAssetError) as error:
        return error
    return None


def _nothing_left(damaged: Sequence[tuple[Path, ScscError]]) -> CorruptFileError:
    newest, error = damaged[0]
    return CorruptFileError(
        "no generation of this run can be gone on from",
        path=newest.parent,
        found=error,
        expected="one with its checkpoints, which --keep may have removed",
        remedy="restore files, or move this folder away to start anew",
    )


def _report(folder: Path, generation: int, error: ScscError) -> CorruptFileError:
    start = f"generation {generation - 1}" if generation else "the beginning"
    return CorruptFileError(
        "the newest generation of this run is damaged",
        path=folder,
        found=error,
        remedy=f"restore its files, or repeat the command with --discard_damaged: it sets the "
        f"folder aside and goes on from {start}",
    )


def _free_name(folder: Path) -> Path:
    candidates = (
        folder.with_name(f"{folder.name}.damaged{number or ''}") for number in range(10**6)
    )
    return next(path for path in candidates if not path.exists())
