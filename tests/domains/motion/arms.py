"""Arms of the motion experiment under test: started in the nursery, watched, interrupted."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from dataset.demo_clips import build

NO_RESULTS = {"times.csv", ".lock", "versions.json"}
STAGES = ("synthesise", "correct", "fit", "evaluate")


def small_demo(source: Path, out: Path, windows: int = 6) -> Path:
    """The demo dataset with that many windows to train on and 32, as many as preset smoke needs,
    to test on; `source` holds its downloaded clips.
    """
    shutil.copytree(source, out / "source")
    (out / "dataset.json").write_text("{}")
    build(out)
    for split, count in (("train", windows), ("test", 32)):
        ids = (out / f"{split}.txt").read_text().split()[:count]
        (out / f"{split}.txt").write_text("".join(f"{clip}\n" for clip in ids))
    return out


def results(folder: Path) -> dict[str, bytes]:
    """All files that are part of the result, by relative path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in NO_RESULTS
    }


class Nursery:
    """Starts arms from a process that has imported everything; see `nursery.py`."""

    def __init__(self, repository: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("nursery.py"))],
            cwd=repository,
            env={**os.environ, "PYTHONPATH": str(repository), "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._answer() == "ready"

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def start(self, arguments: Sequence[str], log: Path, command: str = "motion") -> Child:
        """One arm of an experiment; only one at a time."""
        stdin: IO[str] | None = self._process.stdin
        assert stdin is not None
        request = {"command": command, "arguments": list(arguments), "log": str(log)}
        stdin.write(json.dumps(request) + "\n")
        stdin.flush()
        return Child(int(self._answer()), log, self)

    def run(self, arguments: Sequence[str], log: Path, command: str = "motion") -> tuple[int, str]:
        """One arm from its start to its end: (exit status, what it said in this and older runs)."""
        status = self.start(arguments, log, command).wait()
        return status, log.read_text()

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()


@dataclass
class Child:
    """A running arm."""

    pid: int
    log: Path
    nursery: Nursery

    def send(self, number: signal.Signals) -> None:
        """To the arm alone, as `kill` and a cluster do."""
        os.kill(self.pid, number)

    def wait(self) -> int:
        """Its exit status, negative for a signal."""
        return int(self.nursery._answer())

    def alive(self) -> bool:
        """Whether it runs; the nursery collects it as soon as it has ended."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def session(self) -> list[int]:
        """Processes that the arm started and that are still there."""
        found = []
        for process in psutil.process_iter():
            try:
                if os.getsid(process.pid) == self.pid and process.status() != "zombie":
                    found.append(process.pid)
            except (ProcessLookupError, psutil.NoSuchProcess):
                continue
        return found


def stage_in_progress(arm: Path) -> tuple[int, str] | None:
    """(generation, stage) that a run directory is in, None between stages."""
    for scratch in arm.glob(".work_*/scratch/*"):
        if not (scratch.parents[1] / "stages" / f"{scratch.name}.json").exists():
            return int(scratch.parents[1].name.removeprefix(".work_")), scratch.name
    return None


def wait_for_stage(child: Child, arm: Path, generation: int, stage: str) -> bool:
    """Return when the arm is in that stage, or has ended or gone past it (False)."""
    wanted = generation, STAGES.index(stage)
    while child.alive():
        now = stage_in_progress(arm)
        if now is not None:
            place = now[0], STAGES.index(now[1])
            if place >= wanted:
                return place == wanted
        time.sleep(0.002)
    return False
