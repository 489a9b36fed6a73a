"""Subsets of a dataset in HumanML3D layout, by the published rules.

The 2,794 training clips of the paper are HumanML3D's takes from BMLmovi without those in which
somebody sits down: the chair is not in the scene. The small training sets are drawn from it.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from body_models.damage import DAMAGE
from dataset.humanml3d import SPLITS, read_ids, read_motion
from dataset.humanml3d_index import IndexRow, read_index
from dataset.writer import Moments, check_replaceable, staged_folder
from loop.errors import (
    CorruptFileError,
    InvalidMotionError,
    InvalidOptionError,
    MissingAssetError,
)
from loop.progress import track
from translation.layout import how_to_mend

SOURCE = "BMLmovi"
LEFT_OUT = "sitting_down"
PUBLISHED_TRAIN = 2794
MIN_FRAMES, MAX_FRAMES = 40, 200
"""What the loader takes; training clips of other lengths would not count (published lists hold
some)."""
FOLDERS = {"new_joint_vecs": ".npy", "texts": ".txt", "new_joints": ".npy"}
OPTIONAL = "new_joints"

logger = logging.getLogger(__name__)


def bmlmovi_rows(rows: Sequence[IndexRow]) -> list[IndexRow]:
    """Select the rows that come from BMLmovi: 1,839 of HumanML3D's 14,616."""
    return [row for row in rows if SOURCE in row.source_path]


def seated_clips(rows: Sequence[IndexRow], folder: Path | str) -> set[str]:
    """Find the clips in which a subject sits down, by BMLmovi's v3d files (one a subject).

    A subject's motions are numbered in the order of its `motions_list`. As published, a subject
    counts only where exactly one clip answers; the others are logged.

    Raises:
        MissingAssetError: there is no v3d file in `folder`.
        CorruptFileError: a file is no v3d file.
    """
    paths = sorted(Path(folder).glob("*.mat"))
    if not paths:
        raise MissingAssetError(
            "BMLmovi's v3d files are missing",
            path=folder,
            expected="F_v3d_Subject_<n>.mat, one a subject",
            remedy="get F_Subjects_1_45.tar and F_Subjects_46_90.tar of MoVi "
            "(https://www.biomotionlab.ca/movi/) and unpack both into this folder",
        )
    found = set()
    for path in track(paths, "reading v3d files"):
        subject, motions = read_motions_list(path)
        if LEFT_OUT not in motions:
            logger.info("%s: no %s in its list", path.name, LEFT_OUT)
            continue
        parts = (f"{subject}_", f"F_{motions.index(LEFT_OUT) + 1}_poses")
        clips = [row.clip for row in rows if all(part in row.source_path for part in parts)]
        if len(clips) == 1:
            found.add(clips[0])
        else:
            logger.info("%s: %d clips of %s, nothing left out", path.name, len(clips), LEFT_OUT)
    return found


def read_motions_list(path: Path) -> tuple[str, list[str]]:
    """Read subject id and the names of its motions, in order, from one v3d file.

    Raises:
        CorruptFileError: it cannot be read, or has no `id` and `move.motions_list`.
    """
    expected = "a MATLAB 5 file with a struct that has `id` and `move.motions_list`"
    try:
        content: dict[str, Any] = loadmat(path, simplify_cells=True)
    except (MatReadError, NotImplementedError, *DAMAGE) as error:  # MATLAB 7.3: not implemented
        raise CorruptFileError(
            "v3d file cannot be read", path=path, found=error, expected=expected
        ) from error
    for value in (content, *content.values()):
        if isinstance(value, dict) and "id" in value and isinstance(value.get("move"), dict):
            motions = value["move"].get("motions_list")
            if motions is not None:
                return str(value["id"]), [str(name).strip() for name in np.ravel(motions)]
    found = [name for name in content if not name.startswith("__")]
    raise CorruptFileError(
        "v3d file holds something else", path=path, found=found, expected=expected
    )


def write_2794(source: Path | str, v3d: Path | str, out: Path | str) -> dict[str, int]:
    """Write the BMLmovi subset of a full HumanML3D with `index.csv`, mirror images included.

    Returns:
        Clips of each split.

    Raises:
        MissingAssetError, CorruptFileError: see `read_index`, `seated_clips`, `write_subset`.
        InvalidOptionError: see `write_subset`.
    """
    source = Path(source)
    check_replaceable(Path(out))
    rows = bmlmovi_rows(read_index(source / "index.csv"))
    left_out = seated_clips(rows, v3d)
    numbers = [row.clip for row in rows if row.clip not in left_out]
    clips = {clip for number in numbers for clip in (number, f"M{number}")}
    splits = split_lists(source, clips)
    if len(splits["train"]) != PUBLISHED_TRAIN:
        logger.warning(
            "%d training clips, %d are published: %d clips were left out of %d rows of %s",
            *(len(splits["train"]), PUBLISHED_TRAIN, len(left_out), len(rows), SOURCE),
        )
    listed = list(dict.fromkeys(clip for split in splits.values() for clip in split))
    return write_subset(source, out, splits, listed, {"subset": "2794"})


