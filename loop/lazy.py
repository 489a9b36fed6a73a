"""Sequences whose items are worked out when asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar, overload

Item = TypeVar("Item")


class LazySequence(Sequence[Item]):
    """Items that may cost a read from disk: each is looked up whenever it is asked for, none kept.

    Args:
        count: number of items.
        item: index from 0 to count - 1 -> item.
    """

    def __init__(self, count: int, item: Callable[[int], Item]) -> None:
        self._count, self._item = count, item

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | Sequence[Item]:
        place = range(self._count)[index]
        if isinstance(place, range):
            return LazySequence(len(place), lambda i: self._item(place[i]))
        return self._item(place)
