from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from domains.motion.repeated_evaluation import RepeatedEvaluation
from loop.errors import InvalidOptionError
from loop.rng import Stream


class Draws:
    """Reports a number and a list of its stream, and remembers them."""

    def __init__(self) -> None:
        self.seen: list[list[float]] = []
        self.folders: list[Path | None] = []

    def evaluate(self, generator, sampled, corrected, stream, scratch=None):
        self.folders.append(scratch)
        drawn = np.random.default_rng(stream).random(3).tolist()
        self.seen.append(drawn)
        return {"a": drawn[0], "b": drawn[1:], "same": 2.0}


def test_metrics_are_means_over_independent_repetitions() -> None:
    draws = Draws()
    found = RepeatedEvaluation(draws, 3).evaluate(None, None, None, Stream(1))  # type: ignore[arg-type]
    seen = np.array(draws.seen)
    assert seen.shape == (3, 3) and len(np.unique(seen)) == 9
    assert found["a"] == pytest.approx(seen[:, 0].mean())
    assert found["b"] == pytest.approx(seen[:, 1:].mean(axis=0).tolist())
    assert found["same"] == 2.0


def test_once_is_what_the_evaluator_says() -> None:
    alone, repeated = Draws(), Draws()
    expected = alone.evaluate(None, None, None, Stream(1))
    found = RepeatedEvaluation(repeated, 1).evaluate(None, None, None, Stream(1))  # type: ignore[arg-type]
    assert found == expected


def test_never_is_refused() -> None:
    with pytest.raises(InvalidOptionError, match="at least once"):
        RepeatedEvaluation(Draws(), 0)


def test_each_repetition_has_a_folder_of_its_own(tmp_path: Path) -> None:
    draws = Draws()
    RepeatedEvaluation(draws, 2).evaluate(None, None, None, Stream(1), tmp_path)  # type: ignore[arg-type]
    assert len({*draws.folders}) == 2 and all(path and path.is_dir() for path in draws.folders)
    RepeatedEvaluation(draws, 1).evaluate(None, None, None, Stream(1), tmp_path)  # type: ignore[arg-type]
    assert draws.folders[-1] == tmp_path
