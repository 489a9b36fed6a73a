"""Which windows train and which test: the rule decides what the metrics of a loop can mean."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from loop.errors import InvalidOptionError

Split = Literal["windows", "takes", "subjects"]
VALIDATES = 20
"""One unit of so many validates, in the place of one that would test."""

SHARED: dict[Split, str] = {
    "windows": "Windows of every take are dealt alternately to train and test, those of takes that "
    "show the same one after the other; no frame is in both, but often the same person and "
    "performance. Use it for the loop: train and test are draws of one distribution, so "
    "that a distance to the test set measures the model and not the choice of takes. It says "
    "nothing about new people or actions.",
    "takes": "Whole takes are dealt alternately to train and test: they share people and actions, "
    "but no performance. For generalisation; look at the train-to-test distance before reading a "
    "collapse out of it.",
    "subjects": "Of people with the same title every second one tests: train and test share kinds "
    "of actions, but no person. For generalisation to other people, not for the loop: the real "
    "training motions are far from the test set.",
}
"""What train and test have in common, for the data card."""
LOOPS = (
    "The cycles of a looped clip repeat: windows of its unrolled copy start at other phases, but "
    "train and test windows show the same content. How near a sample lies to the training windows "
    "(memorisation) therefore says nothing on this data set."
)
CARD = "README.md"
PUBLISHED = "Train and test are HumanML3D's own lists, as far as their clips could be made."


def deal(takes: Sequence[tuple[str, int]], split: Split = "windows") -> list[list[str]]:
    """Deal the windows of every take out alternately.

    Args:
        takes: what a take shows, and how many windows it has. Takes that show the same are dealt
            one after the other, so that each action comes in both parts.
        split: `windows` deals windows, `takes` whole takes.

    Returns:
        For every take one of train, val, test a window.

    Raises:
        InvalidOptionError: too few takes or windows for a train and a test part.
    """
    order = sorted(range(len(takes)), key=lambda index: takes[index][0])
    dealt: list[list[str]] = [[] for _ in takes]
    position = 0
    for index in order:
        count = takes[index][1]
        units = count if split == "windows" else min(count, 1)
        for unit in range(units):
            dealt[index] += [_place(position + unit)] * (count // units)
        position += units
    if position < 2:
        raise InvalidOptionError(
            f"there are too few {split} to train on some and test on others",
            found=position,
            expected="at least 2",
            remedy="add takes, or choose --split windows",
        )
    return dealt


def _place(position: int) -> str:
    if position % VALIDATES == VALIDATES - 1:
        return "val"
    return "test" if position % 2 else "train"


def write_card(folder: Path, title: str, split: Split | None, *more: str) -> None:
    """Write README.md: what the data set is, and what its train and test parts share.

    No `split` says that they are those of HumanML3D.
    """
    shared = PUBLISHED if split is None else f"`--split {split}`. {SHARED[split]}"
    lines = [f"# {title}", shared, *more]
    lines.append(
        "`clips.json` tells what became of every take; `python -m dataset.doctor` measures "
        "how far the real training motions are from the test motions."
    )
    (folder / CARD).write_text("\n\n".join(lines) + "\n", encoding="utf-8")
