"""The real images that an arm trains on, and those that it has in reserve."""

from __future__ import annotations

import math

import numpy as np

from dataset.mnist import DIGITS, Digits
from domains.mnist.presets import MnistPreset, MnistProtocol
from loop.errors import InvalidOptionError


def real_subset(train: Digits, preset: MnistPreset, protocol: MnistProtocol, seed: int) -> Digits:
    """Return the images that an arm trains on; raises as `real_and_reserve`."""
    return real_and_reserve(train, preset, protocol, seed)[0]


def real_and_reserve(
    train: Digits, preset: MnistPreset, protocol: MnistProtocol, seed: int
) -> tuple[Digits, Digits]:
    """Return the images that an arm trains on, and all others, in the order they come next.

    Raises:
        InvalidOptionError: there are not that many.
    """
    count = preset.real_images
    if count is None:
        count = int(preset.fraction * len(train))
    if not 1 <= count <= len(train):
        raise InvalidOptionError(
            "cannot train on so many images", found=count, expected=f"1 to {len(train)}"
        )
    order = np.arange(len(train)) if protocol.first_images_only else _balanced(train.labels, seed)
    return train.take(order[:count]), train.take(order[count:])


def _balanced(labels: np.ndarray, seed: int) -> np.ndarray:
    """Order rows at random such that every beginning has as equal shares as the data allow.

    Which digits get one more is drawn too.
    """
    rng = np.random.default_rng([seed, 0])
    order = rng.permutation(len(labels))
    rank = np.empty(len(labels), dtype=np.int64)  # place among the images of the same digit
    for digit in range(DIGITS):
        same = order[labels[order] == digit]
        rank[same] = np.arange(len(same))
    return order[np.argsort(rank[order], kind="stable")]


def synthetic_count(ratio: float, real: Digits) -> int:
    """Return ceil(lambda n) (published rounding).

    Raises:
        InvalidOptionError: lambda is negative or not finite.
    """
    if not 0 <= ratio < math.inf:
        raise InvalidOptionError("synth_aug_percent is a fraction", found=ratio, expected=">= 0")
    # 0.2 * 12000 is a little more than 2400 in floating point.
    return math.ceil(round(ratio * len(real), 6))
