"""The public files of HumanML3D's repository: index, captions, split lists; no motion.

They lie in a folder (also a clone, or a finished data set), or in a zip (that GitHub makes of the
repository): `index.csv`, `texts.zip` or `texts/`, `train.txt`, `val.txt`, `test.txt`.
"""

from __future__ import annotations

import csv
import io
import shlex
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePath, PurePosixPath

from body_models.damage import DAMAGE
from dataset.captions import Caption, parse_captions
from loop.errors import CorruptFileError, InvalidCaptionError, MissingAssetError, fetch_again
from loop.text import decode_text

Timed = tuple[Caption, float, float]
"""A caption, and its start and end in seconds; both 0 for the whole clip."""
FETCH = "bash prepare/download_humanml3d_texts.sh"
FETCHED = Path("dataset/HumanML3D_texts")
_FETCHED_FILES = ("index.csv", "texts.zip", "train.txt", "val.txt", "test.txt")
HOW = f"{FETCH}, then --humanml3d {FETCHED}"
KINDS = (".csv", ".txt", ".zip", ".npy")
_COLUMNS = ("source_path", "start_frame", "end_frame", "new_name")


@dataclass(frozen=True)
class IndexRow:
    """Where a clip comes from.

    Attributes:
        clip: its number (`000010`).
        source_path: of its take (`./pose_data/CMU/80/80_63_poses.npy`).
        start, end: its frames at 20 per second, after what is cut from the take; -1: to the end.
    """

    clip: str
    source_path: str
    start: int
    end: int

    @property
    def archive(self) -> str:
        """Folder of its AMASS archive, or `humanact12`."""
        return PurePosixPath(self.source_path).parts[1]

    @property
    def take(self) -> str:
        """The name of the take, as in `80_63`."""
        return PurePosixPath(self.source_path).stem.removesuffix("_poses")


def read_index(path: Path | str) -> list[IndexRow]:
    """Read all rows of HumanML3D's `index.csv`.

    Raises:
        MissingAssetError: there is no such file.
        CorruptFileError: it cannot be read, or lacks a column or a value.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingAssetError("There is no index of HumanML3D.", path=path, remedy=_copy(path))
    return _parse_index(path.read_bytes(), path, _copy(path))


def _copy(path: Path) -> str:
    return f"{FETCH} && cp {FETCHED / 'index.csv'} {shlex.quote(str(path))}"


def _parse_index(data: bytes, path: Path, remedy: str) -> list[IndexRow]:
    lines = decode_text(data, path).splitlines()
    try:
        rows = list(csv.DictReader(lines, skipinitialspace=True))
        if not rows or not set(_COLUMNS) <= rows[0].keys():
            raise ValueError(f"{len(rows)} rows of {list(rows[0]) if rows else 'nothing'}")
        if short := [
            r["source_path"] for r in rows if len(PurePosixPath(r["source_path"]).parts) < 2
        ]:
            raise ValueError(f"source paths without a folder: {short[:3]}")
        return [
            IndexRow(
                row["new_name"].removesuffix(".npy"),
                row["source_path"],
                int(row["start_frame"]),
                int(row["end_frame"]),
            )
            for row in rows
        ]
    except (csv.Error, ValueError, TypeError, AttributeError) as error:
        raise CorruptFileError(
            "index cannot be read", path=path, found=error, expected=_COLUMNS, remedy=remedy
        ) from error


class PublicFiles:
    """The files of a folder or zip by their names, whatever folders they lie in.

    Args:
        path: the folder or zip file.

    Raises:
        MissingAssetError: there is neither.
        CorruptFileError: a zip file cannot be opened.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._files: dict[str, Callable[[], bytes]] = {}
        if self.path.is_dir():
            found = (p for p in self.path.rglob("*") if p.suffix in KINDS)
            for each in sorted(found, key=lambda p: (len(p.parts), p)):
                self._files.setdefault(_key(each), each.read_bytes)
        elif self.path.is_file():
            self._open(self.path)
        else:
            raise MissingAssetError(
                "HumanML3D's index and captions are missing.", path=self.path, remedy=HOW
            )
        if "texts.zip" in self._files:
            self._open(io.BytesIO(self.content("texts.zip")))

    def rows(self) -> list[IndexRow]:
        """Read all rows of the index.

        Raises:
            MissingAssetError, CorruptFileError: see `read_index`.
        """
        path = self.path / "index.csv"
        return _parse_index(self.content(path.name), path, self._again(path))

    def captions(self, clip: str) -> list[Timed]:
        """Read the captions of a clip, as they are.

        Raises:
            MissingAssetError, CorruptFileError: it has none, or they cannot be read.
            InvalidCaptionError: see `read_captions`.
        """
        path = self.path / "texts" / f"{clip}.txt"
        return parse_captions(decode_text(self.content(path.name), path, InvalidCaptionError), path)

    def split(self, name: str) -> list[str]:
        """Read the ids of a split list, each once.

        Raises:
            MissingAssetError, CorruptFileError: there is none, or it cannot be read.
        """
        text = decode_text(self.content(f"{name}.txt"), self.path / f"{name}.txt")
        return list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))

    def _open(self, source: Path | io.BytesIO) -> None:
        try:
            archive = zipfile.ZipFile(source)
        except DAMAGE as error:
            raise CorruptFileError(
                "A zip file of HumanML3D cannot be opened.",
                path=self.path,
                found=error,
                remedy=self._again(self.path / "texts.zip"),
            ) from error
        for name in sorted(archive.namelist(), key=lambda name: (name.count("/"), name)):
            self._files.setdefault(_key(PurePosixPath(name)), partial(archive.read, name))

    def has(self, name: str) -> bool:
        """Tell whether there is a file of that name (arrays: with their folder)."""
        return name in self._files

    def content(self, name: str) -> bytes:
        """Read the bytes of a file.

        Raises:
            MissingAssetError, CorruptFileError: it is not there, or cannot be read.
        """
        if name not in self._files:
            # The script fetches the files that are not there, but looks into none of them.
            inside = self.has("texts.zip") and name not in _FETCHED_FILES
            raise MissingAssetError(
                "A file of HumanML3D's repository is missing.",
                path=self.path / name,
                expected=", ".join(_FETCHED_FILES),
                remedy=self._again(self.path / "texts.zip") if inside else HOW,
            )
        try:
            return self._files[name]()
        except DAMAGE as error:
            raise CorruptFileError(
                "A file of HumanML3D's repository cannot be read.",
                path=self.path / name,
                found=error,
                remedy=self._again(self.path / name),
            ) from error

    def _again(self, path: Path) -> str:
        """Return how to get a damaged file anew; in a clone or zip of the user's it stays."""
        ours = self.path.resolve() == FETCHED.resolve()
        return fetch_again(FETCHED / path.name, FETCH) if ours else HOW


def _key(path: PurePath) -> str:
    """Name a file as it is called here: arrays of clips, which share names, keep their folder."""
    clip = path.suffix == ".npy" and path.stem[-6:].isdigit()
    return f"{path.parent.name}/{path.name}" if clip else path.name
