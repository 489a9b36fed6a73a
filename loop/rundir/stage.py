"""A generation in progress on disk: the results of its stages, each kept when it is whole.

<arm>/generation_<g>.partial/          the results; this folder becomes generation_<g>
<arm>/.work_<g>/stages/<stage>.json    markers of finished stages: sizes of all files so far
<arm>/.work_<g>/scratch/<stage>/       parts and checkpoints inside a stage, until it is done
<arm>/times.csv                        generation, stage, seconds (not part of the result)
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar

from loop.distributed import DistributedContext
from loop.errors import RunStateError
from loop.interfaces import BatchT, Codec, Corrected, Metrics
from loop.rundir.files import (
    read_json,
    remove_leftovers,
    storage,
    sync_folder,
    sync_tree,
    write_json,
)
from loop.rundir.layout import TIMES, EvaluationFile, Layout

Value = TypeVar("Value")
WORK = ".work_"
PARTIAL = ".partial"


class WorkFolder(Generic[BatchT]):
    """A generation in progress; leaving it without `commit` keeps its finished stages."""

    def __init__(
        self, arm: Path, generation: int, layout: Layout, distributed: DistributedContext
    ) -> None:
        self._arm, self._generation, self._layout = arm, generation, layout
        self._distributed = distributed
        self.folder = arm / f"{layout.name(generation)}{PARTIAL}"
        self._work = arm / f"{WORK}{generation}"
        self._stages = self._work / "stages"

    def __enter__(self) -> WorkFolder[BatchT]:
        if self._distributed.leads:
            with storage(self._arm):
                self._prepare()
        self._distributed.wait()
        return self

    def _prepare(self) -> None:
        whole = self.folder.is_dir() and self._stages.is_dir()
        for leftover in (*self._arm.glob(f"{WORK}*"), *self._arm.glob(f"*{PARTIAL}")):
            # Markers without results, or results of a generation that is not the next one, would
            # pass for finished work.
            if not (whole and leftover in (self._work, self.folder)):
                shutil.rmtree(leftover)
        for folder in (self.folder, self._stages):
            folder.mkdir(parents=True, exist_ok=True)
            remove_leftovers(folder)

    def __exit__(self, *_: object) -> None:
        """Undo nothing: what is finished stays for the next attempt."""

    def once(
        self,
        stage: str,
        compute: Callable[[Path | None], Value],
        codec: Codec[Value] | None,
        together: bool = False,
    ) -> Value:
        codec = needed(codec)
        scratch = self._work / "scratch" / stage
        done = self._is_finished(stage)
        if self._distributed.leads and not done:
            with storage(scratch):
                scratch.mkdir(parents=True, exist_ok=True)
                remove_leftovers(scratch)
        self._distributed.wait()  # everybody has looked before anybody writes
        if not done and (self._distributed.leads or together):
            start = time.monotonic()
            value = compute(scratch)
            if self._distributed.leads:
                self._keep(stage, value, codec)
                self._note_time(stage, time.monotonic() - start)
                with storage(scratch):
                    shutil.rmtree(scratch)
        self._distributed.wait()
        # Read back what was written: a resumed run would, and both must go on from the same bytes.
        return codec.load(self.folder)

    def _keep(self, stage: str, value: Value, codec: Codec[Value]) -> None:
        with storage(self.folder):
            codec.save(value, self.folder)
            sync_tree(self.folder)
        write_json(self._stages / f"{stage}.json", {"stage": stage, "files": _sizes(self.folder)})

    def _is_finished(self, stage: str) -> bool:
        """Tell whether the results of a stage are there.

        Raises:
            RunStateError: they were, but are no longer, or not as they were.
        """
        marker = self._stages / f"{stage}.json"
        if not marker.exists():
            return False
        noted, found = read_json(marker)["files"], _sizes(self.folder)
        lost = sorted(name for name, size in noted.items() if found.get(name) != size)
        if lost:
            raise RunStateError(
                "a finished stage has lost a file, or the file was changed",
                path=self.folder / lost[0],
                found=f"{found[lost[0]]} bytes" if lost[0] in found else "nothing",
                expected=f"{noted[lost[0]]} bytes",
                remedy=f"restore it; or remove {self.folder}, and the generation will be computed "
                "again, with the same random numbers",
            )
        return True

    def evaluation(self, checkpoint: str) -> Codec[Metrics]:
        return EvaluationFile(self._layout.keys(self._generation, checkpoint))

    def commit(self, corrected: Corrected[BatchT] | None, metrics: Metrics) -> None:
        self._distributed.wait()  # everybody has read the last stage
        if self._distributed.leads:
            with storage(self.folder):
                self.folder.rename(self._arm / self._layout.name(self._generation))
                sync_folder(self._arm)
                shutil.rmtree(self._work)
        self._distributed.wait()

    def _note_time(self, stage: str, seconds: float) -> None:
        path = self._arm / TIMES
        with storage(path), path.open("a") as file:
            file.write(f"{self._generation},{stage},{seconds:.3f}\n")


def _sizes(folder: Path) -> dict[str, int]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}


@contextmanager
def nothing_lost(folder: Path) -> Generator[None]:
    """Report a missing file while a finished generation is read back.

    Raises:
        RunStateError: a file of it is missing.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise RunStateError(
            "a finished generation has lost a file",
            path=error.filename or folder,
            remedy=f"restore it; or remove {folder} and all later generations, and they will be "
            "computed again, with the same random numbers",
        ) from error


def needed(codec: Codec[Value] | None) -> Codec[Value]:
    """Return a codec of the domain; refuse a domain without one.

    Raises:
        RunStateError: the domain has none.
    """
    if codec is None:
        raise RunStateError(
            "this domain cannot be kept on disk",
            expected="a Domain with the codecs `samples` and `corrections`",
            remedy="write them (loop.interfaces.Codec), or leave the folder out (--folder): the "
            "run is then kept in memory",
        )
    return codec
