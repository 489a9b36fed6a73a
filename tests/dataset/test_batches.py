"""Batches depend on seed and step only, and keep the published rules for each item."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset.batches import Batch, TrainingBatches
from dataset.captions import Caption
from dataset.humanml3d import MotionItem
from loop.errors import InvalidMotionError, InvalidOptionError

MEAN = np.linspace(-1, 1, 263, dtype=np.float32)
STD = np.linspace(0.5, 2, 263, dtype=np.float32)


def make_items(count: int, frames: int | None = None) -> list[MotionItem]:
    """Items whose vectors tell item and frame: vectors[f, d] = 1000 item + f."""
    items = []
    for number in range(count):
        length = frames or 40 + number % 30
        vectors = np.broadcast_to(1000 * number + np.arange(length)[:, None], (length, 263))
        captions = tuple(
            Caption(f"item {number} caption {k}", (f"{number}/NUM",)) for k in range(1 + number % 3)
        )
        items.append(MotionItem(str(number), str(number), vectors.astype(np.float32), captions))
    return items


def same(a: Batch, b: Batch) -> bool:
    return (
        np.array_equal(a.vectors, b.vectors)
        and np.array_equal(a.lengths, b.lengths)
        and a.captions == b.captions
        and a.tokens == b.tokens
    )


def raw_start(batch: Batch, row: int) -> tuple[int, int]:
    """(item, first frame) that a row was cut from."""
    value = round(float(batch.vectors[row, 0, 0] * STD[0] + MEAN[0]))
    return value // 1000, value % 1000


@settings(max_examples=25, deadline=None)
@given(
    count=st.integers(1, 20),
    size=st.integers(1, 9),
    seed=st.integers(0, 2**32),
    steps=st.lists(st.integers(0, 30), min_size=1, max_size=6),
)
def test_a_batch_does_not_depend_on_the_calls_before(
    count: int, size: int, seed: int, steps: list[int]
) -> None:
    items = make_items(count)
    used = TrainingBatches(items, MEAN, STD, size, 60, seed)
    for step in steps:
        fresh = TrainingBatches(items, MEAN, STD, size, 60, seed)
        assert same(used.batch(step), fresh.batch(step))


@settings(max_examples=25, deadline=None)
@given(count=st.integers(1, 12), size=st.integers(1, 30))
def test_every_item_once_an_epoch_even_with_fewer_items_than_the_batch(
    count: int, size: int
) -> None:
    batches = TrainingBatches(make_items(count), MEAN, STD, size, 60, seed=3)
    needed = -(-2 * count // size)
    drawn = [
        raw_start(batch, row)[0]
        for batch in map(batches.batch, range(needed))
        for row in range(size)
    ]
    for epoch in range(2):
        assert sorted(drawn[epoch * count : (epoch + 1) * count]) == list(range(count))


def test_what_is_drawn_does_not_depend_on_the_batch_size() -> None:
    items = make_items(7)
    small, large = (TrainingBatches(items, MEAN, STD, size, 60, seed=5) for size in (3, 21))
    whole = large.batch(0)
    parts = [small.batch(step) for step in range(7)]
    np.testing.assert_array_equal(whole.vectors, np.concatenate([p.vectors for p in parts]))
    assert whole.captions == [text for p in parts for text in p.captions]


def test_rows_are_normalised_slices_padded_with_zeros() -> None:
    items = make_items(9)
    batch = TrainingBatches(items, MEAN, STD, 9, 64, seed=1).batch(0)
    assert batch.vectors.shape == (9, 64, 263) and batch.vectors.dtype == np.float32
    for row in range(9):
        number, start = raw_start(batch, row)
        length = batch.lengths[row]
        expected = (items[number].vectors[start : start + length] - MEAN) / STD
        np.testing.assert_allclose(batch.vectors[row, :length], expected, rtol=1e-6)
        assert not batch.vectors[row, length:].any()
        assert batch.captions[row].startswith(f"item {number} ")
        assert batch.tokens[row] == (f"{number}/NUM",)


def test_lengths_are_units_and_a_third_is_one_unit_shorter() -> None:
    batches = TrainingBatches(make_items(1, frames=47), MEAN, STD, 3000, 60, seed=2)
    batch = batches.batch(0)
    assert set(batch.lengths) == {40, 44}
    share = np.mean(batch.lengths == 40)
    assert abs(share - 1 / 3) < 5 * np.sqrt(2 / 9 / 3000)  # five standard errors
    starts = {
        length: {raw_start(batch, row)[1] for row in range(3000) if batch.lengths[row] == length}
        for length in (40, 44)
    }
    assert starts == {40: set(range(8)), 44: set(range(4))}


def test_long_clips_are_cropped_anywhere() -> None:
    batch = TrainingBatches(make_items(1, frames=199), MEAN, STD, 4000, 60, seed=2).batch(1)
    assert set(batch.lengths) == {56, 60}
    starts = [raw_start(batch, row)[1] for row in range(4000)]
    assert min(starts) == 0 and max(starts) == 199 - 56
    assert abs(np.mean(starts) - 70) < 5


def test_captions_are_all_used() -> None:
    items = make_items(3)
    batch = TrainingBatches(items, MEAN, STD, 300, 60, seed=4).batch(0)
    assert set(batch.captions) == {c.text for item in items for c in item.captions}


def test_seeds_differ() -> None:
    items = make_items(10)
    one, two = (TrainingBatches(items, MEAN, STD, 10, 60, seed).batch(0) for seed in (0, 1))
    assert not same(one, two)


@pytest.mark.parametrize(
    "arguments", [(0, 4, 60), (3, 0, 60), (3, 4, 4), (3, 4, -8)], ids=lambda a: str(a)
)
def test_bad_sizes(arguments: tuple[int, int, int]) -> None:
    count, size, frames = arguments
    with pytest.raises(InvalidOptionError):
        TrainingBatches(make_items(count), MEAN, STD, size, frames, seed=0)


def test_item_too_short_to_train_on() -> None:
    with pytest.raises(InvalidMotionError, match="too short"):
        TrainingBatches(make_items(1, frames=7), MEAN, STD, 2, 60, seed=0)
