"""Clip ids of a data set in HumanML3D layout: the split lists, and which clips are mirror images.

An id names files: `new_joint_vecs/ID.npy`, `texts/ID.txt`; it may hold folders, as Motion-X's do.
"""

from __future__ import annotations

import logging
import os
import re
import shlex
from collections.abc import Collection
from pathlib import Path, PurePosixPath

from loop.errors import CorruptFileError
from loop.text import read_lines

MARKER = "dataset.json"
"""Says that one of our commands made the folder, and how; only such a folder is ever replaced."""
_NUMBERED = re.compile(r"((?:.*/)?)(M?)(\d+)")
_SIX_DIGITS = 6
LONGEST_NAME = 250
"""Bytes of a file's name without its ending; file systems take 255 with it."""
HOW_TO_GET = (
    "point to a dataset in HumanML3D layout; `python -m dataset.demo_clips --out dataset/demo` "
    "makes one without any account"
)

logger = logging.getLogger(__name__)


def listed_ids(root: Path | str, split: str) -> list[str]:
    """Read the clip ids of one split in file order, as often as they are listed.

    Raises:
        MissingAssetError: there is no such list.
        CorruptFileError: its encoding cannot be told, or an id leads out of the data set.
    """
    path = Path(root) / f"{split}.txt"
    lines = read_lines(path, f"list of split {split!r}", HOW_TO_GET)
    ids = [str(PurePosixPath(line.removesuffix(".npy"))) for line in lines]  # ./1 is 1, a//b a/b
    for clip in ids:
        parts = PurePosixPath(clip).parts
        leaves = clip.startswith("/") or ".." in parts or "\\" in clip or clip == "."
        if (
            leaves
            or not clip.isprintable()
            or max(len(os.fsencode(p)) for p in parts) > LONGEST_NAME
        ):
            raise CorruptFileError(
                "An id of a split list names no file of the data set.",
                path=path,
                found=repr(clip),
                expected="a name such as 000021, with / between folders",
                remedy="write the path relative to new_joint_vecs/, with forward slashes",
            )
    return ids


def how_to_mend(path: Path | str) -> str:
    """Return the remedy for a missing or damaged file of a clip: only the lists can drop it."""
    folders = (p.parent for p in Path(path).parents if p.name in ("new_joint_vecs", "texts"))
    root = next(folders, Path(path).parent)
    if not (root / "new_joint_vecs").is_dir():
        return "restore the file"
    return (
        f"`python -m dataset.doctor {shlex.quote(str(root))}` lists all such files; restore them, "
        "or take their ids out of the split lists"
    )


def read_ids(root: Path | str, split: str) -> list[str]:
    """Read the clip ids of one split in file order; a repeated one counts once, with a warning.

    Raises:
        MissingAssetError, CorruptFileError: see `listed_ids`.
    """
    ids = listed_ids(root, split)
    once = list(dict.fromkeys(ids))
    if len(once) < len(ids):
        count = len(ids) - len(once)
        logger.warning("%s/%s.txt lists %d ids again; each counts once", root, split, count)
    return once


def mirror_partner(clip: str) -> str | None:
    """Name the mirror image of a numbered clip, or its original; None for any other name."""
    match = _NUMBERED.fullmatch(clip)
    return f"{match[1]}{'' if match[2] else 'M'}{match[3]}" if match else None


def mirrored_ids(root: Path | str, ids: Collection[str]) -> set[str]:
    """Tell which of the ids name mirror images: M and a number that stands there without M, too.

    In HumanML3D and in what our commands made of it (`index.csv` or `dataset.json` says so) M and
    six digits are enough, since a drawn subset may hold either clip of a pair.
    """
    published = any((Path(root) / name).is_file() for name in (MARKER, "index.csv"))
    known = set(ids)
    return {
        clip
        for clip in known
        if (match := _NUMBERED.fullmatch(clip)) is not None
        and match[2]
        and (match[1] + match[3] in known or (published and len(match[3]) == _SIX_DIGITS))
    }
