"""What a domain supplies to the loop: batches, a generator, a correction function, an evaluator.

A new domain, or a new correction function, is one new file that implements these; nobody else has
to know it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol, Self, TypeVar

import numpy as np

from loop.streams import Stream

Rows = slice | np.ndarray
Metric = float | list[float]
Metrics = Mapping[str, Metric]


class Batch(Protocol):
    """Samples of a domain, real or synthetic: anything with a length whose rows can be picked."""

    def __len__(self) -> int: ...

    def take(self, rows: Rows) -> Self:
        """The chosen rows, in that order."""
        ...


BatchT = TypeVar("BatchT", bound=Batch)
ValueT = TypeVar("ValueT")


@dataclass(frozen=True)
class Corrected(Generic[BatchT]):
    """What a correction function hands on.

    Attributes:
        batch: the samples that may enter the training set (failures may have been dropped).
        report: what the correction did, in numbers (attempts, failures, help from outside physics);
            they join the metrics of the generation.
    """

    batch: BatchT
    report: Metrics = field(default_factory=dict)


@dataclass(frozen=True)
class Mixture(Generic[BatchT]):
    """A training set: rows of the real data and rows of the synthetic sets, oldest set first.

    `history` may load its sets lazily: only sets with chosen rows are touched by `parts`.
    """

    real: BatchT
    history: Sequence[BatchT]
    real_rows: Rows
    synthetic_rows: Sequence[Rows]

    def parts(self) -> Iterator[BatchT]:
        """The chosen rows, the real part first; parts without rows are left out."""
        real = self.real.take(self.real_rows)
        if len(real):
            yield real
        for index, rows in enumerate(self.synthetic_rows):
            if isinstance(rows, slice) and rows.stop == 0:
                continue
            part = self.history[index].take(rows)
            if len(part):
                yield part


class Generator(Protocol[BatchT]):
    """A generative model that can sample itself and be (re)trained."""

    def synthesise(self, count: int, stream: Stream) -> BatchT:
        """Draw `count` samples from the current model."""
        ...

    def fit(
        self, training_set: Mixture[BatchT], generation: int, stream: Stream, scratch: Path | None
    ) -> None:
        """Train the current model on `training_set`.

        `scratch` is a folder that outlives an interruption but not the generation: checkpoints
        written there let the same call continue where a killed one stopped, with the same result.
        """
        ...

    def save(self, folder: Path) -> str:
        """Write all that `load` needs into `folder`; returns the name of the checkpoint file."""
        ...

    def load(self, folder: Path) -> str:
        """Become the model that `save` wrote; returns the name of the checkpoint file."""
        ...


class Correction(Protocol[BatchT]):
    """The correction function pi of the paper: maps samples toward what is true of the world."""

    def correct(self, batch: BatchT, stream: Stream) -> Corrected[BatchT]: ...


class Evaluator(Protocol[BatchT]):
    """Measures a generation; must not change the generator."""

    def evaluate(
        self,
        generator: Generator[BatchT],
        sampled: BatchT | None,
        corrected: Corrected[BatchT] | None,
        stream: Stream,
    ) -> Metrics: ...


class Codec(Protocol[ValueT]):
    """Keeps a value in a folder: `load(folder)` gives back what `save(value, folder)` wrote."""

    def save(self, value: ValueT, folder: Path) -> None: ...

    def load(self, folder: Path) -> ValueT: ...


@dataclass(frozen=True)
class Domain(Generic[BatchT]):
    """All that the loop needs to know of a domain.

    `samples` and `corrections` are needed only where a run is kept on disk.
    """

    real: BatchT
    generator: Generator[BatchT]
    correction: Correction[BatchT]
    evaluator: Evaluator[BatchT]
    samples: Codec[BatchT] | None = None
    corrections: Codec[Corrected[BatchT]] | None = None


class NoCorrection(Generic[BatchT]):
    """The identity: the self-consuming loop without self-correction."""

    def correct(self, batch: BatchT, stream: Stream) -> Corrected[BatchT]:
        return Corrected(batch)
