"""How much the motions drawn for one and the same text differ (Guo et al. 2020, 2022)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from loop.errors import InvalidSamplesError


def multimodality(features: ArrayLike, rng: np.random.Generator, *, pairs: int = 10) -> float:
    """Average the distance of `pairs` random pairs among the motions of each text.

    As published, the two sides are drawn separately, each without replacement and the same for all
    texts, so that one in R pairs is a motion with itself.

    Args:
        features: (T, R, D), R motions for each of T texts.
        rng: draws the pairs.
        pairs: at most R.

    Raises:
        InvalidSamplesError: wrong shape, values that are not finite, `pairs` out of range.
    """
    table = np.asarray(features, dtype=np.float64)
    if table.ndim != 3 or 0 in table.shape or not np.isfinite(table).all():
        raise InvalidSamplesError(
            "multimodality needs finite features", found=table.shape, expected="(T, R, D)"
        )
    repeats = table.shape[1]
    if not 1 <= pairs <= repeats:
        raise InvalidSamplesError(
            "multimodality: number of pairs out of range", found=pairs, expected=f"1 to {repeats}"
        )
    first = rng.choice(repeats, pairs, replace=False)
    second = rng.choice(repeats, pairs, replace=False)
    return float(np.linalg.norm(table[:, first] - table[:, second], axis=2).mean())