def write_small(
    source: Path | str, out: Path | str, training: Sequence[str], made_from: dict[str, Any]
) -> dict[str, int]:
    """Write `source` with only the ids `training`, in this order, in its training list.

    Validation and test clips stay, and Mean and Std are those of all clips of `source`: published
    subsets share them.

    Raises:
        InvalidOptionError: an id is listed twice or is no training clip of `source`; see also
            `write_subset`.
    """
    source = Path(source)
    lists = {name: read_ids(source, name) for name in SPLITS}
    unknown = [clip for clip in training if clip not in set(lists["train"])]
    if unknown or not training or len(set(training)) != len(training):
        raise InvalidOptionError(
            "the ids do not name training clips of this dataset",
            path=source,
            found=f"{len(training)} ids, {len(set(training))} distinct, {len(unknown)} not in "
            f"train.txt: {unknown[:3]}",
        )
    every = list(dict.fromkeys(clip for split in lists.values() for clip in split))
    splits = split_lists(source, {*training, *lists["val"], *lists["test"]})
    return write_subset(source, out, {**splits, "train": list(training)}, every, made_from)


def draw_training_clips(source: Path | str, size: int, seed: int) -> list[str]:
    """Draw `size` training ids of a length that the loader takes, in the order of the list.

    Raises:
        InvalidOptionError: there are fewer.
        MissingAssetError: a listed motion is missing.
    """
    source = Path(source)
    usable = [
        clip
        for clip in read_ids(source, "train")
        if MIN_FRAMES <= _frames(source / "new_joint_vecs" / f"{clip}.npy") < MAX_FRAMES
    ]
    if not 1 <= size <= len(usable):
        raise InvalidOptionError(
            "not enough training clips of a usable length",
            path=source,
            found=f"{len(usable)} of {MIN_FRAMES} to {MAX_FRAMES - 1} frames",
            expected=f"{size}, at least 1",
        )
    chosen = np.random.default_rng([seed, size]).choice(len(usable), size, replace=False)
    return [usable[i] for i in sorted(chosen)]


def split_lists(source: Path | str, clips: Collection[str]) -> dict[str, list[str]]:
    """Return the split lists of `source`, in its order, restricted to `clips`."""
    return {name: [c for c in read_ids(source, name) if c in clips] for name in SPLITS}


def write_subset(
    source: Path | str,
    out: Path | str,
    splits: dict[str, list[str]],
    measured: Sequence[str],
    made_from: dict[str, Any],
) -> dict[str, int]:
    """Copy the files of all listed clips; Mean and Std are those of the clips `measured`.

    As published, a motion that is not finite does not count in Mean and Std; it is logged.

    Returns:
        Clips of each split.

    Raises:
        InvalidOptionError: `out` is `source`, or holds something that we did not make.
        MissingAssetError, CorruptFileError: a file of a clip is missing or cannot be read.
        StorageError: the disk is full or read-only.
    """
    source, out = Path(source), Path(out)
    if source.resolve() == out.resolve():
        raise InvalidOptionError("a subset cannot replace its own source", path=out)
    with staged_folder(out, {"source": source.name, **made_from}) as folder:
        listed = dict.fromkeys(clip for split in splits.values() for clip in split)
        for name, suffix in FOLDERS.items():
            if name == OPTIONAL and not (source / name).is_dir():
                continue
            (folder / name).mkdir()
            for clip in track(listed, f"copying {name}"):
                _copy(source / name / f"{clip}{suffix}", folder / name / f"{clip}{suffix}")
        for name, ids in splits.items():
            (folder / f"{name}.txt").write_text("".join(f"{clip}\n" for clip in ids))
        moments = _moments(source, measured)
        np.save(folder / "Mean.npy", moments.mean())
        np.save(folder / "Std.npy", moments.std())
    counts = {name: len(ids) for name, ids in splits.items()}
    logger.info("made %s: %s", out, ", ".join(f"{n} {name}" for name, n in counts.items()))
    return counts


def _copy(path: Path, target: Path) -> None:
    if not path.is_file():
        raise MissingAssetError("a listed clip lacks a file", path=path, remedy=how_to_mend(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, target)


def _frames(path: Path) -> int:
    """Read the length of a motion from the head of its file."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False).shape[0]
    except FileNotFoundError as error:
        raise MissingAssetError("a listed motion is missing", path=path) from error
    except DAMAGE as error:
        raise CorruptFileError("motion cannot be read", path=path, found=error) from error


def _moments(source: Path, clips: Sequence[str]) -> Moments:
    moments = Moments()
    for clip in track(clips, "measuring"):
        try:
            moments.add(read_motion(source / "new_joint_vecs" / f"{clip}.npy"))
        except InvalidMotionError as error:
            logger.warning("not in Mean and Std: %s", error)
    if not moments.count:
        raise InvalidMotionError("no motion to measure", path=source)
    return moments
