"""Protocols on toy motions whose embeddings are known: feature 0 and 1 of the first frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from dataset.captions import Caption
from dataset.humanml3d import MotionItem
from domains.motion.evaluator.protocol import (
    PROTOCOLS,
    Estimate,
    EvaluationProtocol,
    as_json,
    evaluate,
)
from loop.errors import InvalidOptionError, InvalidSamplesError
from loop.rng import Stream

SMALL = EvaluationProtocol(repetitions=3, samples=64, diversity_pairs=50)


def point_of(text: str) -> np.ndarray:
    """Captions name a place on a circle of radius 10 among 96."""
    angle = 2 * np.pi * int(text) / 96
    return 10 * np.array([np.cos(angle), np.sin(angle)])


def motion_at(point: np.ndarray, frames: int) -> np.ndarray:
    motion = np.zeros((frames, 263), np.float32)
    motion[:, :2] = point
    return motion


@pytest.fixture
def items() -> list[MotionItem]:
    """96 motions of 40 to 199 frames, each at the place its caption names."""
    rng = np.random.default_rng(0)
    return [
        MotionItem(str(n), str(n), motion_at(point_of(str(n)), frames), (Caption(str(n), ()),))
        for n, frames in enumerate(rng.integers(40, 200, size=96))
    ]


class Place:
    """Embeds motions and captions where they are; remembers the lengths it saw."""

    def __init__(self) -> None:
        self.frames: list[int] = []

    def embed_motions(self, motions: Sequence[np.ndarray]) -> np.ndarray:
        self.frames += [len(motion) for motion in motions]
        return np.array([motion[0, :2] for motion in motions], np.float64)

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        return np.array([point_of(text) for text in texts])


class Model:
    """Draws at the right place, moved by `shift`, with noise of width `sigma`; keeps its calls."""

    def __init__(self, shift: float = 0.0, sigma: float = 0.0) -> None:
        self.shift, self.sigma = shift, sigma
        self.calls: list[tuple[list[str], list[int]]] = []

    def __call__(
        self, texts: Sequence[str], frames: Sequence[int], stream: Stream
    ) -> list[np.ndarray]:
        self.calls.append((list(texts), list(frames)))
        rng = np.random.default_rng(stream)
        noise = self.sigma * rng.normal(size=(len(texts), 2)) + [self.shift, 0]
        return [motion_at(point_of(t) + n, f) for t, n, f in zip(texts, noise, frames, strict=True)]


def test_a_perfect_model_reads_like_the_ground_truth(items: list[MotionItem]) -> None:
    metrics = evaluate(Model(), Place(), items, replace(SMALL, samples=96), seed=0)
    for name in ("test", "ground truth"):
        assert metrics[f"FID_{name}"].mean == pytest.approx(0, abs=1e-6)
        assert metrics[f"Matching Score_{name}"].mean == pytest.approx(0, abs=1e-5)
        assert metrics[f"R_precision_{name}"].mean == [1.0, 1.0, 1.0]
        # the mean chord of a circle of radius r is 4 r / pi; pairs of a point with itself are rare
        assert metrics[f"Diversity_{name}"].mean == pytest.approx(40 / np.pi, rel=0.15)
    assert "MultiModality_test" not in metrics


def test_a_shifted_model_pays_the_square_of_the_shift(items: list[MotionItem]) -> None:
    metrics = evaluate(Model(shift=3.0), Place(), items, replace(SMALL, samples=96), seed=0)
    assert metrics["FID_test"].mean == pytest.approx(9.0, rel=1e-4)
    assert metrics["Matching Score_test"].mean == pytest.approx(3.0, rel=1e-4)
    assert metrics["FID_ground truth"].mean == pytest.approx(0, abs=1e-6)


def test_the_floor_of_fid_is_what_two_passes_of_crops_differ(items: list[MotionItem]) -> None:
    """Motions that move a metre a frame: a crop shows where it starts."""
    moving = []
    for item in items:
        vectors = item.vectors.copy()
        vectors[:, 0] += np.arange(len(vectors))
        moving.append(replace(item, vectors=vectors))
    metrics = evaluate(Model(), Place(), moving, SMALL, seed=0)
    floor = metrics["FID_ground truth"]
    assert isinstance(floor.mean, float) and 0 < floor.mean < 2
    assert floor.half_width != 0


def test_a_model_that_ignores_the_text_ranks_at_chance(items: list[MotionItem]) -> None:
    def deaf(texts: Sequence[str], frames: Sequence[int], stream: Stream) -> list[np.ndarray]:
        order = np.random.default_rng(stream).integers(96, size=len(texts))
        return [motion_at(point_of(str(i)), f) for i, f in zip(order, frames, strict=True)]

    protocol = replace(SMALL, repetitions=20, samples=96)
    r_precision = evaluate(deaf, Place(), items, protocol, seed=0)["R_precision_test"]
    assert isinstance(r_precision.mean, list) and isinstance(r_precision.half_width, list)
    for k, (mean, width) in enumerate(zip(r_precision.mean, r_precision.half_width, strict=True)):
        assert mean == pytest.approx((k + 1) / 32, abs=2.5 * width)
        assert 0 < width < 0.02


def test_the_interval_is_that_of_the_repetitions(items: list[MotionItem]) -> None:
    """The model's shift changes from call to call: FID is its square, so mean and CI are known."""
    shifts = [1.0, 2.0, 4.0]
    model = Model()

    def drifting(texts: Sequence[str], frames: Sequence[int], stream: Stream) -> list[np.ndarray]:
        model.shift = shifts[len(model.calls)]
        return model(texts, frames, stream)

    fid = evaluate(drifting, Place(), items, replace(SMALL, samples=96), seed=0)["FID_test"]
    assert fid.mean == pytest.approx((1 + 4 + 16) / 3, rel=1e-4)
    assert fid.half_width == pytest.approx(1.96 * np.std([1, 4, 16]) / np.sqrt(3), rel=1e-4)


