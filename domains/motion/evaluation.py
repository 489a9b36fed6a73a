"""What is measured of every generation of the motion experiment, under the published keys.

Published keys end in `_test` (the model) and `_ground truth` (real motions in the model's place);
ours stand beside them. Where features come from our own text-motion evaluator, the numbers compare
between arms of this project only; where they come from the published one, with published tables,
too, as far as those count as this does (`eval.eval_humanml` counts as the tables do).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dataset.humanml3d import MotionSet
from domains.motion.denoiser import UNIT, Denoiser
from domains.motion.evaluator.protocol import Evaluator
from domains.motion.files import MotionBatch
from eval.metrics.diversity import diversity
from eval.metrics.floors import floor_by_resampling
from eval.metrics.frechet import fid
from eval.metrics.matching import match
from eval.metrics.neighbours import memorisation, precision_recall
from loop.interfaces import Corrected, Generator, Metrics
from loop.rng import Stream
from translation.humanml import vectors_to_joints
from uhc.measure.plausibility import plausibility

DIVERSITY_SHARE = 0.2
"""Random pairs of the diversity metric, as a share of the motions (published in-loop rule)."""
PHYSICAL = {"Penetrate": "penetrate_mm", "Float": "float_mm", "Skate": "skate_mm"}
"""Names in eval_dict.json, and the columns of `uhc.measure.plausibility` (CLoSD variant) behind
them."""


class MotionEvaluation:
    """Draws motions for the captions of the test split and compares them with its motions.

    Args:
        denoiser: the model under test (the generator's own).
        test: real motions nobody trained on.
        train: real motions of the training split, for memorisation and the floor.
        evaluator: embeds motions, and the captions of `test`.
        samples: motions to draw; test items are used in turn until there are as many.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        test: MotionSet,
        train: MotionSet,
        evaluator: Evaluator,
        samples: int,
    ) -> None:
        self._denoiser, self._evaluator, self._test = denoiser, evaluator, test
        self._prompts = [test.items[i % len(test.items)] for i in range(samples)]
        self._frames = [len(item.vectors) // UNIT * UNIT for item in self._prompts]
        self._real = self._embed([item.vectors for item in test.items])
        self._train = self._embed([item.vectors for item in train.items])
        self._real_physics = _physics([item.vectors for item in test.items])

    def _embed(self, motions: Sequence[np.ndarray]) -> np.ndarray:
        return self._evaluator.embed_motions(list(motions))

    def evaluate(
        self,
        generator: Generator[MotionBatch],
        sampled: MotionBatch | None,
        corrected: Corrected[MotionBatch] | None,
        stream: Stream,
        scratch: Path | None = None,
    ) -> Metrics:
        """All metrics of the current model, and what the correction of this generation reported."""
        captions, noise, pairs = stream.spawn(3)
        rng = np.random.default_rng(captions)
        # The same captions judge the model and the real motions; shuffled, because matching ranks
        # a caption against its neighbours.
        order = rng.permutation(len(self._prompts))
        prompts = [self._prompts[i] for i in order]
        texts = [item.captions[rng.integers(len(item.captions))].text for item in prompts]
        frames = [self._frames[i] for i in order]
        motions = self._denoiser.sample(texts, frames, noise, "evaluate", scratch)
        features = self._embed(motions)
        real = self._embed([item.vectors for item in prompts])
        embedded_texts = self._evaluator.embed_texts(texts)
        metrics = {
            **self._distribution(features, np.random.default_rng(pairs)),
            **_matching(texts, embedded_texts, features, "test"),
            **_matching(texts, embedded_texts, real, "ground truth"),
            **{f"{name}_test": value for name, value in _physics(motions).items()},
            **{f"{name}_ground truth": value for name, value in self._real_physics.items()},
        }
        return metrics | dict(corrected.report if corrected is not None else {})

    def _distribution(self, features: np.ndarray, rng: np.random.Generator) -> Metrics:
        real = self._real
        pairs = max(2, int(DIVERSITY_SHARE * len(features)))
        neighbours = precision_recall(real, features)
        floor = floor_by_resampling(
            real, np.random.default_rng(0), sizes=(len(features), len(real))
        )
        return {
            "FID_test": fid(features, real),
            "FID_ground truth": floor.value,
            "FID train_ground truth": fid(self._train, real),
            "Diversity_test": diversity(features, rng, pairs=pairs),
            "Diversity_ground truth": diversity(real, np.random.default_rng(0), pairs=pairs),
            "Precision_test": neighbours.precision,
            "Recall_test": neighbours.recall,
            "Memorisation_test": memorisation(features, self._train, real).closer_to_train,
        }


def _matching(
    captions: Sequence[str], texts: np.ndarray, motions: np.ndarray, suffix: str
) -> Metrics:
    """Published: only a caption's own motion is right; ours beside it: any with that caption."""
    published, ours = match(texts, motions), match(texts, motions, captions=captions)
    return {
        f"Matching Score_{suffix}": published.matching_score,
        f"R_precision_{suffix}": list(published.r_precision),
        f"R_precision same caption_{suffix}": list(ours.r_precision),
    }


def _physics(motions: Sequence[np.ndarray]) -> dict[str, float]:
    """Mean over motions (F_i, 263) of each physical metric."""
    columns = [plausibility(vectors_to_joints(motion)) for motion in motions]
    return {
        name: float(np.mean([row[column] for row in columns])) for name, column in PHYSICAL.items()
    }
