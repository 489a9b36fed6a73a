"""Weights from elsewhere, checked before they are in place: a folder, a zip file, an address."""

from __future__ import annotations

import shutil
import tempfile
import urllib.request
import zipfile
from pathlib import Path

import torch

from domains.motion.checkpoints.shipped import CONFIG, METRICS, WEIGHTS, digest, load_shipped
from loop.errors import CorruptFileError, InvalidOptionError, MissingAssetError
from loop.rundir.files import make_folder, storage

TIMEOUT_S = 60
ADDRESSES = ("https://", "http://", "file://")


def install(source: str, out: Path, name: str | None = None, sha256: str | None = None) -> Path:
    """Check the weights of `source` and put them to `out/name`, whole or not at all.

    Args:
        source: folder, .zip file, or address of a .zip file.
        out: folder of all weights.
        name: of these; default: that of the source.
        sha256: checksum of the zip file; needed for an address.

    Raises:
        MissingAssetError: the source is not there.
        InvalidOptionError: an address without checksum, or a name that is taken.
        CorruptFileError: another checksum, or no weights of ours.
    """
    target = out / (name or Path(source.rstrip("/")).stem)
    if target.exists():
        raise InvalidOptionError(
            "weights of this name are here already", path=target, remedy="choose another --name"
        )
    make_folder(out)
    with storage(out), tempfile.TemporaryDirectory(dir=out, prefix=".installing_") as scratch:
        folder = Path(scratch) / "weights"
        folder.mkdir()
        if Path(source).is_dir():
            _copy(Path(source), folder)
        else:
            _unpack(_fetch(source, Path(scratch), sha256), folder)
        load_shipped(folder, torch.device("cpu"))  # raises for anything that is no model
        folder.rename(target)
    return target


def _fetch(source: str, scratch: Path, sha256: str | None) -> Path:
    path = Path(source)
    if source.startswith(ADDRESSES):
        if sha256 is None:
            raise InvalidOptionError(
                "an address needs a checksum", found=source, expected="--sha256 of the zip file"
            )
        path = scratch / "download.zip"
        try:
            with (
                urllib.request.urlopen(source, timeout=TIMEOUT_S) as answer,
                path.open("wb") as file,
            ):
                shutil.copyfileobj(answer, file)
        except OSError as error:
            raise MissingAssetError("cannot be fetched", path=source, found=error) from error
    if not path.is_file():
        raise MissingAssetError(
            "there are no weights", path=source, expected="a folder, a zip file, or an address"
        )
    if sha256 is not None and digest(path) != sha256.lower():
        raise CorruptFileError(
            "the checksum is another one", path=source, found=digest(path), expected=sha256
        )
    return path


def _copy(source: Path, folder: Path) -> None:
    for name in (WEIGHTS, CONFIG, METRICS):
        if (source / name).is_file():
            shutil.copyfile(source / name, folder / name)


def _unpack(path: Path, folder: Path) -> None:
    """Take only our files, by their own names, wherever in the archive they are."""
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                name = Path(entry.filename).name
                if name in (WEIGHTS, CONFIG, METRICS):
                    (folder / name).write_bytes(archive.read(entry))
    except zipfile.BadZipFile as error:
        raise CorruptFileError("not a zip file", path=path, found=error) from error
