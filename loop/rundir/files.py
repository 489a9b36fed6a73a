"""Files that are either whole or absent, whatever happens in between."""

from __future__ import annotations

import errno
import io
import json
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from loop.errors import CorruptFileError, MissingAssetError, StorageError

Json: TypeAlias = "dict[str, Json] | list[Json] | str | float | None"
"""What a JSON file holds; bool and int are among the floats."""

_TEMPORARY = ".tmp"
_REMEDIES = {
    errno.ENOSPC: "free some space and repeat the command; finished work is kept",
    errno.EFBIG: "files may not grow so large here (ulimit -f); raise the limit and repeat",
    errno.EIO: "the disk reports an error; finished work is kept, look at the disk first",
    errno.EDQUOT: "your disk quota is used up; free some space and repeat the command",
    errno.EROFS: "the folder is on a read-only file system; choose another output folder",
    errno.EACCES: "you may not write there; choose another output folder",
    errno.EPERM: "you may not write there; choose another output folder",
    errno.EEXIST: "a file of that name is in the way; choose another output folder",
    errno.ENOTDIR: "a file stands where a folder is needed; choose another output folder",
    errno.EISDIR: "a folder has that name; choose another",
    errno.ENAMETOOLONG: "a name may have 255 bytes here; choose another, shorter one",
    errno.ELOOP: "a link leads to itself; choose another output folder",
}


@contextmanager
def storage(path: Path) -> Generator[None]:
    """Turn an operating-system error about `path` into one that says what to do.

    Raises:
        StorageError: the disk is full, the folder is read-only or not ours.
    """
    try:
        yield
    except OSError as error:
        number = error.errno
        if number is None and "requested and" in str(error):
            number = errno.ENOSPC  # how numpy words a short write
        if number not in _REMEDIES:
            raise
        raise StorageError(
            "cannot write", path=path, found=os.strerror(number), remedy=_REMEDIES[number]
        ) from error


@contextmanager
def _making(path: Path) -> Generator[None]:
    """As `storage`, where nothing is read: what is missing is the place for a new file (/proc)."""
    try:
        with storage(path):
            yield
    except FileNotFoundError as error:
        raise StorageError(
            "cannot write",
            path=path,
            found=error.strerror,
            remedy="no file can be made there; choose another output folder",
        ) from error


def make_folder(folder: Path) -> None:
    """Make the folder of an output and see that it takes files: before the work, not after it.

    Raises:
        StorageError: it cannot be made, or takes none.
    """
    with _making(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _probe(folder / _TEMPORARY)


def prepare_file(path: Path) -> None:
    """Make the folder of an output file and see that it can be written, before the work for it.

    Raises:
        StorageError: it cannot.
    """
    with _making(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not _is_device(path):
            _probe(path)


def _probe(path: Path) -> None:
    temporary = _sibling(path)
    temporary.touch()
    temporary.unlink(missing_ok=True)


def _sibling(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}{_TEMPORARY}")


def _is_device(path: Path) -> bool:
    """Tell whether there is something that a renamed file must not replace (/dev/null, a pipe)."""
    return path.exists() and not path.is_file() and not path.is_dir()


def sync_folder(folder: Path) -> None:
    """Make renames inside `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Make all files below `folder` survive a power cut."""
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
    sync_folder(folder)


def remove_leftovers(folder: Path) -> None:
    """Remove what writers that were killed left below `folder`; nobody else may be writing."""
    for path in folder.rglob(f".*{_TEMPORARY}"):
        path.unlink()


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file or none: temporary sibling, fsync, rename.

    Raises:
        StorageError: the disk is full, the folder is read-only or not ours.
    """
    temporary = _sibling(path)
    with _making(path):
        if _is_device(path):
            path.write_bytes(data)
            return
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Write a .npy file by `write_bytes`."""
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    write_bytes(path, content.getvalue())


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON by `write_bytes`; floats are written so that they read back exactly."""
    write_bytes(path, (json.dumps(value, indent=2) + "\n").encode())


def read_json(path: Path) -> Any:
    """Read and parse a JSON file.

    Raises:
        MissingAssetError: there is no such file.
        CorruptFileError: it is not JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise MissingAssetError("file is missing", path=path, expected="a JSON file") from error
    except ValueError as error:
        raise CorruptFileError(
            "file is not JSON", path=path, found=str(error), remedy="restore or remove it"
        ) from error
