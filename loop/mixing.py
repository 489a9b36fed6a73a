"""Mixing policies: which rows of the real and of the synthetic sets make the next training set.

A policy is a pure function of the number of real rows, the sizes of the stored synthetic sets
(oldest first, newest last) and a stream. It names rows; it never sees data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from loop.interfaces import Rows
from loop.lazy import LazySequence
from loop.registry import Entry, Registry
from loop.rng import Stream

ALL = slice(None)
NONE = slice(0, 0)


class Selection(NamedTuple):
    """Rows chosen from the real set, from each synthetic set, and from the reserve of real data.

    Rows of a synthetic set are an index array, or a slice from its first row on. Sets of equal size
    that are chosen by slices fade: an older set never keeps more rows than a newer one, and a row
    once left out stays out. A domain may then keep running sums of what is in the training set.
    """

    real: Rows
    synthetic: Sequence[Rows]
    reserve: Rows = NONE


Policy = Callable[[int, Sequence[int], Stream], Selection]


def latest(n_real: int, sizes: Sequence[int], stream: Stream) -> Selection:
    """Take all real rows and the newest synthetic set (published code, MNIST and motion)."""
    return Selection(ALL, _newest_only(sizes))


def replace(n_real: int, sizes: Sequence[int], stream: Stream) -> Selection:
    """Take the newest synthetic set alone, the fully synthetic loop (arXiv 2307.01850).

    With no synthetic set yet there is only the real one to train on.
    """
    return Selection(NONE if len(sizes) else ALL, _newest_only(sizes))


def accumulate(n_real: int, sizes: Sequence[int], stream: Stream) -> Selection:
    """Take all real rows and all synthetic sets (Gerstgrasser et al., arXiv 2404.01413)."""
    return Selection(ALL, [ALL] * len(sizes))


def triangular(n_real: int, sizes: Sequence[int], stream: Stream) -> Selection:
    """Take all real rows and, of G sets, the first int((j+1)/G n_j) rows of set j (0 the oldest).

    The newest set enters whole, the oldest fades out (published Gaussian experiment).
    """
    count = len(sizes)
    # A long history costs nothing to those who ask for few of its sets.
    return Selection(ALL, LazySequence(count, lambda j: slice(0, int((j + 1) / count * sizes[j]))))


def accumulate_subsample(n_real: int, sizes: Sequence[int], stream: Stream) -> Selection:
    """Draw as many rows as there are real ones, without replacement, from all rows ever made.

    The fixed-budget policy of Kazdan et al. (arXiv 2410.16713).
    """
    ends = np.cumsum([n_real, *sizes])
    chosen = np.sort(np.random.default_rng(stream).choice(ends[-1], size=n_real, replace=False))
    parts = np.split(chosen, np.searchsorted(chosen, ends[:-1]))
    starts = np.concatenate([[0], ends[:-1]])
    real, *synthetic = (part - start for part, start in zip(parts, starts, strict=True))
    return Selection(real, list(synthetic))


def fresh_data(n_real: int, sizes: Sequence[int], stream: Stream) -> Selection:
    """Take real rows that no earlier generation saw, and the newest synthetic set.

    The fresh-data loop of Alemohammad et al. (arXiv 2307.01850). Real data held back from
    generation 0 are dealt out in their order, as many a generation as generation 0 had: generation
    g gets rows (g-1) n to g n of the reserve. Without a synthetic set it is the real set itself.
    """
    if not len(sizes):
        return Selection(ALL, [])
    dealt = (len(sizes) - 1) * n_real
    return Selection(NONE, _newest_only(sizes), slice(dealt, dealt + n_real))


def _newest_only(sizes: Sequence[int]) -> list[Rows]:
    older: list[Rows] = [NONE] * (len(sizes) - 1)
    return older + [ALL] * bool(len(sizes))


POLICIES = Registry(
    "mixing policy",
    {
        "latest": Entry("loop.mixing:latest", "real data and the newest samples (published)"),
        "triangular": Entry(
            "loop.mixing:triangular", "older samples fade out (published Gaussian)"
        ),
        "accumulate": Entry("loop.mixing:accumulate", "real data and all samples ever drawn"),
        "accumulate_subsample": Entry(
            "loop.mixing:accumulate_subsample", "as many rows as real ones, drawn from all of these"
        ),
        "replace": Entry("loop.mixing:replace", "the newest samples alone"),
        "fresh_data": Entry("loop.mixing:fresh_data", "new real data and the newest samples"),
    },
)
ONLY_NEWEST = frozenset({"latest", "replace", "fresh_data"})
"""Registered policies that never choose rows of sets older than the newest."""


def policy_named(name: str) -> Policy:
    """Look a policy up: a registered name, or `module:Name` of a `Policy`.

    Raises:
        InvalidOptionError: there is no such policy.
    """
    return POLICIES.resolve(name)
