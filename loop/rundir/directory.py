"""The run directory of one arm: what exists there is finished, and nothing finished is done twice.

<arm>/args.json                        the settings of the arm; a run resumes only with the same
<arm>/generation_<g>/                  a finished generation (it appears by one rename)
    eval_dict.json                     {checkpoint file: metrics}, published layout
    eval_resamples.json                {metric: bootstrap resamples} of those with an interval
    model*.pt, synthetic_motions/, ... whatever the domain saved
beside them, what `loop.rundir.stage` keeps of the generation in progress
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from filelock import FileLock, Timeout

from loop.distributed import DistributedContext, SingleProcess
from loop.errors import RunLockedError, RunStateError
from loop.interfaces import BatchT, Codec, Corrected, Domain, Generator, LargeFiles, Metrics
from loop.lazy import LazySequence
from loop.rundir.files import Json, make_folder, remove_leftovers, storage, write_json
from loop.rundir.layout import ARGUMENTS, EVALUATION, Layout
from loop.rundir.read import read_settings
from loop.rundir.retention import Keep, prune
from loop.rundir.stage import PARTIAL, WORK, WorkFolder, needed, nothing_lost
from loop.rundir.versions import record_versions

Value = TypeVar("Value")
logger = logging.getLogger("scsc.loop")


class Work(Protocol[BatchT]):
    """A generation in progress."""

    def once(
        self,
        stage: str,
        compute: Callable[[Path | None], Value],
        codec: Codec[Value] | None,
        together: bool = False,
    ) -> Value:
        """Return the value of a stage: computed and kept, or read back where it was finished.

        Args:
            stage: its name.
            compute: is given the scratch folder of the stage.
            codec: keeps the value.
            together: every process computes, instead of the first alone.
        """
        ...

    def evaluation(self, checkpoint: str) -> Codec[Metrics] | None:
        """Return the codec of the metrics of the model in the file `checkpoint`."""
        ...

    def commit(self, corrected: Corrected[BatchT] | None, metrics: Metrics) -> None:
        """Make the generation exist."""
        ...


class Run(Protocol[BatchT]):
    """Where generations are kept: a folder on disk, or memory."""

    def last(self) -> int | None:
        """Return the newest finished generation, None before generation 0."""
        ...

    def restore(self, generator: Generator[BatchT], generation: int) -> None:
        """Make `generator` the model of a finished generation."""
        ...

    def history(self, domain: Domain[BatchT]) -> Sequence[BatchT]:
        """Return the corrected synthetic sets of generations 1 to `last()`."""
        ...

    def open(self, generation: int) -> AbstractContextManager[Work[BatchT]]:
        """Begin a generation, or go on with it."""
        ...

    def prune(self, large: LargeFiles, models: Keep, samples: Keep, finished: bool) -> None:
        """Remove large files of older generations, see `loop.rundir.retention`."""
        ...


class MemoryRun(Generic[BatchT]):
    """Keeps a run in memory: for models so small that a disk would only slow them down."""

    def __init__(self) -> None:
        self.metrics: list[Metrics] = []
        self._history: list[BatchT] = []

    def last(self) -> int | None:
        return len(self.metrics) - 1 if self.metrics else None

    def restore(self, generator: Generator[BatchT], generation: int) -> None:
        """Do nothing: the generator still is the model of the last generation."""

    def history(self, domain: Domain[BatchT]) -> Sequence[BatchT]:
        return self._history

    def open(self, generation: int) -> AbstractContextManager[MemoryRun[BatchT]]:
        return nullcontext(self)

    def once(
        self,
        stage: str,
        compute: Callable[[Path | None], Value],
        codec: Codec[Value] | None,
        together: bool = False,
    ) -> Value:
        return compute(None)

    def evaluation(self, checkpoint: str) -> None:
        """Do nothing: nothing is kept in files."""

    def commit(self, corrected: Corrected[BatchT] | None, metrics: Metrics) -> None:
        if corrected is not None:
            self._history.append(corrected.batch)
        self.metrics.append(metrics)

    def prune(self, large: LargeFiles, models: Keep, samples: Keep, finished: bool) -> None:
        """Do nothing: nothing is kept in files."""


class RunDirectory(Generic[BatchT]):
    """Keeps a run in a folder, one process at a time."""

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, Any],
        layout: Layout | None = None,
        distributed: DistributedContext | None = None,
        later: Collection[str] = (),
        renamed: Mapping[str, str] | None = None,
    ) -> None:
        """Open (or start) the run in `folder`; use it as a context manager, which holds its lock.

        Args:
            folder: of the arm.
            settings: what must be the same whenever this run goes on.
            layout: names of its folders; by default those of the motion experiment.
            distributed: the processes that make this arm; by default this one is alone.
            later: names of settings that are known only once the data are loaded, which
                `add_settings` brings.
            renamed: settings under the names of older versions -> their names now; a folder that
                has the new name was recorded by this version.

        Raises:
            RunStateError: the folder holds a run with other settings.
            CorruptFileError: its settings or versions cannot be read.
            StorageError: the folder cannot be written.
        """
        self.folder = folder
        self.layout = layout or Layout()
        self._distributed = distributed or SingleProcess()
        make_folder(folder)
        self._lock = FileLock(folder / ".lock")
        self._settings, self._later = _as_json(settings), frozenset(later)
        self._renamed = renamed or {}
        self._untouched = False

    def __enter__(self) -> RunDirectory[BatchT]:
        if self._distributed.leads:
            self._take()
        self._distributed.wait()
        return self

    def _take(self) -> None:
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
            self._tidy()
            record_versions(self.folder, max(self.generations(), default=-1) + 1)
        except BaseException:
            self._lock.release()
            raise

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and self._untouched:
            # A run that never began has no settings: the command may be corrected.
            (self.folder / ARGUMENTS).unlink(missing_ok=True)
        self._lock.release()

    def _check_settings(self) -> None:
        path = self.folder / ARGUMENTS
        if not path.exists():
            begun = [*self.folder.glob(f"{WORK}*"), *filter(None, self.generations())]
            if begun:  # generation 0 alone may have been copied here
                raise RunStateError(
                    "the settings of this run are missing",
                    path=path,
                    remedy="restore the file, or move this folder away to start anew",
                )
            write_json(path, self._settings)
            self._untouched = True
            return
        stored = read_settings(self.folder)
        for old, new in self._renamed.items():
            if new not in stored and old in stored:
                stored[new] = stored.pop(old)
        known = {name: value for name, value in stored.items() if name not in self._later}
        self._require_equal(known, self._settings)

    def _require_equal(self, stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
        names = sorted(stored.keys() | wanted.keys())
        unrecorded = {n: _unrecorded(stored.get(n), wanted.get(n)) for n in names}
        changed = [
            n for n in names if {**_group(stored.get(n)), **unrecorded[n]} != _group(wanted.get(n))
        ]
        since = [f"{n}.{inner}" for n in names if n not in changed for inner in unrecorded[n]]
        if since:
            logger.warning(
                "%s was begun by an older version, which did not record %s; from here on this "
                "version decides", self.folder, ", ".join(since),
            )  # fmt: skip
        if changed:
            raise RunStateError(
                "this folder holds a run with other settings",
                path=self.folder / ARGUMENTS,
                found={name: stored.get(name) for name in changed},
                expected={name: wanted.get(name) for name in changed},
                remedy="choose another folder for the run, or move this one away",
            )

    def add_settings(self, settings: Mapping[str, Any]) -> None:
        """Record settings that were announced as `later`, or compare them with the stored ones.

        Raises:
            RunStateError: the run was started with others.
        """
        if not settings or not self._distributed.leads:
            return
        added, stored = _as_json(settings), read_settings(self.folder)
        if any(name in stored for name in added):
            self._require_equal({name: stored.get(name) for name in added}, added)
            return
        if any(self.generations()):  # generation 0 alone may have been copied here
            logger.warning(
                "%s did not record %s when it was begun; what is measured from here on may not "
                "compare with its earlier generations", self.folder, ", ".join(added),
            )  # fmt: skip
        write_json(self.folder / ARGUMENTS, {**stored, **added})

    def _tidy(self) -> None:
        """Remove what processes that were killed left between two renames."""
        with storage(self.folder):
            remove_leftovers(self.folder)
            for partial in self.folder.glob(f".*{PARTIAL}"):  # of a copy of generation 0
                shutil.rmtree(partial)
            for generation in self.generations():
                shutil.rmtree(self.folder / f"{WORK}{generation}", ignore_errors=True)

    def generation(self, generation: int) -> Path:
        """Return the folder of a finished generation."""
        return self.folder / self.layout.name(generation)

    def generations(self) -> list[int]:
        """Return the finished generations, ascending."""
        found = (self.layout.number(path.name) for path in self.folder.iterdir())
        return sorted(generation for generation in found if generation is not None)

    def last(self) -> int | None:
        """Return the newest finished generation.

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
        with nothing_lost(folder):
            generator.load(folder)

    def history(self, domain: Domain[BatchT]) -> Sequence[BatchT]:
        codec = needed(domain.corrections)
        folders = [self.generation(g) for g in self.generations() if g > 0]

        def load(index: int) -> BatchT:
            with nothing_lost(folders[index]):
                return codec.load(folders[index]).batch

        return LazySequence(len(folders), load)

    def open(self, generation: int) -> WorkFolder[BatchT]:
        self._untouched = False
        return WorkFolder(self.folder, generation, self.layout, self._distributed)

    def prune(self, large: LargeFiles, models: Keep, samples: Keep, finished: bool) -> None:
        *older, newest = self.generations()
        if self._distributed.leads:
            folders = [(number, self.generation(number)) for number in older]
            prune(folders, self.generation(newest), large, models, samples, finished)


def _group(value: Json) -> dict[str, Json]:
    """Return a group of settings as it is, and a single one as a group of its own."""
    return value if isinstance(value, dict) else {"": value}


def _unrecorded(stored: Json, wanted: Json) -> dict[str, Json]:
    """Return those settings of a recorded group that the version that recorded it did not know."""
    if not isinstance(stored, dict) or not isinstance(wanted, dict):
        return {}
    return {name: value for name, value in wanted.items() if name not in stored}


def _as_json(settings: Mapping[str, Any]) -> dict[str, Json]:
    """Return settings as JSON gives them back: tuples become lists."""
    return json.loads(json.dumps(dict(settings)))
