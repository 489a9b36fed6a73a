"""Windows of a take: what becomes an item of a data set, and its mirror image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from body_models.skeleton import Skeleton
from dataset.captions import Caption
from dataset.humanml3d_index import Timed
from dataset.tagging import mirror_caption
from dataset.writer import DatasetClip
from translation.humanml import (
    face_forward,
    joints_to_vectors,
    mirror_joints,
    start_at_origin,
)

SHORTEST, LONGEST, USUAL = 40, 196, 100
"""Vectors of a window: 2 to 9.8 s; where a take gives several, they last about 5 s."""
USUAL_APART = 60
"""And about 3 s where they do not overlap: as many as possible, none longer than 89 vectors."""


@dataclass(frozen=True)
class Window:
    """A window of a take.

    Attributes:
        clip: id of its item (`000010`); the mirror image is `M000010`.
        start, end: joint frames of the take.
        captions, mirrored: of the item, and of its mirror image.
    """

    clip: str
    start: int
    end: int
    captions: Sequence[Timed]
    mirrored: Sequence[Timed]

    @property
    def ids(self) -> list[str]:
        """Ids of the item and of its mirror image."""
        return [self.clip, f"M{self.clip}"]


def whole(captions: Iterable[Caption]) -> list[Timed]:
    """Return the captions of a whole clip."""
    return [(caption, 0.0, 0.0) for caption in captions]


def mirrored(captions: Iterable[Timed]) -> list[Timed]:
    """Word and tag captions for the mirror image."""
    return [(mirror_caption(caption), start, end) for caption, start, end in captions]


def windows_of(frames: int, *, overlap: bool = True) -> list[tuple[int, int]]:
    """Return (start, end) of the windows of `frames` joint frames; none if a take is too short.

    They divide the take into equal parts; overlapping ones add one more across each border. A
    window of n joint frames gives n - 1 vectors, so that neighbours share a joint frame, but no
    vector.
    """
    steps = frames - 1
    if steps < SHORTEST:
        return []
    parts = max(-(-steps // LONGEST), round(steps / (USUAL if overlap else USUAL_APART)), 1)
    edges = [round(half * steps / (2 * parts)) for half in range(2 * parts + 1)]
    step = 1 if overlap else 2
    starts, ends = edges[:-2:step], edges[2::step]
    return [(start, end + 1) for start, end in zip(starts, ends, strict=True)]


def clips_of(
    joints: NDArray[np.floating], windows: Iterable[Window], target: Skeleton | None = None
) -> Iterator[DatasetClip]:
    """Yield the items of a take (F, 22, 3), metres, y up, 20 fps, and their mirror images.

    With `target` each image is retargeted to it and put on the floor by itself, as published; else
    they keep the take's body and floor.
    """
    for window in windows:
        part = joints[window.start : window.end]
        if target is None:
            part = face_forward(start_at_origin(part))
        for clip, image, captions in (
            (window.clip, part, window.captions),
            (f"M{window.clip}", mirror_joints(part), window.mirrored),
        ):
            vectors = joints_to_vectors(image, target=target, placed=target is None)
            yield DatasetClip(clip, vectors, captions)
