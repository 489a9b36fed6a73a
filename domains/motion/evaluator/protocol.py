"""Evaluation protocols of text-to-motion models: repeat, and say how far the mean can be trusted.

A repetition reads the test set twice with fresh random crops. The first pass prompts the model and
takes its place for the `ground truth` numbers; the second is the reference of all FIDs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from dataset.humanml3d import MotionItem
from domains.motion.evaluator.published import PublishedEvaluator
from eval.metrics.diversity import diversity
from eval.metrics.frechet import fid
from eval.metrics.matching import BATCH, match
from eval.metrics.multimodality import multimodality
from loop.errors import InvalidOptionError
from loop.rng import Stream

UNIT, MAX_FRAMES = 4, 196
LEAST = 3
"""Motions without which there is no R-precision top-3."""
SHORTER = 1 / 3
"""Share of the crops that are one unit shorter than they could be (HumanML3D loader)."""

Sampler = Callable[[Sequence[str], Sequence[int], Stream], Sequence[np.ndarray]]
"""Texts, frames at 20 fps, random stream -> motions (F_i, 263), not normalised."""

logger = logging.getLogger(__name__)


class Evaluator(Protocol):
    """Motions and texts to points; rows of the answer are in the given order."""

    def embed_motions(self, motions: Sequence[np.ndarray]) -> np.ndarray:
        """Embed motions (F_i, 263), not normalised: (N, D)."""
        ...

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Embed captions of the dataset: (N, D)."""
        ...


@dataclass(frozen=True)
class EvaluationProtocol:
    """How often and on how much.

    Attributes:
        repetitions: independent repetitions, samples included.
        samples: motions to draw, rounded up to whole batches of 32 as far as the test set reaches.
        diversity_pairs: pairs of the diversity metric; None for 0.2 N (published in-loop rule).
        multimodal_texts: texts of the multimodality metric, as far as the test set reaches; 0
            leaves it out.
        multimodal_repeats: motions drawn for each of them.
        multimodal_pairs: pairs among those.
        as_drawn: judge generated motions as the published loop does: 22 tokens a caption, padding
            included, and what the model drew after the end of a motion (needs the published
            evaluator, and a sampler that leaves it there).
    """

    repetitions: int
    samples: int
    diversity_pairs: int | None
    multimodal_texts: int = 0
    multimodal_repeats: int = 30
    multimodal_pairs: int = 10
    as_drawn: bool = False


PROTOCOLS = {
    "standard": EvaluationProtocol(20, 1000, 300, multimodal_texts=100),
    "wo_mm": EvaluationProtocol(20, 1000, 300),
    "mm_short": EvaluationProtocol(5, 1000, 300, multimodal_texts=100),
    "debug": EvaluationProtocol(5, 1000, 300),
    "in_loop": EvaluationProtocol(1, 546, None),
}
"""`standard` is Guo et al.'s; then MDM's modes; `in_loop` is what the loop measures of a generation
(defaults of the published code)."""


@dataclass(frozen=True)
class Estimate:
    """Mean over repetitions and half the width of its 95 % interval, 1.96 sigma / sqrt(n).

    Sigma is the population deviation, as published; one repetition gives a half-width of 0.
    """

    mean: float | list[float]
    half_width: float | list[float]

    def __str__(self) -> str:
        means, widths = np.atleast_1d(self.mean), np.atleast_1d(self.half_width)
        return ", ".join(f"{m:.4f} ± {w:.4f}" for m, w in zip(means, widths, strict=True))


def evaluate(
    sampler: Sampler,
    evaluator: Evaluator,
    items: Sequence[MotionItem],
    protocol: EvaluationProtocol,
    seed: int,
) -> dict[str, Estimate]:
    """Compute all metrics under the published keys: `FID_test`, `R_precision_test`, ...

    Args:
        sampler: the model under test.
        evaluator: gives the features.
        items: the test set, at least LEAST items.
        protocol: how much to do.
        seed: fixes everything; equal seeds prompt any model with the same captions.

    Raises:
        InvalidOptionError: see `check_protocol`.
        InvalidSamplesError: the model gave motions whose features are not finite.
    """
    check_protocol(protocol, len(items))
    repeated: dict[str, list[float | list[float]]] = {}
    for number, stream in enumerate(np.random.SeedSequence(seed).spawn(protocol.repetitions), 1):
        metrics = _repetition(sampler, evaluator, items, protocol, stream)
        logger.info("repetition %d of %d: %s", number, protocol.repetitions, metrics)
        for name, value in metrics.items():
            repeated.setdefault(name, []).append(value)
    return {name: _estimate(values) for name, values in repeated.items()}


