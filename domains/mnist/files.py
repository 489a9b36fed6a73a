"""Digits on disk: what a model drew, what the correction made of it, a sheet to look at.

<gg>/image_*.png       the first forty that the model drew; under --faithful, after every epoch
<gg>/samples.npz       what the model of this generation drew: measured, and next trained on
<gg>/synthetic.npz     what this generation was given by the model before it
<gg>/corrected.npz     the same after the correction; absent where it left all as it was
<gg>/correction.json   what the correction did, in numbers
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from dataset.mnist import Digits
from loop.errors import CorruptFileError, InvalidSamplesError, MissingAssetError
from loop.interfaces import Corrected, LargeFiles
from loop.rundir.files import read_json, write_bytes, write_json

SAMPLES, SYNTHETIC, CORRECTED = "samples.npz", "synthetic.npz", "corrected.npz"
REPORT = "correction.json"
TRAINING = "training.pt"
"""All that going on exactly needs; the published layout has the model file alone."""
LARGE_FILES = LargeFiles((TRAINING,), ("model_*.pth",), (SAMPLES, SYNTHETIC, CORRECTED))
SHEET_COLUMNS = 10


def write_digits(path: Path, digits: Digits) -> None:
    """Write a compressed archive of `images` and `labels`; equal digits give equal bytes."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, images=digits.images, labels=digits.labels)
    write_bytes(path, buffer.getvalue())


def read_digits(path: Path) -> Digits:
    """Read what `write_digits` wrote.

    Raises:
        MissingAssetError: no such file.
        CorruptFileError: it is damaged or holds something else.
    """
    if not path.is_file():
        raise MissingAssetError("digits are missing", path=path)
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as stored:
            return Digits(stored["images"], stored["labels"])
    except (
        zipfile.BadZipFile,
        ValueError,
        KeyError,
        EOFError,
        OSError,
        InvalidSamplesError,
    ) as error:
        raise CorruptFileError(
            "digits cannot be read",
            path=path,
            found=f"{path.stat().st_size} bytes: {str(error).splitlines()[0]}",
            expected="an archive of images and labels",
            remedy="restore it, or remove this generation and the later ones",
        ) from error


def differ(first: Digits, second: Digits) -> bool:
    """Tell whether an image or a label of two sets differs, or how many there are."""
    same = np.array_equal(first.images, second.images)
    return not (same and np.array_equal(first.labels, second.labels))


def write_sheet(path: Path, digits: Digits, columns: int = SHEET_COLUMNS) -> None:
    """Draw digits, ten a row, black on white, no margin (published, inverted)."""
    rows = -(-len(digits) // columns)
    side = digits.images.shape[1]
    cells = np.zeros((rows * columns, side, side), np.uint8)
    cells[: len(digits)] = digits.images
    grid = cells.reshape(rows, columns, side, side).swapaxes(1, 2)
    buffer = io.BytesIO()
    Image.fromarray(255 - grid.reshape(rows * side, columns * side)).save(buffer, "png")
    write_bytes(path, buffer.getvalue())


class SampleFiles:
    """Codec of what the generator drew."""

    def save(self, value: Digits, folder: Path) -> None:
        write_digits(folder / SYNTHETIC, value)

    def load(self, folder: Path) -> Digits:
        return read_digits(folder / SYNTHETIC)


class CorrectionFiles:
    """Codec of what the correction made of it."""

    def save(self, value: Corrected[Digits], folder: Path) -> None:
        changed = differ(value.batch, read_digits(folder / SYNTHETIC))
        if changed:
            write_digits(folder / CORRECTED, value.batch)
        write_json(folder / REPORT, {"changed": changed, "report": dict(value.report)})

    def load(self, folder: Path) -> Corrected[Digits]:
        stored = read_json(folder / REPORT)
        name = CORRECTED if stored["changed"] else SYNTHETIC
        return Corrected(read_digits(folder / name), stored["report"])
