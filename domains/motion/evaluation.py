"""What is measured of every generation of the motion experiment, under the published keys.

<name>_test                  of motions that the model draws, for the captions of the test split
<name>_test interval         its 95 % bounds, where motions of this sample size would vary
<name>_test resamples        the bootstrap behind them: the same prompts and real motions are drawn
                             for every generation and arm, so that differences are paired
<name>_ground truth          what real motions read: FID, Diversity and matching as published; the
                             other distances between two halves of the test split
<name> train_ground truth    of the real training motions in the model's place
<name>_sampled, _corrected   of the samples of this generation, and of what the correction made of
                             them: without the model that learns from them

Names are those of `domains.motion.distances`. Where features come from our own text-motion
evaluator, the numbers compare between data sets of one pool only; where they come from the
published one, with published tables, too, as far as those count as this does (`eval.eval_humanml`
counts as the tables do).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dataset.humanml3d import MotionItem, MotionSet
from domains.motion.captioned import drawn, usable_frames
from domains.motion.distances import MotionReference, MotionTable
from domains.motion.evaluator.protocol import Evaluator
from domains.motion.files import MotionBatch
from eval.metrics.diversity import mean_pairwise_distance
from eval.metrics.floors import floor_by_resampling
from eval.metrics.matching import match
from eval.metrics.neighbours import memorisation
from eval.metrics.reference import COVERAGE_K
from loop.errors import InvalidSamplesError
from loop.interfaces import Corrected, Generator, Metrics
from loop.rng import Stream

LEAST = COVERAGE_K + 1
"""Motions without which shares of neighbours mean nothing."""


class MotionEvaluation:
    """Draws motions for the captions of the test split and compares them with its motions.

    Real motions are cut to the lengths that the model draws, so that like is compared with like.

    Args:
        max_frames: longest motion that the model draws.
        test: real motions nobody trained on.
        train: real motions of the training split, for memorisation and the distance of real data.
        evaluator: embeds motions, and the captions of `test`.
        samples: motions to draw at most: one a test item, no item twice.

    Raises:
        InvalidSamplesError: a split, or what is drawn, is too small; names file and least count.
    """

    def __init__(
        self,
        max_frames: int,
        test: MotionSet,
        train: MotionSet,
        evaluator: Evaluator,
        samples: int,
    ) -> None:
        for part in (test, train):
            _require_clips(part, samples if part is test else None)
        self._max_frames, self._evaluator = max_frames, evaluator
        self._prompts = prompts_of(test, samples)
        self._real, self._train = (self._measure(part.items) for part in (test, train))
        self._reference = MotionReference(self._real)
        self._known = self._of_real()

    def _frames(self, item: MotionItem) -> int:
        return usable_frames(len(item.vectors), self._max_frames)

    def _cut(self, items: Sequence[MotionItem]) -> list[np.ndarray]:
        return [item.vectors[: self._frames(item)] for item in items]

    def _measure(self, items: Sequence[MotionItem]) -> MotionTable:
        return MotionTable.of(self._cut(items), [item.id for item in items], self._evaluator)

    def evaluate(
        self,
        generator: Generator[MotionBatch],
        sampled: MotionBatch | None,
        corrected: Corrected[MotionBatch] | None,
        stream: Stream,
        scratch: Path | None = None,
    ) -> Metrics:
        """Measure the current model, and the synthetic set that it learnt from.

        Raises:
            InvalidOptionError: the generator does not draw motions for captions.
            InvalidSamplesError: it drew other shapes than it was asked for.
        """
        captions, noise = stream.spawn(2)
        rng = np.random.default_rng(captions)
        # The same captions judge the model and the real motions; shuffled, because matching ranks
        # a caption against its neighbours.
        prompts = [self._prompts[i] for i in rng.permutation(len(self._prompts))]
        texts = [item.captions[rng.integers(len(item.captions))].text for item in prompts]
        frames = [self._frames(item) for item in prompts]
        motions = drawn(generator, texts, frames, noise, scratch)
        made = MotionTable.of(motions, [item.id for item in prompts], self._evaluator)
        real = self._evaluator.embed_motions(self._cut(prompts))
        embedded_texts = self._evaluator.embed_texts(texts)
        values = self._reference.values(made)
        intervals = self._reference.intervals(made, np.random.default_rng(0))
        copying = memorisation(made.features, self._train.features, self._real.features)
        metrics = {
            **{f"{name}_test": value for name, value in values.items()},
            **{
                key: entry
                for name, interval in intervals.items()
                for key, entry in interval.entries(f"{name}_test").items()
            },
            "Memorisation_test": copying.closer_to_train,
            "Memorisation_ground truth": copying.expected,
            **_matching(texts, embedded_texts, made.features, "test"),
            **_matching(texts, embedded_texts, real, "ground truth"),
            **self._known,
        }
        after = None if corrected is None else corrected.batch
        return {**metrics, **self._of_set(sampled, "sampled"), **self._of_set(after, "corrected")}

    def _of_set(self, batch: MotionBatch | None, suffix: str) -> Metrics:
        """Measure a synthetic set, if it is large enough."""
        if batch is None or len(batch) < LEAST:
            return {}
        table = self._measure(batch.items)
        return {f"{name}_{suffix}": value for name, value in self._reference.values(table).items()}

    def _of_real(self) -> Metrics:
        """Measure real motions, the same for every generation."""
        floors, train = self._reference.floors(), self._reference.values(self._train)
        sizes = len(self._prompts), len(self._real.features)
        # floor of published FID at the sizes of the comparison; halves say more about a small set
        resampled = floor_by_resampling(self._real.features, np.random.default_rng(0), sizes=sizes)
        return {
            **{f"{name}_ground truth": found.value for name, found in floors.items()},
            **{f"{name}_ground truth interval": found.bounds for name, found in floors.items()},
            "FID halves_ground truth": floors["FID"].value,
            "FID_ground truth": resampled.value,
            "FID_ground truth interval": resampled.bounds,
            "Diversity_ground truth": mean_pairwise_distance(self._real.features),
            **{f"{name}_ground truth": float(v.mean()) for name, v in self._real.physics.items()},
            **{f"{name} train_ground truth": value for name, value in train.items()},
        }


def _require_clips(part: MotionSet, samples: int | None) -> None:
    """Raise InvalidSamplesError where a split, or what is drawn for it, is too small to measure."""
    count = len(part.items)
    if min(count, count if samples is None else samples) < LEAST:
        raise InvalidSamplesError(
            "too few motions to evaluate",
            path=part.root / f"{part.split}.txt",
            found=f"{count} of usable length" + f", {samples} to draw" * (samples is not None),
            expected=f"at least {LEAST}: shares of neighbours are counted among {COVERAGE_K}",
            remedy="list more clips in that split, or draw more (--eval_num_samples)",
        )


def prompts_of(test: MotionSet, samples: int) -> list[MotionItem]:
    """Choose `samples` different items of the test split, or all: those whose captions prompt."""
    if samples >= len(test.items):
        return list(test.items)
    chosen = np.random.default_rng(0).permutation(len(test.items))[:samples]
    return [test.items[i] for i in sorted(chosen)]


def _matching(
    captions: Sequence[str], texts: np.ndarray, motions: np.ndarray, suffix: str
) -> Metrics:
    """Match as published (only a caption's own motion is right) and with any of that caption."""
    published, ours = match(texts, motions), match(texts, motions, captions=captions)
    return {
        f"Matching Score_{suffix}": published.matching_score,
        f"R_precision_{suffix}": list(published.r_precision),
        f"R_precision same caption_{suffix}": list(ours.r_precision),
    }
