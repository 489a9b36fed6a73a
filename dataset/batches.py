"""Training batches as a pure function of seed and step, so that resuming needs only the step.

Published per-item rules (HumanML3D loader): a random caption; a length that is a multiple of 4, one
unit of 4 shorter in a third of the draws; a random start. What differs: published batches drop what
is left of an epoch (here: `drop_incomplete`), and cannot be formed at all from fewer items than the
batch size (the published trainer divides by zero there). Ours run on across the border between
epochs: every item is drawn exactly once an epoch, and a batch may hold an item twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from dataset.humanml3d import MOTION_DIM, MotionItem
from loop.errors import InvalidMotionError, InvalidOptionError

SHORTER = 1 / 3
"""Share of the draws that are one unit shorter than they could be."""


@dataclass(frozen=True)
class Batch:
    """One batch of motions with their captions.

    Attributes:
        vectors: (B, max_frames, 263) float32, normalised, zero after each length.
        lengths: (B,) int64 frames, multiples of the unit.
        captions: B texts.
        tokens: B tuples of `word/POS`.
    """

    vectors: np.ndarray
    lengths: np.ndarray
    captions: list[str]
    tokens: list[tuple[str, ...]]


@dataclass(frozen=True)
class _Epoch:
    """Draws of one epoch by position: the item, and three uniform numbers for its choices."""

    order: np.ndarray
    uniform: np.ndarray


class TrainingBatches:
    """Endless batches over `items`; `batch(step)` does not depend on any call before it.

    What is drawn at a position of an epoch depends on (seed, epoch) only, not on the batch size.

    Args:
        items: motions, not normalised; kept by reference, nothing is copied.
        mean, std: (263,), normalisation.
        batch_size: items a batch; may exceed the number of items.
        max_frames: frames of the padded batch; longer clips are cropped at a random place.
        seed: fixes everything.
        unit: lengths are multiples of it.
        drop_incomplete: an epoch ends with its last full batch, as published; where not even one is
            full, batches run on across epochs all the same.

    Raises:
        InvalidOptionError: no items, or sizes that are not positive.
        InvalidMotionError: an item is shorter than two units.
    """

    def __init__(
        self,
        items: Sequence[MotionItem],
        mean: np.ndarray,
        std: np.ndarray,
        batch_size: int,
        max_frames: int,
        seed: int,
        unit: int = 4,
        drop_incomplete: bool = False,
    ) -> None:
        if not items or batch_size < 1 or unit < 1 or max_frames < 2 * unit:
            raise InvalidOptionError(
                "Training batches need items and positive sizes.",
                found=f"{len(items)} items, batch size {batch_size}, {max_frames} frames",
                expected=f"at least 1 item, batch size 1, {2 * unit} frames",
            )
        for item in items:
            if len(item.vectors) < 2 * unit:
                raise InvalidMotionError(
                    f"Motion {item.name} is too short to train on.",
                    found=f"{len(item.vectors)} frames",
                    expected=f"at least {2 * unit}",
                )
        self.items = items
        self.mean = np.asarray(mean, np.float32)
        self.std = np.asarray(std, np.float32)
        self.batch_size, self.max_frames, self.seed, self.unit = batch_size, max_frames, seed, unit
        whole = len(items) // batch_size * batch_size
        self._drawn = whole if drop_incomplete and whole else len(items)
        frames = np.array([len(item.vectors) for item in items])
        self._frames = frames
        self._longest = np.minimum(frames, max_frames) // unit * unit
        self._captions = np.array([len(item.captions) for item in items])
        self._epoch = lru_cache(maxsize=2)(self._draw_epoch)

    def _draw_epoch(self, epoch: int) -> _Epoch:
        rng = np.random.default_rng([self.seed, epoch])
        return _Epoch(rng.permutation(len(self.items)), rng.random((len(self.items), 3)))

    def batch(self, step: int) -> Batch:
        """Return the batch of optimiser step `step` (from 0)."""
        chosen, uniform = self._draws(step)
        caption, coin, start = uniform.T
        lengths = self._longest[chosen] - self.unit * (coin < SHORTER)
        starts = (start * (self._frames[chosen] - lengths + 1)).astype(np.int64)
        which = (caption * self._captions[chosen]).astype(np.int64)
        vectors = np.zeros((self.batch_size, self.max_frames, MOTION_DIM), np.float32)
        for row, (index, begin, length) in enumerate(zip(chosen, starts, lengths, strict=True)):
            vectors[row, :length] = self.items[index].vectors[begin : begin + length]
        valid = np.arange(self.max_frames) < lengths[:, None]
        np.subtract(vectors, self.mean, out=vectors)
        np.divide(vectors, self.std, out=vectors)
        vectors *= valid[..., None]
        captions = [self.items[i].captions[k] for i, k in zip(chosen, which, strict=True)]
        return Batch(vectors, lengths, [c.text for c in captions], [c.tokens for c in captions])

    def _draws(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw items (B,) of a step and their uniform numbers (B, 3), maybe from several epochs."""
        position, last = step * self.batch_size, (step + 1) * self.batch_size
        chosen, uniform = [], []
        while position < last:
            epoch, offset = divmod(position, self._drawn)
            take = min(last - position, self._drawn - offset)
            draws = self._epoch(epoch)
            chosen.append(draws.order[offset : offset + take])
            uniform.append(draws.uniform[offset : offset + take])
            position += take
        return np.concatenate(chosen), np.concatenate(uniform)
