"""What a domain supplies to the loop: batches, a generator, a correction function, an evaluator.

A new domain, or a new correction function, is one new file that implements these; nobody else has
to know it. Methods with a body are defaults: subclass the protocol to inherit them.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar, cast

import numpy as np

from loop.errors import InvalidOptionError
from loop.rng import Stream
from loop.state import load_state, save_state

Rows = slice | np.ndarray
Metric = float | list[float]
Metrics = Mapping[str, Metric]
"""Figures of a generation by name; see `INTERVAL` and `RESAMPLES` for what stands beside one."""
INTERVAL, RESAMPLES = " interval", " resamples"
"""Ends of names: the bounds [low, high] of a figure, and the bootstrap behind them, less its mean,
of which the run directory keeps a file of its own."""


class Batch(Protocol):
    """Samples of a domain, real or synthetic: anything with a length whose rows can be picked.

    A numpy array is a batch as it is; its first axis counts the samples.
    """

    def __len__(self) -> int: ...

    def take(self, rows: Rows) -> Self:
        """Return the chosen rows, in that order."""
        ...

    def join(self, other: Self) -> Self:
        """Return these samples and then those of `other`; only a finite --gamma needs it."""
        ...


BatchT = TypeVar("BatchT", bound=Sized)
"""A numpy array or a `Batch`."""
ValueT = TypeVar("ValueT")


def take(batch: BatchT, rows: Rows) -> BatchT:
    """Return the chosen rows of an array or of a `Batch`, in that order."""
    if isinstance(batch, np.ndarray):
        return cast(BatchT, batch[rows])
    return cast(Any, batch).take(rows)


def join(first: BatchT, second: BatchT) -> BatchT:
    """Return the samples of two arrays or two batches, one after the other.

    Raises:
        InvalidOptionError: it is a batch of a class that cannot join.
    """
    if isinstance(first, np.ndarray):
        return cast(BatchT, np.concatenate([cast(Any, first), cast(Any, second)]))
    if not hasattr(first, "join"):
        raise InvalidOptionError(
            "samples of this class cannot be replaced one by one",
            found=type(first).__name__,
            expected="a method join(other), see loop.interfaces.Batch",
            remedy="write it, or leave --gamma out",
        )
    return cast(Any, first).join(second)


def own_copy(batch: BatchT) -> BatchT:
    """Return a copy of an array, which its taker may change; a batch of another class as it is."""
    return cast(BatchT, batch.copy()) if isinstance(batch, np.ndarray) else batch


@dataclass(frozen=True)
class Corrected(Generic[BatchT]):
    """What a correction function returns.

    Attributes:
        batch: the samples that may enter the training set (failures may have been dropped).
        report: what the correction did, in numbers (attempts, failures, help from outside physics);
            they join the metrics of the generation.
        rows: row of the input of each sample of `batch`, where samples were dropped or reordered;
            None: same order and length. Not kept on disk.
    """

    batch: BatchT
    report: Metrics = field(default_factory=dict[str, Metric])
    rows: np.ndarray | None = None


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
        """Yield the chosen rows, the real part first; parts without rows are left out."""
        real = take(self.real, self.real_rows)
        if len(real):
            yield real
        if self.reserve is not None:
            fresh = take(self.reserve, self.reserve_rows)
            if len(fresh):
                yield fresh
        for index, rows in enumerate(self.synthetic_rows):
            if isinstance(rows, slice) and rows.stop == 0:
                continue
            part = take(self.history[index], rows)
            if len(part):
                yield part

    def joined(self) -> np.ndarray:
        """Concatenate all parts, where batches are arrays: (rows, ...)."""
        return np.concatenate([np.asarray(part) for part in self.parts()])


class Generator(Protocol[BatchT]):
    """A generative model that can sample itself and be (re)trained.

    Here and below, `scratch` is a folder that outlives an interruption but not its stage: what is
    written there (`loop.rundir.partial_results`, a checkpoint) lets the same call continue where a
    killed one stopped, with the same result. None where nothing can be kept.

    Attributes:
        state: names of the attributes, all arrays or numbers, that `save` and `load` keep by
            default; generators with another format override both.
    """

    state: ClassVar[tuple[str, ...]] = ()
    _untrained: dict[str, Any]

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

    def remember_untrained(self) -> None:
        """Keep what `reset` goes back to: what the generator is when a loop first takes it.

        Raises:
            InvalidOptionError: it cannot be copied.
        """
        if "_untrained" in vars(self):
            return
        try:
            self._untrained = copy.deepcopy(vars(self))
        except (TypeError, ValueError, RuntimeError, AttributeError) as error:
            raise InvalidOptionError(
                "the untrained generator cannot be copied, to train it from scratch again",
                found=f"{type(self).__name__}: {error}",
                expected="attributes that copy.deepcopy copies",
                remedy="write a method reset() that makes the generator untrained",
            ) from error

    def reset(self) -> None:
        """Become untrained again, as at `remember_untrained`."""
        untrained = self._untrained
        vars(self).clear()
        vars(self).update(copy.deepcopy(untrained), _untrained=untrained)

    def save(self, folder: Path) -> str:
        """Write all that `load` needs into `folder`; returns the name of the checkpoint file."""
        return save_state(self, self.state, folder)

    def load(self, folder: Path) -> str:
        """Become the model that `save` wrote; returns the name of the checkpoint file."""
        name = load_state(self, self.state, folder)
        self.restored()
        return name

    def restored(self) -> None:
        """Rebuild what follows from `state`; `load` calls it. Nothing by default."""


class Correction(Protocol[BatchT]):
    """The correction function pi of the paper: maps samples toward what is true of the world."""

    def correct(
        self, batch: BatchT, stream: Stream, scratch: Path | None = None
    ) -> Corrected[BatchT]:
        """Correct every sample of `batch`; samples that cannot be corrected may be dropped.

        An array is a copy, which may be changed in place; batches of other classes may not.
        """
        ...


class Evaluator(Protocol[BatchT]):
    """Measures a generation; must not change the generator."""

    def evaluate(
        self,
        generator: Generator[BatchT],
        sampled: BatchT | None,
        corrected: Corrected[BatchT] | None,
        stream: Stream,
        scratch: Path | None = None,
    ) -> Metrics:
        """Measure the current model and the synthetic set that it was trained on.

        Args:
            generator: the model of this generation.
            sampled: what the model before it drew; None without synthetic data.
            corrected: the same after the correction.
            stream: for everything that is drawn at random.
            scratch: see `Generator`.
        """
        ...


class Codec(Protocol[ValueT]):
    """Keeps a value in a folder: `load(folder)` gives back what `save(value, folder)` wrote."""

    def save(self, value: ValueT, folder: Path) -> None:
        """Write `value`."""
        ...

    def load(self, folder: Path) -> ValueT:
        """Read it back."""
        ...


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


class NoCorrection(Generic[BatchT]):
    """The identity: the self-consuming loop without self-correction."""

    def correct(
        self, batch: BatchT, stream: Stream, scratch: Path | None = None
    ) -> Corrected[BatchT]:
        """Return the samples as they are."""
        return Corrected(batch)


def rounded_down(ratio: float, real: Sized) -> int:
    """Return lambda n rounded down, n the number of real samples."""
    return int(round(ratio * len(real), 6))  # 0.29 * 100 is a little less than 29


@dataclass(frozen=True)
class Domain(Generic[BatchT]):
    """All that the loop needs to know of a domain.

    Attributes:
        real: the real training data, n samples.
        generator: the model.
        evaluator: what is measured of every generation.
        correction: the correction function; the identity by default.
        samples, corrections: keep synthetic sets on disk; arrays need none.
        reserve: real data held back from generation 0, for the mixing policy `fresh_data`.
        large: files that a user may not want to keep.
        synthetic_count: (lambda, real) -> samples drawn in each generation.
    """

    real: BatchT
    generator: Generator[BatchT]
    evaluator: Evaluator[BatchT]
    correction: Correction[BatchT] = field(default_factory=NoCorrection[BatchT])
    samples: Codec[BatchT] | None = None
    corrections: Codec[Corrected[BatchT]] | None = None
    reserve: BatchT | None = None
    large: LargeFiles = LargeFiles()
    synthetic_count: Callable[[float, BatchT], int] = rounded_down

    def with_parts(self, **parts: Any) -> Domain[BatchT]:
        """Return a plain domain with some parts exchanged; also for subclasses of any constructor.

        Args:
            parts: attribute of `Domain` -> new value.
        """
        same = {each.name: getattr(self, each.name) for each in fields(Domain)}
        return Domain(**{**same, **parts})
