"""What becomes of CMU's takes: windows with their captions, and the split of each.

`--split subjects`: of subjects with the same title in the index every second one tests, and the
training subject with the fewest windows validates. Sizes below max are a seeded sample of the
training items.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

from dataset.cmu_captions import captions_of
from dataset.cmu_rows import Row, place_row
from dataset.cmu_takes import ReadTake
from dataset.humanml3d_index import PublicFiles
from dataset.splits import Split, deal
from dataset.subsets import MAX_FRAMES, MIN_FRAMES
from dataset.windows import Window, mirrored, whole, windows_of
from loop.errors import InvalidMotionError, InvalidOptionError

SEED = 20240207

Size = Literal["64", "128", "256", "2794", "max"]
Splits = dict[str, list[str]]


@dataclass
class Plan:
    """What is to be made.

    Attributes:
        windows: of each usable take, in the order of `takes`.
        splits: ids of each split.
        left_out: (take, row, reason) of every row of a usable take that is not made.
    """

    windows: list[list[Window]]
    splits: Splits
    left_out: list[tuple[str, str, str]] = field(default_factory=list)


def plan_takes(takes: Sequence[ReadTake], split: Split) -> Plan:
    """Plan windows of whole takes, with captions made of what CMU's index says."""
    spans = [windows_of(_frames(read), overlap=split == "subjects") for read in takes]
    if split == "subjects":
        windows: dict[int, int] = defaultdict(int)
        for read, parts in zip(takes, spans, strict=True):
            windows[read.take.subject] += len(parts)
        of_subject = assign_splits({r.take.subject: r.take.title for r in takes}, windows)
        dealt = [
            [of_subject[read.take.subject]] * len(parts)
            for read, parts in zip(takes, spans, strict=True)
        ]
    else:
        shown = [read.take.description.lower() for read in takes]
        dealt = deal([(s, len(parts)) for s, parts in zip(shown, spans, strict=True)], split)
    planned, number = [], 0
    for read, parts in zip(takes, spans, strict=True):
        said = whole(captions_of(read.take.description))
        other = mirrored(said)
        ids = [f"{number + k:06d}" for k in range(len(parts))]
        planned.append(
            [Window(clip, *span, said, other) for clip, span in zip(ids, parts, strict=True)]
        )
        number += len(parts)
    return Plan(planned, _splits(planned, dealt))


def plan_rows(
    takes: Sequence[ReadTake], rows: Sequence[Row], files: PublicFiles | None, split: Split
) -> Plan:
    """Plan windows of rows, dealt by HumanML3D's lists where there are some."""
    by_take: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_take[row.take].append(row)
    lists = {} if files is None else {n: files.split(n) for n in ("train", "val", "test")}
    listed = {clip for ids in lists.values() for clip in ids}
    plan, number = Plan([], {}), 0
    for read in takes:
        windows: list[Window] = []
        for row in by_take[read.take.name]:
            placed = place_row(row, read, number)
            if lists and not {row.clip, f"M{row.clip}"} <= listed:
                placed = "no split list names it"
            if isinstance(placed, str):
                name = row.clip or f"{row.start}-{row.end}"
                plan.left_out.append((read.take.name, name, placed))
            else:
                windows += placed
                number += len(placed)
        plan.windows.append(windows)
    made = {clip for windows in plan.windows for window in windows for clip in window.ids}
    if not made:
        raise InvalidMotionError(
            "no captioned part of a take can be made",
            found=f"{len(takes)} usable takes, {len(rows)} captioned parts",
            remedy="bash prepare/download_cmu.sh fetches all takes, then --bvh_dir dataset/cmu_bvh",
        )
    if lists:
        plan.splits = {name: [c for c in ids if c in made] for name, ids in lists.items()}
    else:
        shown = [read.take.description.lower() for read in takes]
        counts = [(s, len(parts)) for s, parts in zip(shown, plan.windows, strict=True)]
        plan.splits = _splits(plan.windows, deal(counts, split))
    return plan


def _frames(read: ReadTake) -> int:
    assert read.joints is not None
    return len(read.joints)


def _splits(planned: Sequence[Sequence[Window]], dealt: Sequence[Sequence[str]]) -> Splits:
    splits: Splits = {"train": [], "val": [], "test": []}
    for windows, parts in zip(planned, dealt, strict=True):
        for window, part in zip(windows, parts, strict=True):
            splits[part] += window.ids
    return splits


def assign_splits(titles: Mapping[int, str], windows: Mapping[int, int]) -> dict[int, str]:
    """Assign each subject to a split, by the rule of this module's docstring.

    Where no title repeats, the subject with the fewest windows tests.

    Raises:
        InvalidOptionError: fewer than three subjects.
    """
    if len(windows) < 3:
        raise InvalidOptionError(
            "A split by subject needs at least three subjects.",
            found=f"subjects {sorted(windows)} with usable takes",
            remedy="add takes of other subjects",
        )
    seen: dict[str, int] = defaultdict(int)
    splits = {}
    for subject in sorted(windows):
        title = titles[subject]
        splits[subject] = "test" if seen[title] % 2 else "train"
        seen[title] += 1
    if "test" not in splits.values():
        splits[_smallest(splits, windows)] = "test"
    splits[_smallest(splits, windows)] = "val"
    return splits


def _smallest(splits: Mapping[int, str], windows: Mapping[int, int]) -> int:
    training = [subject for subject, split in splits.items() if split == "train"]
    return min(training, key=lambda subject: (windows[subject], subject))


def sample_of(plan: Plan, size: int) -> list[str]:
    """Draw `size` training ids of a length that the loader takes, in the order of the list."""
    vectors = {c: w.end - w.start - 1 for windows in plan.windows for w in windows for c in w.ids}
    ids = [clip for clip in plan.splits["train"] if MIN_FRAMES <= vectors[clip] < MAX_FRAMES]
    if len(ids) < size:
        fitting = [name for name in get_args(Size) if name != "max" and int(name) <= len(ids)]
        raise InvalidOptionError(
            "There are fewer training items than the size asks for.",
            found=f"{len(ids)} training items in these takes",
            expected=f"at least {size}",
            remedy=f"--size max trains on all {len(ids)}"
            + "".join(f"; --size {name} fits, too" for name in fitting[-1:])
            + "; more takes: bash prepare/download_cmu.sh",
        )
    chosen = np.random.default_rng([SEED, size]).choice(len(ids), size, replace=False)
    return [ids[i] for i in sorted(chosen)]
