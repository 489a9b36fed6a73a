from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from dataset.humanml3d import Caption, MotionItem
from domains.motion.files import MotionBatch
from domains.motion.nearest import NearestReal
from loop.errors import InvalidOptionError
from loop.rng import Stream


class Means:
    """Embeds a motion as the mean of its frames."""

    def embed_motions(self, motions: Sequence[np.ndarray]) -> np.ndarray:
        assert all(len(motion) % 4 == 0 and len(motion) <= 16 for motion in motions)
        return np.stack([motion.mean(axis=0) for motion in motions])

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        raise AssertionError("texts are not asked for")


def batch(name: str, count: int, seed: int) -> MotionBatch:
    rng = np.random.default_rng(seed)
    return MotionBatch(
        tuple(
            MotionItem(
                f"{name}{i}", f"{name}{i}", rng.normal(size=(8 + i, 263)).astype(np.float32),
                (Caption(f"{name} {i}", ()),),
            )
            for i in range(count)
        )
    )  # fmt: skip


def test_every_sample_becomes_the_nearest_training_motion_under_its_own_caption() -> None:
    real, drawn = batch("real", 12, 1), batch("drawn", 7, 2)
    evaluator = Means()
    found = NearestReal(real, evaluator, 16).correct(drawn, Stream(0))
    embedded = [
        evaluator.embed_motions([i.vectors[: min(len(i.vectors), 16) // 4 * 4] for i in part.items])
        for part in (drawn, real)
    ]
    distances = cdist(*embedded)
    for item, sample, row in zip(
        found.batch.items, drawn.items, distances.argmin(axis=1), strict=True
    ):
        assert (item.id, item.captions) == (sample.id, sample.captions)
        assert np.array_equal(item.vectors, real.items[row].vectors), "the whole real motion"
    assert found.report["Distance to nearest_correction"] == pytest.approx(
        distances.min(axis=1).mean(), rel=1e-5
    )
    assert found.report["Different copies_correction"] == len(set(distances.argmin(axis=1)))


def test_training_motions_stay_what_they_are() -> None:
    real = batch("real", 9, 1)
    found = NearestReal(real, Means(), 16).correct(real, Stream(0))
    for item, same in zip(found.batch.items, real.items, strict=True):
        assert np.array_equal(item.vectors, same.vectors)
    assert len(NearestReal(real, Means(), 16).correct(MotionBatch(()), Stream(0)).batch) == 0


def test_without_a_space_nothing_is_near() -> None:
    with pytest.raises(InvalidOptionError, match="--evaluator trained"):
        NearestReal(batch("real", 3, 1), None, 16)
