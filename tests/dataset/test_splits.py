"""The dealing rule, on takes made up by hypothesis."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset.splits import deal
from loop.errors import InvalidOptionError

TAKES = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 7)), min_size=2, max_size=30)


@given(TAKES)
def test_windows_are_shared_out_evenly_in_every_action(takes: list[tuple[str, int]]) -> None:
    if sum(count for _, count in takes) < 2:
        return
    dealt = deal(takes)
    assert [len(parts) for parts in dealt] == [count for _, count in takes]
    for action in "abc":
        parts = [
            part
            for (shown, _), parts in zip(takes, dealt, strict=True)
            if shown == action
            for part in parts
        ]
        assert abs(parts.count("train") - len(parts) / 2) <= 0.5


@given(TAKES)
def test_whole_takes_stay_together(takes: list[tuple[str, int]]) -> None:
    if sum(count > 0 for _, count in takes) < 2:
        return
    dealt = deal(takes, "takes")
    assert [len(parts) for parts in dealt] == [count for _, count in takes]
    assert all(len(set(parts)) <= 1 for parts in dealt)
    assert {"train", "test"} <= {part for parts in dealt for part in parts}


def test_neighbours_in_a_take_alternate_and_few_validate() -> None:
    (parts,) = deal([("walk", 100)])
    assert parts[:4] == ["train", "test", "train", "test"]
    assert parts.count("train") == 50 and parts.count("val") == 5


@pytest.mark.parametrize("takes", [[], [("walk", 1)]])
def test_one_window_cannot_be_dealt_out(takes: list[tuple[str, int]]) -> None:
    with pytest.raises(InvalidOptionError, match="too few windows"):
        deal(takes)
