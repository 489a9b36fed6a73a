"""The pool of a data set: all motions that its training part was drawn from.

What is measured stands on an evaluator that learned the pool, never the few clips that a generator
learns: then one evaluator judges all sizes, seeds and arms of a family of data.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

from dataset.humanml3d import POOL, MotionSet, load_split
from dataset.writer import MARKER

logger = logging.getLogger(__name__)


def load_pool(root: Path | str, *, skip_damaged: bool = False) -> MotionSet:
    """Load the motions of `pool.txt`, or what stands in for it.

    Without that file it is the pool of the data set that `root` says it was drawn from, where that
    lies beside it; else the training part.

    Raises: see `load_split`.
    """
    folder, split = _find(Path(root))
    return load_split(folder, split, skip_damaged=skip_damaged)


def _find(root: Path) -> tuple[Path, str]:
    if (root / f"{POOL}.txt").is_file():
        return root, POOL
    source = _source(root)
    if source is None:
        return root, "train"
    if (source / "train.txt").is_file() and source.resolve() != root.resolve():
        return _find(source)
    logger.warning(
        "%s was drawn from %s, which is not there: the evaluator learns its training part alone, "
        "and its numbers do not compare with those of other sizes",
        root,
        source,
    )
    return root, "train"


def _source(root: Path) -> Path | None:
    try:
        marker = json.loads((root / MARKER).read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    name = marker.get("source") if isinstance(marker, dict) else None
    return root.parent / name if isinstance(name, str) and name else None
