from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from loop.rng import Streams, integer_seed, item_seeds

keys = st.tuples(st.integers(0, 2**31), st.integers(0, 60), st.sampled_from("abc"))


@given(keys, keys)
def test_two_streams_agree_exactly_when_their_keys_do(first: tuple, second: tuple) -> None:
    draws = [
        np.random.default_rng(Streams(seed).at(generation, stage)).integers(0, 2**62, 4)
        for seed, generation, stage in (first, second)
    ]
    assert np.array_equal(*draws) == (first == second)


def test_streams_are_the_same_on_every_machine() -> None:
    """A golden value: a change here silently changes every result ever published with this code."""
    assert integer_seed(Streams(42).at(1, "fit")) == GOLDEN


@given(st.integers(0, 2**31), st.integers(1, 20), st.integers(0, 20))
def test_an_item_keeps_its_seed_when_there_are_more_items(seed: int, n: int, more: int) -> None:
    stream = Streams(seed).at(1, "synthesise")
    assert item_seeds(stream, n + more)[:n] == item_seeds(stream, n)
    assert all(0 <= s < 2**63 for s in item_seeds(stream, n))


GOLDEN = 4933061370032028981
