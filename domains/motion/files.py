"""Synthetic motions in memory and on disk, in the published layout.

generation_<g>/synthetic_motions/<id>-sampled.npy                (F, 263) as the model drew it
generation_<g>/synthetic_motions/<id>-sampled_and_imitated.npy   (F, 263) after the correction
generation_<g>/synthetic_motions/prompts.json                    {id: caption}
generation_<g>/correction.json                                   what the correction did
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dataset.humanml3d import Caption, MotionItem, read_motion
from loop.errors import CorruptFileError
from loop.interfaces import Corrected, LargeFiles, Rows
from loop.rundir.files import read_json, write_json

FOLDER = "synthetic_motions"
SAMPLED = "-sampled.npy"
CORRECTED = "-sampled_and_imitated.npy"
LARGE_FILES = LargeFiles(
    training=("opt*.pt",), models=("model*.pt",), samples=(f"{FOLDER}/**/*.npy",)
)


@dataclass(frozen=True)
class MotionBatch:
    """Motions with their captions; a synthetic one bears the id of the clip that prompted it,
    with a number where it is not the first (`domains.motion.generator.sample_ids`)."""

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
        return _read_batch(folder, SAMPLED, list(prompts), prompts)


@dataclass(frozen=True)
class CorrectionFiles:
    """Codec of what the correction made of it.

    Attributes:
        tried: what the correction tries on a motion, in words, for the readers of its failures.

    Where a correction left all motions as they were (`raw` arms, filters), no second copy is
    written.
    """

    tried: str = ""

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
            {"changed": changed, "kept": kept, "report": dict(value.report)}
            | ({"tried": self.tried} if self.tried else {}),
        )

    def load(self, folder: Path) -> Corrected[MotionBatch]:
        stored = read_json(folder / "correction.json")
        suffix = CORRECTED if stored["changed"] else SAMPLED
        batch = _read_batch(folder, suffix, stored["kept"], _read_prompts(folder))
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


def _read_batch(
    folder: Path, suffix: str, ids: Sequence[str], prompts: Mapping[str, tuple[Caption, ...]]
) -> MotionBatch:
    def read(clip: str) -> np.ndarray:
        return read_motion(folder / FOLDER / f"{clip}{suffix}")

    return MotionBatch(tuple(MotionItem(clip, clip, read(clip), prompts[clip]) for clip in ids))
