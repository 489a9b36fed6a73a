"""What stays on disk of the generations before the newest: `last`, `every:N`, `all`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from loop.errors import InvalidOptionError
from loop.interfaces import LargeFiles
from loop.rundir.files import storage


class Keep(NamedTuple):
    """Which older generations keep their large files.

    Attributes:
        every: those whose number it divides; 0 for none.
        training: whether what only the next `fit` needs stays: in every generation (`all`), else
            never in an older one; in the newest one, after the last `fit` of the arm, where `every`
            is not 0.
    """

    every: int
    training: bool = False

    def keeps(self, generation: int) -> bool:
        """Tell whether an older generation keeps its large files."""
        return bool(self.every) and generation % self.every == 0


def keep_named(name: str) -> Keep:
    """Parse `last`, `every:N` or `all`.

    Raises:
        InvalidOptionError: none of them.
    """
    match = re.fullmatch(r"every:([1-9]\d*)", name)
    if match:
        return Keep(int(match[1]))
    if name not in ("last", "all"):
        raise InvalidOptionError(
            "not a policy for what is kept", found=name, expected="last | every:N | all"
        )
    return Keep(1, training=True) if name == "all" else Keep(0)


def prune(
    older: Sequence[tuple[int, Path]],
    newest: Path,
    large: LargeFiles,
    models: Keep,
    samples: Keep,
    finished: bool,
) -> None:
    """Remove what need not stay; may be interrupted anywhere and repeated.

    Args:
        older: (number, folder) of the generations before the newest.
        newest: folder of the newest generation, which is committed.
        large: which files are large.
        models: generations that keep checkpoints.
        samples: generations that keep their synthetic sets.
        finished: the newest is the last one of its arm; nobody will train on from it.

    Raises:
        StorageError: the folder cannot be written.
    """
    for generation, folder in older:
        if generation < large.first:
            continue
        if not models.training:
            _remove(folder, large.training)
        if not models.keeps(generation):
            _remove(folder, large.models)
        if not samples.keeps(generation):
            _remove(folder, large.samples)
    if finished and not models.every:
        _remove(newest, large.training)


def _remove(folder: Path, patterns: Sequence[str]) -> None:
    with storage(folder):
        for pattern in patterns:
            for path in folder.glob(pattern):
                path.unlink()
