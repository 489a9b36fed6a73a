"""Digits that a small classifier can tell apart, in memory and as the four IDX files."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from dataset.mnist import Digits
from dataset.mnist_source import FILES


def digits(count: int, seed: int) -> Digits:
    """Ten blurred patterns and noise: a classifier can tell them, no two are equal."""
    patterns = np.random.default_rng(0).integers(0, 200, (10, 7, 7)).repeat(4, 1).repeat(4, 2)
    rng = np.random.default_rng(seed)
    labels = rng.permutation(count) % 10
    images = patterns[labels] + rng.integers(0, 56, (count, 28, 28))
    return Digits(images.astype(np.uint8), labels)


def write_digits(folder: Path) -> Path:
    """A small MNIST in IDX files."""
    train, test = digits(300, 1), digits(160, 2)
    arrays = (train.images, train.labels, test.images, test.labels)
    for name, array in zip(FILES, arrays, strict=True):
        head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
        (folder / name).write_bytes(head + array.astype(np.uint8).tobytes())
    return folder
