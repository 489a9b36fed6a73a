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

from loop.rng import Stream

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

    `history` may load its sets lazily: only sets with chosen rows are touched by `parts`. `reserve`
    are real data held back from generation 0 (see `loop.mixing.fresh_data`).
    """

    real: BatchT
    history: Sequence[BatchT]
    real_rows: Rows
    synthetic_rows: Sequence[Rows]
    reserve: BatchT | None = None
    reserve_rows: Rows = field(default_factory=lambda: slice(0, 0))

    def parts(self) -> Iterator[BatchT]:
        """The chosen rows, the real part first; parts without rows are left out."""
        real = self.real.take(self.real_rows)
        if len(real):
            yield real
        if self.reserve is not None:
            fresh = self.reserve.take(self.reserve_rows)
            if len(fresh):
                yield fresh
        for index, rows in enumerate(self.synthetic_rows):
            if isinstance(rows, slice) and rows.stop == 0:
                continue
            part = self.history[index].take(rows)
            if len(part):
                yield part


class Generator(Protocol[BatchT]):
    """A generative model that can sample itself and be (re)trained.

    Here and below, `scratch` is a folder that outlives an interruption but not its stage: what is
    written there (`loop.rundir.partial_results`, a checkpoint) lets the same call continue where a
    killed one stopped, with the same result. None where nothing can be kept.
    """

    def synthesise(self, count: int, stream: Stream, scratch: Path | None = None) -> BatchT:
        """Draw `count` samples from the current model."""
        ...

    def fit(
        self, training_set: Mixture[BatchT], generation: int, stream: Stream, scratch: Path | None
    ) -> None:
        """Train the current model on `training_set`, as long as `generation` asks for.

        Generation 0 is trained from untrained weights, later ones are fine-tuned.
        """
        ...

    def reset(self) -> None:
        """Become untrained again, with the very weights of the beginning."""
        ...

    def save(self, folder: Path) -> str:
        """Write all that `load` needs into `folder`; returns the name of the checkpoint file."""
        ...

    def load(self, folder: Path) -> str:
        """Become the model that `save` wrote; returns the name of the checkpoint file."""
        ...


class Correction(Protocol[BatchT]):
    """The correction function pi of the paper: maps samples toward what is true of the world."""

    def correct(
        self, batch: BatchT, stream: Stream, scratch: Path | None = None
    ) -> Corrected[BatchT]: ...


class Evaluator(Protocol[BatchT]):
    """Measures a generation; must not change the generator."""

    def evaluate(
        self,
        generator: Generator[BatchT],
        sampled: BatchT | None,
        corrected: Corrected[BatchT] | None,
        stream: Stream,
        scratch: Path | None = None,
    ) -> Metrics: ...


class Codec(Protocol[ValueT]):
    """Keeps a value in a folder: `load(folder)` gives back what `save(value, folder)` wrote."""

    def save(self, value: ValueT, folder: Path) -> None: ...

    def load(self, folder: Path) -> ValueT: ...


@dataclass(frozen=True)
class LargeFiles:
    """Files of a finished generation that a user may not want to keep, as patterns in its folder.

    Attributes:
        training: what only the next `fit` needs (moments of an optimiser, live weights).
        models: what one samples with.
        samples: the synthetic set.
        first: generations before this one keep all of them: other arms start from there.
    """

    training: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    samples: tuple[str, ...] = ()
    first: int = 0


@dataclass(frozen=True)
class Domain(Generic[BatchT]):
    """All that the loop needs to know of a domain.

    `samples` and `corrections` are needed only where a run is kept on disk, `reserve` only by the
    mixing policy `fresh_data`.
    """

    real: BatchT
    generator: Generator[BatchT]
    correction: Correction[BatchT]
    evaluator: Evaluator[BatchT]
    samples: Codec[BatchT] | None = None
    corrections: Codec[Corrected[BatchT]] | None = None
    reserve: BatchT | None = None
    large: LargeFiles = LargeFiles()


class NoCorrection(Generic[BatchT]):
    """The identity: the self-consuming loop without self-correction."""

    def correct(
        self, batch: BatchT, stream: Stream, scratch: Path | None = None
    ) -> Corrected[BatchT]:
        return Corrected(batch)
