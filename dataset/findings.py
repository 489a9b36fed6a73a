"""What the doctor finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing about one file.

    Attributes:
        kind: what is the matter, the same words for all files that share it.
        where: the file or id.
        detail: what was found there.
        fault: whether the dataset is unsound because of it.
    """

    kind: str
    where: str
    detail: str = ""
    fault: bool = True
