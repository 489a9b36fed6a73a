"""Captions in the HumanML3D text format: read, write.

One caption a line, four fields separated by `#`: the caption, its tokens as `word/POS` separated by
spaces, and the start and end in seconds of the segment it describes (both 0: the whole clip).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from loop.errors import InvalidCaptionError
from loop.text import read_text
from translation.layout import how_to_mend


@dataclass(frozen=True)
class Caption:
    """One description: the text and its tokens, each `word/POS` (lemma and part of speech)."""

    text: str
    tokens: tuple[str, ...]


def read_captions(path: Path) -> list[tuple[Caption, float, float]]:
    """Read all captions of a file as (caption, start_s, end_s); start = end = 0: the whole clip.

    A time that is not a number (NaN) counts as 0, as published. Blank lines are skipped; lines may
    end as on any system.

    Raises:
        InvalidCaptionError: the file is missing, is not text, holds no caption, or has a line with
            an empty caption, other than four fields, or a time that is no time.
    """
    return parse_captions(caption_text(path), path)


def caption_text(path: Path) -> str:
    """Read a caption file without looking into it. Raises InvalidCaptionError as there."""
    if not path.exists():
        raise InvalidCaptionError("Caption file is missing.", path=path, remedy=how_to_mend(path))
    return read_text(path, "caption file", error=InvalidCaptionError)


def parse_captions(text: str, path: Path) -> list[tuple[Caption, float, float]]:
    """Parse what stands in the caption file `path`, see `read_captions`."""
    lines = [(i, line) for i, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not lines:
        raise InvalidCaptionError(
            "Caption file is empty.",
            path=path,
            found=f"{len(text)} characters, no caption",
            expected="at least one line `caption#word/POS ...#start#end`",
            remedy=how_to_mend(path),
        )
    return [_parse_line(line, f"{path}:{i}") for i, line in lines]


def _parse_line(line: str, where: str) -> tuple[Caption, float, float]:
    fields = line.strip().split("#")
    if len(fields) != 4:
        raise InvalidCaptionError(
            "Caption line does not have four fields.",
            path=where,
            found=f"{len(fields)} fields in {line[:80]!r}",
            expected="caption#word/POS word/POS ...#start#end",
            remedy=how_to_mend(where),
        )
    text = fields[0].strip()
    if not text:
        raise InvalidCaptionError(
            "Caption text is empty.", path=where, found=repr(line[:80]), remedy=how_to_mend(where)
        )
    try:
        start, end = (float(field) for field in fields[2:])
    except ValueError as error:
        raise InvalidCaptionError(
            "Start or end of a caption is not a number.",
            path=where,
            found=fields[2:],
            expected="seconds, 0.0 and 0.0 for the whole clip",
            remedy=how_to_mend(where),
        ) from error
    start, end = (0.0 if math.isnan(t) else t for t in (start, end))
    if not 0 <= start < math.inf or not 0 <= end < math.inf:
        raise InvalidCaptionError(
            "Start or end of a caption is out of range.",
            path=where,
            found=fields[2:],
            expected="seconds from the start of the clip",
            remedy=how_to_mend(where),
        )
    # The same few thousand words over and over: one string of each will do.
    return Caption(text, tuple(map(sys.intern, fields[1].split()))), start, end


def format_captions(captions: Iterable[tuple[Caption, float, float]]) -> str:
    """Write captions as the text of a file; `read_captions` gives the same captions back."""
    return "".join(
        f"{caption.text}#{' '.join(caption.tokens)}#{start}#{end}\n"
        for caption, start, end in captions
    )
