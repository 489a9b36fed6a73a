"""Finished parts of a long stage, so that a killed one does not start over.

A part is a dictionary of arrays (numbers and strings are arrays without axes), one file each in the
stage's scratch folder. Parts must not depend on each other, nor on which of them are there already.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path

import numpy as np

from loop.errors import CorruptFileError
from loop.rundir.files import write_bytes

Part = Mapping[str, np.ndarray]


class PartialResults(MutableMapping[int, Part]):
    """Parts by number: on disk, or in memory where there is no scratch folder.

    Args:
        scratch: folder of the stage.
        name: tells several kinds of parts of one stage apart.
    """

    def __init__(self, scratch: Path | None, name: str) -> None:
        self._scratch, self._name = scratch, name
        self._memory: dict[int, Part] = {}

    def _path(self, scratch: Path, number: int) -> Path:
        return scratch / f"{self._name}_{number:08d}.npz"

    def __setitem__(self, number: int, part: Part) -> None:
        """Keep a part.

        Raises:
            StorageError: the disk is full, the folder is read-only or not ours.
        """
        if self._scratch is None:
            self._memory[number] = part
            return
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **dict(part))
        write_bytes(self._path(self._scratch, number), buffer.getvalue())

    def __getitem__(self, number: int) -> Part:
        """Return a part that is there.

        Raises:
            KeyError: it is not.
            CorruptFileError: its file is damaged.
        """
        if self._scratch is None:
            return self._memory[number]
        path = self._path(self._scratch, number)
        try:
            with np.load(path, allow_pickle=False) as stored:
                return {name: stored[name] for name in stored.files}
        except FileNotFoundError as error:
            raise KeyError(number) from error
        except (zipfile.BadZipFile, ValueError, EOFError) as error:
            raise CorruptFileError(
                "a finished part of a stage cannot be read",
                path=path,
                found=str(error),
                remedy="remove it; it will be computed again, with the same random numbers",
            ) from error

    def __delitem__(self, number: int) -> None:
        if self._scratch is None:
            del self._memory[number]
        else:
            self._path(self._scratch, number).unlink()

    def __iter__(self) -> Iterator[int]:
        if self._scratch is None:
            return iter(self._memory)
        found = self._scratch.glob(f"{self._name}_*.npz")
        return iter(sorted(int(path.stem.removeprefix(f"{self._name}_")) for path in found))

    def __len__(self) -> int:
        return sum(1 for _ in self)
