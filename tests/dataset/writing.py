"""A whole data set on disk, for tests that need one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from dataset.writer import DatasetClip, staged_folder, write_layout


def write_dataset(
    root: Path, clips: Iterable[DatasetClip], splits: Mapping[str, Sequence[str]]
) -> None:
    """Write `clips` as the builders do: the folder appears whole or not at all."""
    with staged_folder(root) as folder:
        write_layout(folder, clips, splits)
