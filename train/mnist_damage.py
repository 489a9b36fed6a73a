"""A newest generation whose files are damaged: said, and set aside only when the user says so."""

from __future__ import annotations

import logging
from pathlib import Path

from loop.errors import CorruptFileError, MissingAssetError, ScscError
from loop.rundir import RunDirectory
from train.mnist_generator import MnistGenerator

logger = logging.getLogger("scsc")


def set_damage_aside(directory: RunDirectory, generator: MnistGenerator, *, discard: bool) -> None:
    """Make sure that the newest generation can be gone on from.

    Args:
        directory: the run, locked.
        generator: loaded with every newest generation in turn.
        discard: rename damaged ones to <gg>.damaged, so that they are computed again.

    Raises:
        CorruptFileError: the newest generation is damaged and `discard` is false.
    """
    while (last := directory.last()) is not None:
        folder = directory.generation(last)
        try:
            generator.load(folder)
            return
        except (CorruptFileError, MissingAssetError) as error:
            if not discard:
                raise _report(folder, last, error) from error
            aside = _free_name(folder)
            folder.rename(aside)
            logger.warning("generation %d is damaged; set aside as %s\n%s", last, aside, error)


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
