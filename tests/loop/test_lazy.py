"""A lazy sequence reads as the list of its items, and looks up only those that are asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.lazy import LazySequence

BOUND = st.none() | st.integers(-12, 12)


@given(st.integers(0, 10), BOUND, BOUND, st.none() | st.sampled_from([-3, -1, 1, 2]))
def test_it_reads_as_a_list(count: int, start: int | None, stop: int | None, step: int | None):
    items = [10 * index for index in range(count)]
    lazy = LazySequence(count, items.__getitem__)
    assert list(lazy) == items
    assert list(lazy[start:stop:step]) == items[start:stop:step]
    assert [lazy[place] for place in range(-count, count)] == 2 * items
    for place in (count, -count - 1):
        with pytest.raises(IndexError):
            lazy[place]


def test_only_what_is_asked_for_is_looked_up() -> None:
    asked: list[int] = []
    lazy = LazySequence(10, lambda index: asked.append(index) or index)
    part = lazy[2:8]
    assert len(part) == 6 and not asked
    assert part[-1] == 7 and asked == [7]
