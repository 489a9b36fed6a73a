"""Captions that people wrote for CMU takes: HumanML3D's and KIT-ML's, as rows of takes.

HumanML3D's index counts frames at 20 fps from the first of the capture; KIT-ML's annotations, in
the unified JSON form, seconds. Both name takes by the path of their AMASS file (`CMU/80/80_63`).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from dataset.cmu_takes import ReadTake
from dataset.humanml3d_index import PublicFiles, Timed
from dataset.tagging import tag
from dataset.windows import Window, mirrored, whole, windows_of
from loop.errors import CorruptFileError, MissingAssetError
from translation.humanml import FPS

SPARE_FRAMES, SPARE_SHARE = 3, 0.02
"""A take may end this many frames before its row, or this share of the row's end: conversions drop
a few frames at the end of a take."""


@dataclass(frozen=True)
class Row:
    """A captioned part of a take.

    Attributes:
        clip: id, where the row has one of its own; else empty.
        take: name, as in `80_63`.
        start, end: frames at 20 fps from the first of the capture; end -1: to its end.
        captions, mirrored: of the part, and of its mirror image.
    """

    clip: str
    take: str
    start: int
    end: int
    captions: Sequence[Timed]
    mirrored: Sequence[Timed]


def humanml3d_rows(files: PublicFiles) -> list[Row]:
    """Read the rows of HumanML3D that lie on CMU takes, with its captions of both images.

    Raises:
        MissingAssetError, CorruptFileError, InvalidCaptionError: see `PublicFiles`.
    """
    return [
        Row(
            row.clip,
            row.take,
            row.start,
            row.end,
            files.captions(row.clip),
            files.captions(f"M{row.clip}"),
        )
        for row in files.rows()
        if row.archive == "CMU"
    ]


def kit_rows(path: Path) -> list[Row]:
    """Read annotations of CMU takes in a JSON file in the unified form, one row a time span.

    Entries have `path`, and either `annotations`, a list of `start`, `end`, `text`, or these three.

    Raises:
        MissingAssetError: no such file.
        CorruptFileError: another form.
    """
    if not path.is_file():
        raise MissingAssetError(
            "The annotations of KIT-ML are missing.",
            path=path,
            expected="kitml.json of https://github.com/Mathux/AMASS-Annotation-Unifier",
            remedy="name it with --kit",
        )
    spans: dict[tuple[str, float, float], list[str]] = defaultdict(list)
    try:
        content = json.loads(path.read_bytes())
        for entry in content.values() if isinstance(content, dict) else content:
            parts = PurePosixPath(entry["path"]).parts
            if "CMU" not in parts:
                continue
            name = parts[-1].removesuffix(".npz").removesuffix(".npy").removesuffix("_poses")
            for text, start, end in _annotations(entry):
                spans[name, start, end].append(text)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CorruptFileError(
            "These are no annotations in the unified form.",
            path=path,
            found=f"{type(error).__name__}: {error}",
            expected='{"00001": {"path": "CMU/80/80_63_poses", "annotations": '
            '[{"text": "...", "start": 0.0, "end": 4.2}]}}',
        ) from error
    rows = []
    for (name, start, end), texts in spans.items():
        captions = whole(tag(text) for text in texts)
        span = round(start * FPS), round(end * FPS)
        rows.append(Row("", name, *span, captions, mirrored(captions)))
    return rows


def _annotations(entry: Mapping[str, Any]) -> Iterator[tuple[str, float, float]]:
    for each in entry.get("annotations", [entry]):
        text = " ".join(str(each["text"]).replace("#", " ").split())
        start, end = float(each["start"]), float(each["end"])
        if not text or not 0 <= start < end < float("inf"):
            raise ValueError(f"{text!r} from {start} to {end} s")
        yield text, start, end


def place_row(row: Row, read: ReadTake, number: int) -> list[Window] | str:
    """Return windows of a row in a take, or the reason why it is left out.

    A row with an id is one window, however long; others are cut as whole takes are.

    Args:
        row: the row.
        read: its take.
        number: id of the first window, where the row has none.
    """
    assert read.joints is not None
    first, available = read.first, read.first + len(read.joints)
    end = available if row.end < 0 else row.end
    if end - available > max(SPARE_FRAMES, SPARE_SHARE * end):
        return f"its take ends {end - available} frames before the row"
    start, end = max(row.start, first) - first, min(end, available) - first
    if end - start < 2:
        return "the row has fewer than two frames"
    if any(start - 1 <= frame < end for frame in read.jumps):
        return "a joint jumps in it: the capture is broken"
    if row.clip:
        return [Window(row.clip, start, end, row.captions, row.mirrored)]
    spans = windows_of(end - start, overlap=False)
    if not spans:
        return "the row is shorter than 2 seconds"
    return [
        Window(f"{number + k:06d}", start + a, start + b, row.captions, row.mirrored)
        for k, (a, b) in enumerate(spans)
    ]
