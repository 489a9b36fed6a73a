"""Matching score and R-precision against a literal transcription of the definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.metrics.matching import match
from loop.errors import InvalidSamplesError


def by_definition(text: np.ndarray, motion: np.ndarray, batch: int) -> list[float]:
    """Sort the motions of the batch for each caption and look for its own among the first k."""
    hits = np.zeros(3)
    used = 0
    for start in range(0, len(text) - batch + 1, batch):
        for i in range(start, start + batch):
            distances = [np.linalg.norm(text[i] - motion[j]) for j in range(start, start + batch)]
            place = sorted(range(batch), key=distances.__getitem__).index(i - start)
            hits += [place < 1, place < 2, place < 3]
            used += 1
    return list(hits / used)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), noise=st.floats(0.1, 3.0), count=st.integers(8, 40))
def test_against_definition(seed: int, noise: float, count: int) -> None:
    rng = np.random.default_rng(seed)
    text = rng.normal(size=(count, 4))
    motion = text + noise * rng.normal(size=(count, 4))
    found = match(text, motion, batch=8)
    np.testing.assert_allclose(found.r_precision, by_definition(text, motion, 8), atol=1e-12)
    assert found.matching_score == pytest.approx(
        np.mean([np.linalg.norm(a - b) for a, b in zip(text, motion, strict=True)])
    )
    assert (found.batch, found.ranked, found.left_out) == (8, count - count % 8, count % 8)


def test_perfect_and_chance_level() -> None:
    rng = np.random.default_rng(0)
    text = rng.normal(size=(640, 8))
    perfect = match(text, text)
    assert perfect.r_precision == (1.0, 1.0, 1.0)
    assert perfect.matching_score == 0.0
    unrelated = match(text, rng.normal(size=(640, 8)))
    np.testing.assert_allclose(unrelated.r_precision, np.arange(1, 4) / 32, atol=0.03)


def test_one_motion_for_every_caption_scores_exactly_chance() -> None:
    rng = np.random.default_rng(1)
    collapsed = np.tile(rng.normal(size=(1, 6)), (64, 1))
    found = match(rng.normal(size=(64, 6)), collapsed)
    np.testing.assert_allclose(found.r_precision, np.arange(1, 4) / 32, rtol=1e-12)


def test_fewer_than_a_batch_is_ranked_in_one_smaller_pool_and_said_so() -> None:
    rng = np.random.default_rng(2)
    text = rng.normal(size=(20, 4))
    found = match(text, text + 0.5 * rng.normal(size=(20, 4)))
    assert (found.batch, found.ranked, found.left_out) == (20, 20, 0)


def test_last_batch_counts_for_the_score_only() -> None:
    text = np.random.default_rng(3).normal(size=(40, 4))
    motion = text.copy()
    motion[32:] += 10.0
    found = match(text, motion)
    assert (found.ranked, found.left_out) == (32, 8)
    assert found.r_precision[0] == 1.0
    assert found.matching_score == pytest.approx(8 / 40 * 20.0)


def test_equal_captions_count_only_when_asked() -> None:
    # Caption 0 and 1 read the same and their motions are swapped.
    text = np.array([[0.0, 0.0], [0.0, 0.0], [9.0, 0.0], [0.0, 9.0]])
    motion = np.array([[2.0, 0.0], [1.0, 0.0], [9.0, 0.0], [0.0, 9.0]])
    captions = ["walk", "walk", "run", "jump"]
    assert match(text, motion).r_precision == (0.75, 1.0, 1.0)
    assert match(text, motion, captions=captions).r_precision == (1.0, 1.0, 1.0)
    assert match(text, motion, captions=list("abcd")) == match(text, motion)


def test_tied_captions_give_the_probability_of_a_hit() -> None:
    # For each caption: two right ones and two wrong ones, all at one distance.
    motion = np.ones((4, 2))
    found = match(np.zeros((4, 2)), motion, captions=["a", "a", "b", "b"])
    np.testing.assert_allclose(found.r_precision, [1 / 2, 1 - 1 / 6, 1.0], rtol=1e-12)


def test_order_of_pairs_within_a_batch_does_not_matter() -> None:
    rng = np.random.default_rng(4)
    text, motion = rng.normal(size=(2, 32, 4))
    order = rng.permutation(32)
    assert match(text, motion).r_precision == match(text[order], motion[order]).r_precision


def test_bad_input_is_refused() -> None:
    good = np.random.default_rng(5).normal(size=(8, 3))
    with pytest.raises(InvalidSamplesError, match="same number"):
        match(good, good[:7])
    with pytest.raises(InvalidSamplesError, match="same number"):
        match(good, good, captions=["a"])
    with pytest.raises(InvalidSamplesError, match="different width"):
        match(good, good[:, :2])
    with pytest.raises(InvalidSamplesError, match="too few"):
        match(good[:1], good[:1])
    with pytest.raises(InvalidSamplesError, match="2 captions with their motions"):
        match(good[:2], good[:2])
    with pytest.raises(InvalidSamplesError, match="text embeddings: values that are not finite"):
        match(good * np.inf, good)
