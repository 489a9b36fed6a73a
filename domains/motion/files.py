"""Synthetic motions in memory and on disk, in the published layout.

generation_<g>/synthetic_motions/<id>-sampled.npy                (F, 263) as the model drew it
generation_<g>/synthetic_motions/<id>-sampled_and_imitated.npy   (F, 263) after the correction
generation_<g>/synthetic_motions/prompts.json                    {id: caption}
generation_<g>/correction.json                                   what the correction did
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import cast

import numpy as np

from dataset.humanml3d import Caption, MotionItem, read_motion
from loop.errors import CorruptFileError, MissingAssetError
from loop.interfaces import Corrected, LargeFiles, Rows
from loop.rundir.files import read_json, write_json

FOLDER = "synthetic_motions"
SAMPLED = "-sampled.npy"
CORRECTED = "-sampled_and_imitated.npy"
RESIDENT = 2048
"""Synthetic motions of earlier generations in memory: some 200 MB."""
LARGE_FILES = LargeFiles(
    training=("opt*.pt",), models=("model*.pt",), samples=(f"{FOLDER}/**/*.npy",)
)

OWN_LARGE_FILES = replace(LARGE_FILES, training=(), models=())
"""Of a generator of one's own, whose checkpoints have any names."""


@dataclass(frozen=True)
class MotionBatch:
    """Motions with their captions.

    A synthetic one bears the id of the clip that prompted it, with a number where it is not the
    first (`domains.motion.captioned.sample_ids`).
    """

    items: tuple[MotionItem, ...]

    def __len__(self) -> int:
        return len(self.items)

    def take(self, rows: Rows) -> MotionBatch:
        """Return the chosen motions, in that order."""
        return MotionBatch(tuple(self.items[i] for i in np.arange(len(self.items))[rows]))

    def join(self, other: MotionBatch) -> MotionBatch:
        """Return these motions, then those of `other`."""
        return MotionBatch(self.items + other.items)

    def with_vectors(self, vectors: Sequence[np.ndarray]) -> MotionBatch:
        """Return the same ids and captions with other motions, one (F, 263) for each."""
        pairs = zip(self.items, vectors, strict=True)
        return MotionBatch(tuple(replace(item, vectors=new) for item, new in pairs))


class StoredVectors:
    """Vectors (F, 263) of a file, read when frames of them are asked for; the length is known."""

    def __init__(self, path: Path, frames: int | None, read: Callable[[Path], np.ndarray]) -> None:
        self._path, self._frames, self._read = path, frames, read

    def __len__(self) -> int:
        if self._frames is None:  # older runs recorded none
            self._frames = len(self._read(self._path))
        return self._frames

    def __getitem__(self, frames: slice) -> np.ndarray:
        return self._read(self._path)[frames]

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self._read(self._path), dtype, copy=copy)


class SampleFiles:
    """Codec of what the generator drew."""

    def save(self, value: MotionBatch, folder: Path) -> None:
        motions = folder / FOLDER
        motions.mkdir(exist_ok=True)
        for item in value.items:
            path = motions / f"{item.id}{SAMPLED}"
            path.parent.mkdir(parents=True, exist_ok=True)  # ids may hold folders
            np.save(path, item.vectors)
        prompts = {
            item.id: [[caption.text, list(caption.tokens)] for caption in item.captions]
            for item in value.items
        }
        write_json(motions / "prompts.json", prompts)

    def load(self, folder: Path) -> MotionBatch:
        prompts = _read_prompts(folder)
        motions = [read_motion(folder / FOLDER / f"{clip}{SAMPLED}") for clip in prompts]
        return _batch(list(prompts), motions, prompts)


class CorrectionFiles:
    """Codec of what the correction made of it.

    Attributes:
        tried: what the correction tries on a motion, in words, for the readers of its failures.

    Where a correction left all motions as they were (`raw` arms, filters), no second copy is
    written. Motions are read when they are trained on, and the last RESIDENT of them are kept:
    fifty generations that accumulate take no more memory than one.
    """

    def __init__(self, tried: str = "") -> None:
        self.tried = tried
        self._read = lru_cache(RESIDENT)(read_motion)

    def save(self, value: Corrected[MotionBatch], folder: Path) -> None:
        drawn = _read_prompts(folder)
        kept = [item.id for item in value.batch.items]
        unknown = sorted(set(kept) - set(drawn))
        if unknown:
            raise CorruptFileError(
                "a correction returned motions that were never drawn", path=folder, found=unknown
            )
        changed = any(_differs(item, folder) for item in value.batch.items)
        if changed:
            for item in value.batch.items:
                np.save(folder / FOLDER / f"{item.id}{CORRECTED}", item.vectors)
        write_json(
            folder / "correction.json",
            {
                "changed": changed,
                "kept": kept,
                "frames": [len(item.vectors) for item in value.batch.items],
                "report": dict(value.report),
            }
            | ({"tried": self.tried} if self.tried else {}),
        )

    def load(self, folder: Path) -> Corrected[MotionBatch]:
        stored = read_json(folder / "correction.json")
        suffix = CORRECTED if stored["changed"] else SAMPLED
        paths = [folder / FOLDER / f"{clip}{suffix}" for clip in stored["kept"]]
        if missing := [path for path in paths if not path.is_file()]:
            raise MissingAssetError("a synthetic motion is missing", path=missing[0])
        frames = stored.get("frames", [None] * len(paths))
        motions = [StoredVectors(*pair, self._read) for pair in zip(paths, frames, strict=True)]
        batch = _batch(stored["kept"], cast(list[np.ndarray], motions), _read_prompts(folder))
        return Corrected(batch, stored["report"])


def _differs(item: MotionItem, folder: Path) -> bool:
    drawn = read_motion(folder / FOLDER / f"{item.id}{SAMPLED}")
    return not np.array_equal(item.vectors, drawn)


def _read_prompts(folder: Path) -> dict[str, tuple[Caption, ...]]:
    stored = read_json(folder / FOLDER / "prompts.json")
    return {
        clip: tuple(Caption(text, tuple(tokens)) for text, tokens in captions)
        for clip, captions in stored.items()
    }


def _batch(
    ids: Sequence[str],
    motions: Sequence[np.ndarray],
    prompts: Mapping[str, tuple[Caption, ...]],
) -> MotionBatch:
    pairs = zip(ids, motions, strict=True)
    return MotionBatch(tuple(MotionItem(clip, clip, one, prompts[clip]) for clip, one in pairs))
