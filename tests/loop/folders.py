"""Run directories of the toy domain: made, killed at a chosen moment, compared."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from loop.cycle import LoopSettings, run_generations
from loop.rundir.directory import RunDirectory
from tests.loop.toy import MeanModel, toy_domain

SETTINGS = LoopSettings(seed=3, arm="arm", generations=2, ratio=0.5)
NO_RESULTS = {"times.csv", ".lock", "versions.json"}
WRITES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link"}


def run(folder: Path, settings: LoopSettings = SETTINGS) -> None:
    """Make the arm, or go on with it."""
    with RunDirectory(folder, {"seed": settings.seed}) as directory:
        run_generations(toy_domain(MeanModel()), settings, directory)


def results(folder: Path) -> dict[str, bytes]:
    """All files that are part of the result, by relative path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in NO_RESULTS
    }


def forked(action: Callable[[], object]) -> int:
    """Do something in a process of its own; its exit status, negative for a signal."""
    pid = os.fork()
    if pid == 0:
        try:
            action()
        except BaseException:  # noqa: BLE001  (whatever it is, this process is a copy of pytest)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def die_before_write(folder: Path, number: int) -> None:
    """From now on count what changes the file system below `folder`; be killed at that number."""
    left = [number]

    def hook(event: str, arguments: tuple) -> None:
        writes = event in WRITES or (event == "open" and _is_writing(arguments))
        if writes and str(arguments[0]).startswith(str(folder)):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def _is_writing(arguments: tuple) -> bool:
    flags = arguments[2]
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))
