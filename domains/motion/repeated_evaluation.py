"""An evaluation done several times over, as published option eval_rep_times."""

from __future__ import annotations

from pathlib import Path
from typing import Generic

import numpy as np

from loop.errors import InvalidOptionError
from loop.interfaces import BatchT, Corrected, Evaluator, Generator, Metric, Metrics
from loop.rng import Stream


class RepeatedEvaluation(Generic[BatchT]):
    """Means over repetitions that differ in every random draw.

    Args:
        evaluator: does one repetition.
        repetitions: how many.

    Raises:
        InvalidOptionError: none at all.
    """

    def __init__(self, evaluator: Evaluator[BatchT], repetitions: int) -> None:
        if repetitions < 1:
            raise InvalidOptionError(
                "an evaluation has to be done at least once", found=repetitions, expected=">= 1"
            )
        self._evaluator, self._repetitions = evaluator, repetitions

    def evaluate(
        self,
        generator: Generator[BatchT],
        sampled: BatchT | None,
        corrected: Corrected[BatchT] | None,
        stream: Stream,
        scratch: Path | None = None,
    ) -> Metrics:
        """Average each metric; a single repetition draws what the bare evaluator would."""
        if self._repetitions == 1:
            return self._evaluator.evaluate(generator, sampled, corrected, stream, scratch)
        every = [
            self._evaluator.evaluate(generator, sampled, corrected, part, _part_of(scratch, number))
            for number, part in enumerate(stream.spawn(self._repetitions))
        ]
        return {name: _mean([metrics[name] for metrics in every]) for name in every[0]}


def _part_of(scratch: Path | None, number: int) -> Path | None:
    """Return a folder of its own for each repetition."""
    if scratch is None:
        return None
    folder = scratch / f"repetition_{number}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _mean(values: list[Metric]) -> Metric:
    mean = np.mean(values, axis=0)
    return mean.tolist() if mean.ndim else float(mean)
