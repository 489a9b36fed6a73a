"""A domain small enough to see through: the model is the mean of its training set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from loop.interfaces import Corrected, Domain, LargeFiles, Mixture, Rows
from loop.rng import Stream


@dataclass
class Numbers:
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: Rows) -> Numbers:
        return Numbers(self.values[rows])


@dataclass
class MeanModel:
    """Knows one number; sampling adds unit noise, fitting moves to the mean of the training set."""

    mean: float = 0.0
    seen: list[list[int]] = field(default_factory=list)
    die_in: str = ""
    watch: Callable[[np.ndarray], object] = lambda values: None

    def _maybe_die(self, stage: str) -> None:
        if self.die_in == stage:
            self.die_in = ""
            raise KeyboardInterrupt

    def synthesise(self, count: int, stream: Stream, scratch: Path | None = None) -> Numbers:
        self._maybe_die("synthesise")
        values = self.mean + np.random.default_rng(stream).standard_normal(count)
        self.watch(values)
        return Numbers(values)

    def fit(
        self, training_set: Mixture[Numbers], generation: int, stream: Stream, scratch: Path | None
    ) -> None:
        self._maybe_die("fit")
        parts = list(training_set.parts())
        self.seen.append([len(part) for part in parts])
        noise = np.random.default_rng(stream).standard_normal() * 0.01
        self.mean = float(np.concatenate([p.values for p in parts]).mean() + noise)

    def reset(self) -> None:
        self.mean = 0.0

    def save(self, folder: Path) -> str:
        (folder / "model.txt").write_text(repr(self.mean))
        return "model.txt"

    def load(self, folder: Path) -> str:
        self.mean = float((folder / "model.txt").read_text())
        return "model.txt"

    def evaluate(
        self, generator, sampled, corrected, stream: Stream, scratch: Path | None = None
    ) -> dict[str, float]:
        self._maybe_die("evaluate")
        noise = np.random.default_rng(stream).standard_normal()
        return {"mean": self.mean, "noise": float(noise), **(corrected.report if corrected else {})}

    def correct(
        self, batch: Numbers, stream: Stream, scratch: Path | None = None
    ) -> Corrected[Numbers]:
        self._maybe_die("correct")
        return Corrected(Numbers(batch.values / 2), {"corrected": float(len(batch))})


class SampleFiles:
    def save(self, value: Numbers, folder: Path) -> None:
        np.save(folder / "sampled.npy", value.values)

    def load(self, folder: Path) -> Numbers:
        return Numbers(np.load(folder / "sampled.npy"))


class CorrectedFiles:
    def save(self, value: Corrected[Numbers], folder: Path) -> None:
        np.save(folder / "corrected.npy", value.batch.values)

    def load(self, folder: Path) -> Corrected[Numbers]:
        values = np.load(folder / "corrected.npy")
        return Corrected(Numbers(values), {"corrected": float(len(values))})


def toy_domain(model: MeanModel) -> Domain[Numbers]:
    """Ten real numbers around 1, and `model` as generator, correction and evaluator in one.

    Forty more numbers, from 100 on, are in reserve.
    """
    real, reserve = Numbers(1 + np.linspace(-1, 1, 10)), Numbers(100.0 + np.arange(40))
    large = LargeFiles(models=("model.txt",), samples=("*.npy",))
    codecs = SampleFiles(), CorrectedFiles()
    return Domain(real, model, model, model, *codecs, reserve, large)