def test_multimodality_measures_the_spread_of_one_text(items: list[MotionItem]) -> None:
    protocol = replace(
        SMALL, repetitions=20, multimodal_texts=30, multimodal_repeats=20, multimodal_pairs=10
    )
    model = Model(sigma=0.5)
    value = evaluate(model, Place(), items, protocol, seed=0)["MultiModality_test"]
    # |a - b| of two planar Gaussians is Rayleigh: sqrt(pi) sigma; one pair in 20 is one motion
    assert value.mean == pytest.approx(np.sqrt(np.pi) * 0.5 * 0.95, rel=0.04)
    texts, frames = model.calls[1]
    assert len(texts) == 30 * 20 and len(set(texts)) == 30
    assert texts[:20] == [texts[0]] * 20 and frames[:20] == [frames[0]] * 20


def test_lengths_are_those_of_the_loader(items: list[MotionItem]) -> None:
    evaluator, model = Place(), Model()
    evaluate(model, evaluator, items, replace(SMALL, repetitions=30), seed=0)
    assert set(np.array(evaluator.frames) % 4) == {0} and max(evaluator.frames) <= 196
    longest = {item.name: min(len(item.vectors), 196) // 4 * 4 for item in items}
    missing = [
        longest[text] - count
        for texts, frames in model.calls
        for text, count in zip(texts, frames, strict=True)
    ]
    assert set(missing) == {0, 4}
    assert np.mean(missing) / 4 == pytest.approx(1 / 3, abs=0.04)


@pytest.mark.parametrize(
    ("count", "samples", "drawn"),
    [(96, 33, 64), (96, 64, 64), (96, 1000, 96), (95, 1000, 64), (20, 1000, 20), (20, 10, 10)],
)
def test_samples_come_in_whole_batches(
    items: list[MotionItem], count: int, samples: int, drawn: int
) -> None:
    model = Model()
    protocol = EvaluationProtocol(1, samples, None)
    metrics = evaluate(model, Place(), items[:count], protocol, seed=0)
    assert len(model.calls[0][0]) == drawn
    assert metrics["FID_test"].half_width == 0.0


def test_the_seed_fixes_everything_and_prompts_all_models_alike(items: list[MotionItem]) -> None:
    models = [Model(sigma=1.0), Model(sigma=1.0), Model(sigma=2.0), Model(sigma=1.0)]
    results = [
        evaluate(model, Place(), items, SMALL, seed)
        for model, seed in zip(models, (1, 1, 1, 2), strict=True)
    ]
    assert results[0] == results[1] and results[0] != results[2] and results[0] != results[3]
    assert models[0].calls == models[2].calls != models[3].calls
    assert results[0]["FID_ground truth"] == results[2]["FID_ground truth"]


def test_published_numbers() -> None:
    standard = PROTOCOLS["standard"]
    assert (standard.repetitions, standard.samples, standard.diversity_pairs) == (20, 1000, 300)
    assert standard.multimodal_texts == 100 and standard.multimodal_pairs == 10
    assert PROTOCOLS["in_loop"] == EvaluationProtocol(1, 546, None)


def test_results_for_a_file_and_for_the_eye() -> None:
    metrics = {"FID_test": Estimate(0.544, 0.044), "R_precision_test": Estimate([0.3], [0.01])}
    assert as_json(metrics)["FID_test"] == {"mean": 0.544, "ci95": 0.044}
    assert str(metrics["FID_test"]) == "0.5440 ± 0.0440"
    assert str(metrics["R_precision_test"]) == "0.3000 ± 0.0100"


def test_what_cannot_be_evaluated_is_refused(items: list[MotionItem]) -> None:
    for protocol, count in (
        (replace(SMALL, repetitions=0), 96),
        (replace(SMALL, samples=1), 96),
        (SMALL, 1),
    ):
        with pytest.raises(InvalidOptionError, match="nothing to evaluate"):
            evaluate(Model(), Place(), items[:count], protocol, seed=0)
    model = Model()
    for pairs in (65, -1):
        with pytest.raises(InvalidOptionError, match=r"of 64 motions(?s:.)*--diversity_pairs 64"):
            evaluate(model, Place(), items, replace(SMALL, diversity_pairs=pairs), seed=0)
    assert not model.calls  # nothing was drawn in vain
    evaluate(model, Place(), items, replace(SMALL, diversity_pairs=64), seed=0)
    with pytest.raises(InvalidSamplesError, match="not finite"):
        evaluate(Model(shift=np.inf), Place(), items, SMALL, seed=0)
