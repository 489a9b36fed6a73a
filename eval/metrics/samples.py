"""The border of this room: every metric takes its feature vectors through `require_samples`."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from loop.errors import InvalidSamplesError

Features = NDArray[np.floating]
"""float64 in fact; scipy and numpy promise no more than "floating" in their annotations."""


def require_samples(values: ArrayLike, name: str, *, at_least: int = 1) -> Features:
    """Return `values` as a finite float64 array (N, D) of N feature vectors.

    Raises InvalidSamplesError on a wrong number of axes, fewer than `at_least` rows, no columns, or
    values that are not finite; `name` says in the message which set it was.
    """
    array = np.asarray(values)
    if array.ndim != 2 or array.shape[1] == 0:
        raise InvalidSamplesError(
            f"{name}: not a table of feature vectors", found=array.shape, expected="(N, D), D >= 1"
        )
    if array.dtype.kind not in "fiu":
        raise InvalidSamplesError(
            f"{name}: not real numbers", found=array.dtype, expected="float or integer"
        )
    if len(array) < at_least:
        raise InvalidSamplesError(
            f"{name}: too few samples for this metric",
            found=len(array),
            expected=f"at least {at_least}",
            remedy="evaluate on more samples, or lower the number of neighbours or pairs",
        )
    array = array.astype(np.float64)
    bad_rows = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if len(bad_rows):
        raise InvalidSamplesError(
            f"{name}: values that are not finite",
            found=f"{len(bad_rows)} of {len(array)} rows, the first is row {bad_rows[0]}",
            expected="finite values only",
            remedy="find the sample behind that row; a network that diverged gives such features",
        )
    return array


def require_same_width(first: Features, second: Features, names: str) -> None:
    """Raise InvalidSamplesError unless both tables have the same number of columns."""
    if first.shape[1] != second.shape[1]:
        raise InvalidSamplesError(
            f"{names}: feature vectors of different width",
            found=f"{first.shape[1]} and {second.shape[1]}",
            expected="features of one and the same network",
        )
