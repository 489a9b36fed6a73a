"""Large data sets in one file that is mapped into memory, beside the thousands that it was made of.

Reading 29,000 motions file by file takes minutes and 3 GB in every process. The packed file is
written once, holds what was read and found sound, and is mapped: only frames that are looked at
become resident, and all processes share them. It is written anew when any name, size or time of
change of the clips' files differs. Layout: all frames (N, 263) float32, then an index in JSON, then
its length and a mark.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from loop.errors import StorageError
from loop.rundir.files import storage

NAME = "packed_motions.bin"
PACKED_FROM = 1000
"""Clips from which a data set is packed; fewer are read faster than that they are looked up."""
_TAIL = struct.Struct("<Q8s")
_MARK = b"scsc-p01"

logger = logging.getLogger(__name__)

Clip = tuple[np.ndarray, str, bool]
"""Vectors (F, width) float32, the text of the caption file, and whether they look normalised."""


class PackedMotions:
    """The packed file of a data set, mapped.

    Args:
        path: the file.
        index: as its tail has it.
    """

    def __init__(self, path: Path, index: dict[str, Any]) -> None:
        width, clips = index["width"], index["clips"]
        self._places: dict[str, tuple[int, int, str, bool]] = {}
        start = 0
        for name, frames, text, normalised in clips:
            self._places[name] = (start, start + frames, text, normalised)
            start += frames
        # A plain view: slices of numpy's memmap are objects with dictionaries of their own.
        self._frames = np.asarray(np.memmap(path, np.float32, "r", shape=(start, width)))

    def __len__(self) -> int:
        return len(self._places)

    def get(self, clip: str) -> Clip | None:
        """Look a clip up; None where it was damaged when the file was written."""
        place = self._places.get(clip)
        if place is None:
            return None
        start, end, text, normalised = place
        return self._frames[start:end], text, normalised


def open_packed(
    root: Path, read: Callable[[str], Clip | None], width: int, least: int = PACKED_FROM
) -> PackedMotions | None:
    """Map the packed file of a data set; write it first if there is none, or the data changed.

    Args:
        root: folder in HumanML3D layout.
        read: reads a clip from its own files; None for one that is damaged.
        width: numbers a frame.
        least: clips from which a data set is packed.

    Returns:
        None for small data sets, and where nothing can be written.
    """
    listing = _listing(root)
    if len(listing) < least:
        return None
    path, wanted = root / NAME, _fingerprint(listing)
    index = _read_index(path)
    if index is None or index["fingerprint"] != wanted:
        try:
            with storage(path), FileLock(root / f".{NAME}.lock"):
                index = _read_index(path)  # another process may have written it meanwhile
                if index is None or index["fingerprint"] != wanted:
                    index = _write(path, list(listing), read, width, wanted)
        except StorageError as error:
            logger.warning("%s is read file by file, which is slow: %s", root, error)
            return None
    return PackedMotions(path, index)


def _listing(root: Path) -> dict[str, list[int]]:
    """List the clips with both files, and size and time of change of either."""
    motions, texts = (
        dict(_files(root / folder, suffix))
        for folder, suffix in (("new_joint_vecs", ".npy"), ("texts", ".txt"))
    )
    return {clip: motions[clip] + texts[clip] for clip in sorted(motions.keys() & texts.keys())}


def _files(folder: Path, suffix: str, prefix: str = "") -> Iterator[tuple[str, list[int]]]:
    try:
        entries = os.scandir(folder)
    except OSError:  # whoever reads the clips says what is missing
        return
    with entries:
        for entry in entries:
            try:
                folder_below, found = entry.is_dir(), entry.stat()
            except OSError:  # a link to nothing or to itself, or removed meanwhile: as above
                continue
            if folder_below:
                yield from _files(Path(entry.path), suffix, f"{prefix}{entry.name}/")
            elif entry.name.endswith(suffix):
                name = prefix + entry.name.removesuffix(suffix)
                yield name, [found.st_size, found.st_mtime_ns]


def _fingerprint(listing: dict[str, list[int]]) -> str:
    return hashlib.blake2b(json.dumps(listing).encode(), digest_size=16).hexdigest()


def _read_index(path: Path) -> dict[str, Any] | None:
    """Return the index; None where there is no whole file."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(size - _TAIL.size)
            length, mark = _TAIL.unpack(file.read())
            if mark != _MARK:
                return None
            file.seek(size - _TAIL.size - length)
            return json.loads(file.read(length))
    except (OSError, ValueError, struct.error):
        return None


def _write(
    path: Path,
    clips: list[str],
    read: Callable[[str], Clip | None],
    width: int,
    fingerprint: str,
) -> dict[str, Any]:
    logger.info("packing %d clips into %s, once", len(clips), path)
    entries: list[tuple[str, int, str, bool]] = []
    index = {"fingerprint": fingerprint, "width": width, "clips": entries}
    temporary = path.with_name(f".{NAME}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            for clip in clips:
                found = read(clip)
                if found is not None:
                    vectors, text, normalised = found
                    file.write(np.ascontiguousarray(vectors, np.float32).data)
                    entries.append((clip, len(vectors), text, bool(normalised)))
            tail = json.dumps(index).encode()
            file.write(tail + _TAIL.pack(len(tail), _MARK))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return index
