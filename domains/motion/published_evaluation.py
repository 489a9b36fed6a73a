"""What the published loop measures of a generation, as it measures it.

Two passes over the test split, each with fresh crops and captions: the first prompts the model and
stands for the real motions, the second is the reference of both FIDs. With the published evaluator,
captions of generated motions count all 22 tokens, padding included (Matching Score, R-precision),
and what the model drew after a motion's end counts as it is (FID).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dataset.humanml3d import MotionSet
from domains.motion.captioned import drawn, usable_frames
from domains.motion.evaluator.protocol import EvaluationProtocol, Evaluator, evaluate
from domains.motion.evaluator.published import PublishedEvaluator
from domains.motion.files import MotionBatch
from loop.interfaces import Corrected, Generator, Metrics
from loop.rng import Stream


class PublishedEvaluation:
    """Draws motions for the test split and measures them by the published rules.

    Args:
        max_frames: longest motion that the model draws.
        test: real motions nobody trained on.
        evaluator: the published one, or ours, for which both rules of generated motions mean
            nothing.
        samples: motions to draw, rounded to whole batches of 32.
        seed: of the run: published processes start from it in every generation and arm.
    """

    def __init__(
        self, max_frames: int, test: MotionSet, evaluator: Evaluator, samples: int, seed: int
    ) -> None:
        self._max_frames, self._test, self._evaluator = max_frames, test, evaluator
        as_drawn = isinstance(evaluator, PublishedEvaluator)
        self._protocol = EvaluationProtocol(1, samples, None, as_drawn=as_drawn)
        self._seed = seed

    def evaluate(
        self,
        generator: Generator[MotionBatch],
        sampled: MotionBatch | None,
        corrected: Corrected[MotionBatch] | None,
        stream: Stream,
        scratch: Path | None = None,
    ) -> Metrics:
        """Return the published metrics."""

        def draw(texts: Sequence[str], frames: Sequence[int], noise: Stream) -> list[np.ndarray]:
            longest = self._max_frames
            ends = [longest] * len(texts) if self._protocol.as_drawn else frames
            usable = [usable_frames(count, longest) for count in ends]
            return drawn(generator, texts, usable, noise, scratch)

        found = evaluate(draw, self._evaluator, self._test.items, self._protocol, self._seed)
        return {name: estimate.mean for name, estimate in found.items()}
