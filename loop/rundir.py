"""The run directory of one arm: what exists there is finished, and nothing finished is done twice.

<arm>/args.json                        the settings of the arm; a run resumes only with the same
<arm>/generation_<g>/                  a finished generation (it appears by one rename)
    eval_dict.json                     {checkpoint file: metrics}, published layout
    model*.pt, synthetic_motions/, ... whatever the domain saved
<arm>/generation_<g>.partial/          the results of the generation in progress
<arm>/.work_<g>/stages/<stage>.json    markers of its finished stages
<arm>/.work_<g>/scratch/               checkpoints inside a stage; gone once it is finished
<arm>/times.csv                        generation, stage, seconds (not part of the result)
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from filelock import FileLock, Timeout

from loop.atomic import read_json, storage, sync_folder, write_json
from loop.errors import RunLockedError, RunStateError
from loop.interfaces import BatchT, Codec, Corrected, Domain, Generator, Metrics
from loop.layout import EVALUATION, EvaluationFile, Layout

Value = TypeVar("Value")


class Work(Protocol[BatchT]):
    """A generation in progress."""

    scratch: Path | None

    def once(self, stage: str, compute: Callable[[], Value], codec: Codec[Value] | None) -> Value:
        """The value of a stage: computed and kept, or read back where it was finished before."""
        ...

    def evaluation(self, checkpoint: str) -> Codec[Metrics] | None:
        """Codec of the metrics of the model in the file `checkpoint`."""
        ...

    def commit(self, corrected: Corrected[BatchT] | None, metrics: Metrics) -> None:
        """Make the generation exist."""
        ...


class Run(Protocol[BatchT]):
    """Where generations are kept: a folder on disk, or memory."""

    def last(self) -> int | None:
        """The newest finished generation, None before generation 0."""
        ...

    def restore(self, generator: Generator[BatchT], generation: int) -> None:
        """Make `generator` the model of a finished generation."""
        ...

    def history(self, domain: Domain[BatchT]) -> Sequence[BatchT]:
        """The corrected synthetic sets of generations 1 to `last()`."""
        ...

    def open(self, generation: int) -> Any:
        """Context manager of a `Work`."""
        ...


class MemoryRun(Generic[BatchT]):
    """Keeps a run in memory: for models so small that a disk would only slow them down."""

    def __init__(self) -> None:
        self.metrics: list[Metrics] = []
        self._history: list[BatchT] = []
        self.scratch: Path | None = None

    def last(self) -> int | None:
        return len(self.metrics) - 1 if self.metrics else None

    def restore(self, generator: Generator[BatchT], generation: int) -> None:
        """The generator still is the model of the last generation."""

    def history(self, domain: Domain[BatchT]) -> Sequence[BatchT]:
        return self._history

    @contextmanager
    def open(self, generation: int) -> Iterator[MemoryRun[BatchT]]:
        yield self

    def once(self, stage: str, compute: Callable[[], Value], codec: Codec[Value] | None) -> Value:
        return compute()

    def evaluation(self, checkpoint: str) -> None:
        """Nothing is kept in files."""

    def commit(self, corrected: Corrected[BatchT] | None, metrics: Metrics) -> None:
        if corrected is not None:
            self._history.append(corrected.batch)
        self.metrics.append(metrics)


class RunDirectory(Generic[BatchT]):
    """Keeps a run in a folder, one process at a time."""

    def __init__(
        self, folder: Path, settings: dict[str, Any], layout: Layout | None = None
    ) -> None:
        """Open (or start) the run in `folder`; use it as a context manager, which holds its lock.

        Args:
            folder: of the arm.
            settings: what must be the same whenever this run goes on.
            layout: names of its folders; by default those of the motion experiment.

        Raises:
            RunStateError: the folder holds a run with other settings.
            StorageError: the folder cannot be written.
        """
        self.folder = folder
        self.layout = layout or Layout()
        with storage(folder):
            folder.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(folder / ".lock")
        # As JSON gives them back: tuples become lists.
        self._settings = json.loads(json.dumps(settings))

    def __enter__(self) -> RunDirectory[BatchT]:
        try:
            with storage(self.folder):
                self._lock.acquire(timeout=0)
        except Timeout as error:
            raise RunLockedError(
                "another process is working on this run",
                path=self.folder,
                remedy="wait for it or stop it; `fuser` on the .lock file names it",
            ) from error
        try:
            self._check_settings()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def _check_settings(self) -> None:
        path = self.folder / "args.json"
        if not path.exists():
            write_json(path, self._settings)
            return
        stored = read_json(path)
        names = sorted(stored.keys() | self._settings.keys())
        changed = [n for n in names if stored.get(n) != self._settings.get(n)]
        if changed:
            raise RunStateError(
                "this folder holds a run with other settings",
                path=path,
                found={name: stored.get(name) for name in changed},
                expected={name: self._settings.get(name) for name in changed},
                remedy="choose another --save_dir, or move this folder away",
            )

    def generation(self, generation: int) -> Path:
        """Folder of a finished generation."""
        return self.folder / self.layout.name(generation)

    def generations(self) -> list[int]:
        """The finished generations, ascending."""
        found = (self.layout.number(path.name) for path in self.folder.iterdir())
        return sorted(generation for generation in found if generation is not None)

    def last(self) -> int | None:
        """The newest finished generation.

        Raises:
            RunStateError: an earlier one is missing, so that the run could not be explained.
        """
        finished = self.generations()
        if not finished:
            return None
        missing = sorted(set(range(finished[-1] + 1)) - set(finished))
        if missing:
            raise RunStateError(
                "generations are missing from this run",
                path=self.folder,
                found=f"generation {finished[-1]} but not {missing}",
                remedy="restore the folders, or remove the later ones to recompute from there",
            )
        return finished[-1]

    def restore(self, generator: Generator[BatchT], generation: int) -> None:
        folder = self.generation(generation)
        if not (folder / EVALUATION).is_file():
            raise RunStateError(
                "a generation is not complete",
                path=folder,
                expected=EVALUATION,
                remedy="restore the file, or remove the folder to compute the generation again",
            )
        generator.load(folder)

    def history(self, domain: Domain[BatchT]) -> Sequence[BatchT]:
        return _StoredHistory(self, _needed(domain.corrections))

    def open(self, generation: int) -> WorkFolder[BatchT]:
        return WorkFolder(self.folder, generation, self.layout)


class _StoredHistory(Sequence):
    """The corrected sets on disk, read only when somebody asks for one."""

    def __init__(self, run: RunDirectory, codec: Codec[Corrected]) -> None:
        self._run, self._codec = run, codec
        self._generations = [g for g in run.generations() if g > 0]

    def __len__(self) -> int:
        return len(self._generations)

    def __getitem__(self, index: Any) -> Any:
        generation = self._generations[index]
        return self._codec.load(self._run.generation(generation)).batch


class WorkFolder(Generic[BatchT]):
    """A generation in progress on disk; leaving it without `commit` keeps its finished stages."""

    def __init__(self, arm: Path, generation: int, layout: Layout) -> None:
        self._arm, self._generation, self._layout = arm, generation, layout
        self.folder = arm / f"{layout.name(generation)}.partial"
        self._work = arm / f".work_{generation}"
        self._stages = self._work / "stages"
        self.scratch: Path | None = self._work / "scratch"

    def __enter__(self) -> WorkFolder[BatchT]:
        with storage(self._arm):
            for leftover in self._arm.glob(".work_*"):
                if leftover != self._work:
                    shutil.rmtree(leftover)
            for folder in (self.folder, self._stages, self._work / "scratch"):
                folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to undo: what is finished stays for the next attempt."""

    def once(self, stage: str, compute: Callable[[], Value], codec: Codec[Value] | None) -> Value:
        codec = _needed(codec)
        marker = self._stages / f"{stage}.json"
        if marker.exists():
            return codec.load(self.folder)
        start = time.monotonic()
        value = compute()
        with storage(self.folder):
            codec.save(value, self.folder)
            _sync_tree(self.folder)
        write_json(marker, {"stage": stage})
        self._note_time(stage, time.monotonic() - start)
        # Read back what was written: a resumed run would, and both must go on from the same bytes.
        return codec.load(self.folder)

    def evaluation(self, checkpoint: str) -> Codec[Metrics]:
        return EvaluationFile(self._layout.keys(self._generation, checkpoint))

    def commit(self, corrected: Corrected[BatchT] | None, metrics: Metrics) -> None:
        with storage(self.folder):
            self.folder.rename(self._arm / self._layout.name(self._generation))
            sync_folder(self._arm)
            shutil.rmtree(self._work)

    def _note_time(self, stage: str, seconds: float) -> None:
        path = self._arm / "times.csv"
        with storage(path), path.open("a") as file:
            file.write(f"{self._generation},{stage},{seconds:.3f}\n")


def _needed(codec: Codec[Value] | None) -> Codec[Value]:
    if codec is None:
        raise RunStateError(
            "this domain cannot be kept on disk",
            expected="a Domain with the codecs `samples` and `corrections`",
            remedy="use a MemoryRun, or give the domain its codecs",
        )
    return codec


def _sync_tree(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
    sync_folder(folder)