def check_protocol(protocol: EvaluationProtocol, available: int) -> None:
    """Compare a protocol with the size of the test set, before anything is drawn.

    Raises:
        InvalidOptionError: no repetition, too few items, or more diversity pairs than motions.
    """
    if protocol.repetitions < 1 or min(protocol.samples, available) < LEAST:
        raise InvalidOptionError(
            "nothing to evaluate",
            found=f"{protocol.repetitions} repetitions, {protocol.samples} samples, "
            f"{available} motions of usable length in test.txt",
            expected=f"at least 1, {LEAST} and {LEAST}, for R-precision top-{LEAST}",
            remedy="list more clips in test.txt of the data set",
        )
    drawn = motions_drawn(protocol, available)
    if not 0 <= (protocol.diversity_pairs or 0) <= drawn:
        raise InvalidOptionError(
            "pairs of the diversity metric out of range",
            found=f"{protocol.diversity_pairs} pairs of {drawn} motions a repetition",
            expected=f"1 to {drawn}",
            remedy=f"--diversity_pairs {drawn}",
        )


def motions_drawn(protocol: EvaluationProtocol, available: int) -> int:
    """Return how many motions a repetition draws where the test set has so many."""
    return _whole_batches(protocol.samples, _whole_batches(available, available))


def _estimate(values: Sequence[float | list[float]]) -> Estimate:
    table = np.asarray(values)
    half_width = 1.96 * table.std(axis=0) / np.sqrt(len(table))
    return Estimate(table.mean(axis=0).tolist(), half_width.tolist())


@dataclass(frozen=True)
class _Pass:
    """The test set once: shuffled, cropped, with one caption an item."""

    texts: list[str]
    motions: list[np.ndarray]

    @property
    def frames(self) -> list[int]:
        return [len(motion) for motion in self.motions]


def _read(items: Sequence[MotionItem], rng: np.random.Generator) -> _Pass:
    """Read whole batches only, as published, where there is one."""
    order = rng.permutation(len(items))[: _whole_batches(len(items), len(items))]
    texts, motions = [], []
    for item in (items[i] for i in order):
        texts.append(item.captions[rng.integers(len(item.captions))].text)
        length = min(len(item.vectors), MAX_FRAMES) // UNIT * UNIT
        if rng.random() < SHORTER and length > UNIT:
            length -= UNIT
        start = rng.integers(len(item.vectors) - length + 1)
        motions.append(item.vectors[start : start + length])
    return _Pass(texts, motions)


def _whole_batches(wanted: int, available: int) -> int:
    if available < BATCH:
        return min(wanted, available)
    return min(-(-wanted // BATCH), available // BATCH) * BATCH


def _repetition(
    sampler: Sampler,
    evaluator: Evaluator,
    items: Sequence[MotionItem],
    protocol: EvaluationProtocol,
    stream: Stream,
) -> dict[str, float | list[float]]:
    reading, noise, drawing, multimodal = stream.spawn(4)
    rng = np.random.default_rng(reading)
    first, second = _read(items, rng), _read(items, rng)
    count = _whole_batches(protocol.samples, len(first.texts))
    drawn = sampler(first.texts[:count], first.frames[:count], noise)
    reference = evaluator.embed_motions(second.motions)
    texts = {"ground truth": evaluator.embed_texts(first.texts)}
    sets = {"ground truth": evaluator.embed_motions(first.motions)}
    if protocol.as_drawn:
        assert isinstance(evaluator, PublishedEvaluator), "the rules of another evaluator"
        texts["test"] = evaluator.embed_texts(first.texts[:count], padded=True)
        sets["test"] = evaluator.embed_generated(drawn, first.frames[:count])
    else:
        texts["test"] = texts["ground truth"][:count]
        sets["test"] = evaluator.embed_motions(drawn)
    pairs = protocol.diversity_pairs or max(1, int(0.2 * count))
    metrics: dict[str, float | list[float]] = {}
    for (name, features), dice in zip(sets.items(), drawing.spawn(2), strict=True):
        matching = match(texts[name], features)
        metrics[f"Matching Score_{name}"] = matching.matching_score
        metrics[f"R_precision_{name}"] = list(matching.r_precision)
        metrics[f"FID_{name}"] = fid(features, reference)
        metrics[f"Diversity_{name}"] = diversity(features, np.random.default_rng(dice), pairs=pairs)
    if protocol.multimodal_texts:
        metrics["MultiModality_test"] = _multimodality(
            sampler, evaluator, first, protocol, multimodal
        )
    return metrics


def _multimodality(
    sampler: Sampler,
    evaluator: Evaluator,
    prompts: _Pass,
    protocol: EvaluationProtocol,
    stream: Stream,
) -> float:
    dice, noise = stream.spawn(2)
    texts, repeats = min(protocol.multimodal_texts, len(prompts.texts)), protocol.multimodal_repeats
    drawn = sampler(
        [text for text in prompts.texts[:texts] for _ in range(repeats)],
        [frames for frames in prompts.frames[:texts] for _ in range(repeats)],
        noise,
    )
    features = evaluator.embed_motions(drawn)
    return multimodality(
        features.reshape(texts, repeats, -1),
        np.random.default_rng(dice),
        pairs=protocol.multimodal_pairs,
    )


def as_json(metrics: Mapping[str, Estimate]) -> dict[str, dict[str, float | list[float]]]:
    """Return metrics for a JSON file: mean and half-width of the 95 % interval under each key."""
    return {
        name: {"mean": estimate.mean, "ci95": estimate.half_width}
        for name, estimate in metrics.items()
    }
