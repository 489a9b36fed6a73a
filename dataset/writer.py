"""Write a dataset in the HumanML3D layout, whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dataset.captions import Caption, format_captions
from dataset.humanml3d import MOTION_DIM, POOL
from loop.errors import InvalidMotionError, InvalidOptionError
from loop.rundir.files import make_folder, storage
from translation.humanml import vectors_to_joints
from translation.layout import MARKER

# HumanML3D divides each kind of feature by one number: the mean of its deviations.
STD_GROUPS = ((0, 1), (1, 3), (3, 4), (4, 67), (67, 193), (193, 259), (259, 263))


@dataclass(frozen=True)
class DatasetClip:
    """One clip to write.

    Attributes:
        id: name of its files (`000021`, mirrored `M000021`).
        vectors: (F, 263) HumanML3D vectors at 20 fps, not normalised.
        captions: (caption, start_s, end_s), 0 and 0 for the whole clip; at least one.
    """

    id: str
    vectors: np.ndarray
    captions: Sequence[tuple[Caption, float, float]]


@contextmanager
def staged_folder(root: Path | str, made_from: Mapping[str, Any] | None = None) -> Iterator[Path]:
    """Yield a new, empty sibling folder that takes the place of `root` when the block ends well.

    It gets a marker file holding `made_from`. When the block fails, or an interrupt comes between
    the two renames after it, `root` is as it was.

    Raises:
        InvalidOptionError: `root` exists, is not empty, and none of our commands made it.
    """
    root = Path(root)
    check_replaceable(root)
    building, old = (root.parent / f".{root.name}.{os.getpid()}.{w}" for w in ("new", "old"))
    try:
        with storage(root):
            building.mkdir(parents=True)
            yield building
            marker = {"made_by": "scsc", **(made_from or {})}
            (building / MARKER).write_text(json.dumps(marker, indent=2) + "\n")
            check_replaceable(root)
            if root.exists():
                root.rename(old)
            building.rename(root)
    finally:
        if old.exists() and not root.exists():
            old.rename(root)
        shutil.rmtree(building, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def check_replaceable(root: Path) -> None:
    """See, before the work, that a data set can be made in `root`.

    Raises:
        InvalidOptionError: it holds something that our commands did not make.
        StorageError: nothing can be written there.
    """
    make_folder(root.parent)
    if root.exists() and not (root / MARKER).is_file() and (root.is_file() or any(root.iterdir())):
        raise InvalidOptionError(
            "The output folder holds something that this command did not make.",
            path=root,
            found=f"no {MARKER} in it",
            remedy="choose another --out, or move the folder away yourself",
        )


def write_layout(
    folder: Path,
    clips: Iterable[DatasetClip],
    splits: Mapping[str, Sequence[str]],
    statistics: Moments | None = None,
    pool: Sequence[str] = (),
) -> None:
    """Write all files of a dataset into an existing folder, such as `staged_folder` yields.

    `splits` maps train, val and test to clip ids. Clips may come from a generator: only one is held
    at a time. `statistics` of a larger set are written where given, as a published subset has
    them; so is the `pool` of ids that the training part was drawn from (`pool.txt`), whose files
    are there, too.

    Raises:
        InvalidOptionError: an id is in two splits, unknown, or in no split.
        InvalidMotionError: a clip of the wrong shape, or not finite.
    """
    _check_splits(splits)
    for name in ("new_joint_vecs", "new_joints", "texts"):
        (folder / name).mkdir()
    moments = Moments()
    written = set()
    for clip in clips:
        vectors = np.ascontiguousarray(clip.vectors, dtype=np.float32)
        moments.add(vectors)
        np.save(folder / "new_joint_vecs" / f"{clip.id}.npy", vectors)
        np.save(folder / "new_joints" / f"{clip.id}.npy", vectors_to_joints(vectors))
        text = format_captions(clip.captions)
        (folder / "texts" / f"{clip.id}.txt").write_text(text, encoding="utf-8")
        written.add(clip.id)
    listed = {clip for split in (*splits.values(), pool) for clip in split}
    if listed != written:
        raise InvalidOptionError(
            "Clips and split lists do not name the same ids.",
            found=f"only in the lists: {sorted(listed - written)[:5]}, "
            f"only written: {sorted(written - listed)[:5]}",
        )
    train_val = [*splits.get("train", ()), *splits.get("val", ())]
    for name in ("train", "val", "test"):
        _write_ids(folder / f"{name}.txt", splits.get(name, ()))
    _write_ids(folder / "train_val.txt", train_val)
    if pool:
        _write_ids(folder / f"{POOL}.txt", pool)
    moments = statistics or moments
    np.save(folder / "Mean.npy", moments.mean())
    np.save(folder / "Std.npy", moments.std())


def _check_splits(splits: Mapping[str, Sequence[str]]) -> None:
    if unknown := set(splits) - {"train", "val", "test"}:
        raise InvalidOptionError("Unknown splits.", found=unknown, expected="train, val, test")
    listed = [clip for split in splits.values() for clip in split]
    if len(listed) != len(set(listed)):
        twice = sorted({clip for clip in listed if listed.count(clip) > 1})
        raise InvalidOptionError("An id is listed twice in the splits.", found=twice[:5])


def _write_ids(path: Path, ids: Iterable[str]) -> None:
    path.write_text("".join(f"{clip}\n" for clip in ids), encoding="utf-8")


class Moments:
    """Mean and HumanML3D's grouped deviation of vectors that arrive clip by clip."""

    def __init__(self) -> None:
        self.count = 0
        self._mean = np.zeros(MOTION_DIM)
        self._squares = np.zeros(MOTION_DIM)

    def add(self, vectors: np.ndarray) -> None:
        """Take in one clip (F, 263); merged as in Chan, Golub and LeVeque (1979).

        Raises:
            InvalidMotionError: wrong shape or values that are not finite.
        """
        data = np.asarray(vectors, dtype=np.float64)
        if data.ndim != 2 or data.shape[1] != MOTION_DIM or not len(data):
            raise InvalidMotionError(
                "Vectors have the wrong shape.", found=data.shape, expected=f"(F, {MOTION_DIM})"
            )
        if not np.isfinite(data).all():
            raise InvalidMotionError("Vectors hold values that are not finite.", found=data.shape)
        mean = data.mean(axis=0)
        total = self.count + len(data)
        gap = mean - self._mean
        self._squares += ((data - mean) ** 2).sum(axis=0)
        self._squares += gap**2 * (self.count * len(data) / total)
        self._mean += gap * (len(data) / total)
        self.count = total

    def mean(self) -> np.ndarray:
        """Return the mean (263,) float32 of the features."""
        return self._mean.astype(np.float32)

    def std(self) -> np.ndarray:
        """Return the population deviation (263,) float32, averaged inside groups of features."""
        each = np.sqrt(self._squares / max(self.count, 1))
        grouped = np.empty(MOTION_DIM, np.float32)
        for start, end in STD_GROUPS:
            grouped[start:end] = each[start:end].mean()
        return grouped
