"""Do the motions fit their captions? Matching score and R-precision (Guo et al. 2022)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist
from scipy.special import comb

from eval.metrics.samples import Features, require_same_width, require_samples
from loop.errors import InvalidSamplesError

BATCH = 32
"""Captions are ranked against the motions of one batch: one match and 31 others, as published."""


@dataclass(frozen=True)
class Matching:
    """Result of `match`; `r_precision[k - 1]` is the top-k hit rate."""

    matching_score: float
    r_precision: tuple[float, ...]
    batch: int
    """How many motions each caption was ranked against; chance level of top-k is k / batch."""
    ranked: int
    """Captions behind `r_precision`."""
    left_out: int
    """Captions of an incomplete last batch: in `matching_score`, not in `r_precision`."""


def match(
    text: ArrayLike,
    motion: ArrayLike,
    *,
    captions: Sequence[str] | None = None,
    batch: int = BATCH,
    top: int = 3,
) -> Matching:
    """Score paired embeddings text (N, D) and motion (N, D): matching score and R-precision.

    Batches are cut in the given order: shuffle first (with your own generator) if the order
    means anything. An incomplete last batch would be easier to rank, so it is left out of the
    R-precision; with fewer than `batch` pairs in all, they form one smaller batch and the result
    says so. Row i of both tables belongs together.

    captions: None as published (only its own motion is right); or N strings, then a motion whose
    caption reads the same also counts, which is fairer where captions repeat.
    Ties count with the probability of a hit under random order, so that a generator that always
    gives the same motion scores chance level.
    Raises InvalidSamplesError on bad features, sizes that differ, or `top` beyond the batch.
    """
    texts = require_samples(text, "text embeddings", at_least=2)
    motions = require_samples(motion, "motion embeddings", at_least=2)
    require_same_width(texts, motions, "text and motion embeddings")
    count = len(texts)
    if len(motions) != count or (captions is not None and len(captions) != count):
        raise InvalidSamplesError(
            "matching: not the same number of captions and motions",
            found=(count, len(motions), None if captions is None else len(captions)),
        )
    size = min(batch, count)
    if not 1 <= top <= size or batch < 2:
        raise InvalidSamplesError(
            f"matching: top out of range for R-precision top-{top}",
            found=f"{count} captions with their motions, batch {batch}",
            expected=f"at least {max(top, 2)} pairs, and batches of as many",
            remedy="evaluate on a split with more clips, or on more samples (--eval_num_samples)",
        )
    labels = np.arange(count) if captions is None else np.unique(captions, return_inverse=True)[1]
    ranked = count - count % size
    hits = np.zeros(top)
    for start in range(0, ranked, size):
        rows = slice(start, start + size)
        same = labels[rows, None] == labels[None, rows]
        hits += _hit_probability(cdist(texts[rows], motions[rows]), same, top).sum(axis=0)
    return Matching(
        matching_score=float(np.linalg.norm(texts - motions, axis=1).mean()),
        r_precision=tuple(float(hit) for hit in hits / ranked),
        batch=size,
        ranked=ranked,
        left_out=count - ranked,
    )


def _hit_probability(distances: Features, same: np.ndarray, top: int) -> Features:
    """Return the probability (captions, top) of a right motion among the k nearest, k = 1..top.

    With `closer` wrong motions strictly nearer than the nearest right one, and `tied` wrong beside
    `right` right ones at exactly that distance, the remaining r = k - closer places miss with
    probability C(tied, r) / C(tied + right, r).
    """
    nearest = np.where(same, distances, np.inf).min(axis=1, keepdims=True)
    at_nearest = distances == nearest
    closer = (distances < nearest).sum(axis=1)[:, None]
    tied = (at_nearest & ~same).sum(axis=1)[:, None]
    right = (at_nearest & same).sum(axis=1)[:, None]
    places = np.clip(np.arange(1, top + 1) - closer, 0, tied + right)
    return 1.0 - np.asarray(comb(tied, places)) / np.asarray(comb(tied + right, places))
