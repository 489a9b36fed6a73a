"""What a generation's numbers are of: prompts without repeats, equal lengths, bounds and floors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dataset.captions import Caption
from dataset.humanml3d import MotionItem, MotionSet
from domains.motion.captioned import CaptionedGenerator
from domains.motion.distances import HEADLINE, SHARES, MotionTable
from domains.motion.evaluation import LEAST, MotionEvaluation
from domains.motion.files import MotionBatch
from eval.metrics.diversity import mean_pairwise_distance
from loop.errors import InvalidSamplesError
from loop.interfaces import Corrected
from loop.rng import Stream
from tests.domains.motion.walkers import walker

LONGEST = 44


@dataclass
class Model(CaptionedGenerator):
    """Draws walkers and remembers what it was asked for."""

    collapsed: bool = False
    texts: list[str] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)
    drawn: list[np.ndarray] = field(default_factory=list)

    def draw(self, captions, frames, stream, scratch=None) -> list[np.ndarray]:
        self.texts, self.frames = list(captions), list(frames)
        seeds = [7 if self.collapsed else 1000 + i for i in range(len(captions))]
        self.drawn = [walker(seed, count) for seed, count in zip(seeds, frames, strict=True)]
        return self.drawn


class Eyes:
    """Sees the mean of six numbers of a frame; remembers the lengths that it saw."""

    def __init__(self) -> None:
        self.lengths: set[int] = set()

    def embed_motions(self, motions: Sequence[np.ndarray]) -> np.ndarray:
        self.lengths |= {len(motion) for motion in motions}
        return np.stack([10 * m[:, [2, 3, 9, 33, 100, 195]].mean(axis=0) for m in motions])

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        return np.stack([np.full(6, float(text.split()[-1]) / 10) for text in texts])


def walkers(first: int, count: int) -> MotionSet:
    items = []
    for number in range(first, first + count):
        clip = f"{'M' * (number % 2)}{number // 2:06d}"
        text = Caption(f"a person walks {number}", ())
        items.append(MotionItem(clip, clip, walker(number, 40 + number % 9), (text,)))
    return MotionSet(tuple(items), np.zeros(263), np.ones(263), Path("walkers"), "test")


def evaluated(samples: int = 500, collapsed: bool = False) -> tuple[dict[str, Any], Model, Eyes]:
    model, eyes = Model(collapsed=collapsed), Eyes()
    evaluation = MotionEvaluation(LONGEST, walkers(0, 40), walkers(100, 40), eyes, samples)  # type: ignore[arg-type]
    return dict(evaluation.evaluate(model, None, None, Stream(3))), model, eyes  # type: ignore[arg-type]


@pytest.mark.parametrize(("test", "train", "samples"), [(2, 40, 9), (40, 5, 9), (40, 40, 5)])
def test_too_few_motions_name_the_list_and_the_least_count(
    test: int, train: int, samples: int
) -> None:
    with pytest.raises(InvalidSamplesError, match=r"walkers/test\.txt") as refused:
        MotionEvaluation(LONGEST, walkers(0, test), walkers(9, train), Eyes(), samples)  # type: ignore[arg-type]
    assert "at least 6" in str(refused.value)


def test_the_least_count_is_enough() -> None:
    evaluation = MotionEvaluation(LONGEST, walkers(0, 6), walkers(100, 6), Eyes(), 6)  # type: ignore[arg-type]
    assert "FID_test" in evaluation.evaluate(Model(), None, None, Stream(3))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def found() -> tuple[dict[str, Any], Model, Eyes]:
    return evaluated()


def test_one_prompt_a_test_item_and_none_twice(found) -> None:
    _, model, _ = found
    assert sorted(model.texts) == sorted({f"a person walks {number}" for number in range(40)})
    few = evaluated(samples=12)[1].texts
    assert len(few) == len(set(few)) == 12


def test_real_motions_are_cut_as_the_model_draws_them(found) -> None:
    _, model, eyes = found
    assert eyes.lengths == {40, 44} == set(model.frames)


def test_bounds_stand_beside_every_distance_and_real_motions_too(found) -> None:
    metrics, model, eyes = found
    for name in (*HEADLINE, *SHARES, "Diversity", "Vendi", "Phys-Err", "Skate"):
        low, high = metrics[f"{name}_test interval"]
        assert low <= metrics[f"{name}_test"] <= high and low < high, name
        assert f"{name} train_ground truth" in metrics
    for name in HEADLINE:
        low, high = metrics[f"{name}_ground truth interval"]
        assert low <= metrics[f"{name}_ground truth"] <= high
    every = mean_pairwise_distance(eyes.embed_motions(model.drawn))
    assert metrics["Diversity_test"] == pytest.approx(every)
    parts = sum(metrics[f"{name}_test"] for name in ("Penetrate", "Float", "Skate"))
    assert metrics["Phys-Err_test"] == pytest.approx(parts)
    assert all(isinstance(value, float | list) for value in metrics.values())


def test_synthetic_sets_are_measured_without_a_model(found) -> None:
    real, eyes = walkers(100, 40), Eyes()
    evaluation = MotionEvaluation(LONGEST, walkers(0, 40), real, eyes, 40)  # type: ignore[arg-type]
    few = Corrected(MotionBatch(real.items[: LEAST - 1]))
    metrics = evaluation.evaluate(Model(), MotionBatch(real.items), few, Stream(3))  # type: ignore[arg-type]
    for name in (*HEADLINE, *SHARES, "Diversity", "Jitter", "Bone length error"):
        assert metrics[f"{name}_sampled"] == metrics[f"{name} train_ground truth"]
    assert not [name for name in metrics if name.endswith("_corrected")]  # too few


def test_a_collapsed_model_reads_worse(found) -> None:
    collapsed, metrics = evaluated(collapsed=True)[0], found[0]
    for name in HEADLINE:
        assert collapsed[f"{name}_test"] > metrics[f"{name}_test"]
        assert collapsed[f"{name}_test"] > collapsed[f"{name}_ground truth interval"][1]
    for name in ("Recall", "Coverage", "Diversity", "Vendi"):
        assert collapsed[f"{name}_test"] < metrics[f"{name}_test"]


def test_equal_streams_give_equal_numbers(found) -> None:
    assert evaluated()[0] == found[0]


def test_only_mirror_images_of_one_clip_are_drawn_together() -> None:
    ids = ["cmu/000021", "cmu/M000021", "M000004", "000004", "Max1", "ax1"]
    table = MotionTable.of([walker(seed, 40) for seed in range(6)], ids, Eyes())
    first, mirrored, other, partner, max1, ax1 = table.labels
    assert first == mirrored and other == partner
    assert len({first, other, max1, ax1}) == 4
