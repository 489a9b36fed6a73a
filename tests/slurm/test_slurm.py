"""A plan on a real Slurm: order, requeue, same bytes; of toys, so that only Slurm takes time."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ARMS = ("corrected", "baseline")
SUBMITIT = "--cluster slurm --gpus 0 --cpus 1 --memory_gb 0.5 --hours 0.1 --grace_s 10"
SBATCH = "--cpus-per-task=1 --mem=500M --time=6"


@pytest.fixture(scope="module")
def environment(repository: Path, slurm: Path) -> dict[str, str]:
    """What jobs inherit: the checkout under test, and the folder of the toys."""
    paths = (str(repository / "tests" / "loop"), str(repository))
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


@pytest.fixture(scope="module")
def unbroken(
    tmp_path_factory: pytest.TempPathFactory, repository: Path, environment: dict[str, str]
) -> dict[str, bytes]:
    """What the experiment makes without Slurm and without an interruption."""
    folder = tmp_path_factory.mktemp("unbroken")
    words = [sys.executable, "-m", "loop.sweep", "run", str(folder), "--experiment", "toy_sweep"]
    output_of(words, repository, environment)
    return content(folder)


def output_of(words: list[str], cwd: Path, environment: dict[str, str] | None = None) -> str:
    found = subprocess.run(
        words, cwd=cwd, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout + found.stderr


def content(folder: Path) -> dict[str, bytes]:
    """All files of all generations."""
    files = sorted(path for path in folder.glob("*/generation_*/*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def attempts(folder: Path, arm: str) -> int:
    return (folder / "logs" / f"{arm}.log").read_text().count("\n--- ") + 1


def wait_for(what: Callable[[], object], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.2)


class Interrupted:
    """An experiment whose arms stand still, side by side, until each is interrupted in its way."""

    def __init__(self, folder: Path, ids: dict[str, str], cwd: Path) -> None:
        self.folder, self.ids, self.cwd = folder, ids, cwd
        self.array = ids["corrected"].split("_")[0]
        waits = output_of(["squeue", "--noheader", "--format=%F %E"], cwd).splitlines()
        self.waits = dict(line.split() for line in waits)

    def interrupt(self, signal: list[str]) -> None:
        """One arm by a signal, the other by `scontrol requeue`."""
        wait_for(lambda: all((self.folder / f"{arm}.held").exists() for arm in ARMS))
        self.models = [self.folder / arm / "generation_1" / "model.txt" for arm in ARMS]
        self.stats = [model.stat() for model in self.models]
        output_of(["scancel", *signal, self.ids["corrected"]], self.cwd)
        output_of(["scontrol", "requeue", self.ids["baseline"]], self.cwd)

    def check(self, unbroken: dict[str, bytes]) -> None:
        start = self.ids["generation_0"].split("_")[0]
        assert re.match(rf"afterok:{start}(_\*)?\(", self.waits[self.array])
        last = self.waits[self.ids["graphs"].split("_")[0]]
        assert re.match(rf"afterok:{start}(_\*)?\(.*,afterany:{self.array}(_\*)?\(", last)
        wait_for((self.folder / "graphs.json").is_file)
        graphs = json.loads((self.folder / "graphs.json").read_text())
        assert [len(graphs[arm]) for arm in ARMS] == [4, 4], "graphs did not wait for the arms"
        for arm, model, before in zip(ARMS, self.models, self.stats, strict=True):
            assert attempts(self.folder, arm) == 2
            assert "put away" in (self.folder / "logs" / f"{arm}.log").read_text()
            now = model.stat()
            assert (now.st_ino, now.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
        assert content(self.folder) == unbroken


@pytest.fixture(scope="module")
def both(
    tmp_path_factory: pytest.TempPathFactory, repository: Path, environment: dict[str, str]
) -> dict[str, Interrupted]:
    """The same experiment by submitit and by plain sbatch, at the same time: waiting costs."""
    folders = {name: tmp_path_factory.mktemp(name) for name in ("submitit", "sbatch")}
    toys = ["--experiment", "toy_sweep"]
    words = [sys.executable, "-m", "loop.sweep", "run", str(folders["submitit"]), *toys]
    said = output_of([*words, *SUBMITIT.split(), "--", "--hold", "2"], repository, environment)
    ids = dict(re.findall(r"(\w+): Slurm job (\w+)", said))
    assert list(ids) == ["generation_0", *ARMS, "graphs"]
    by_submitit = Interrupted(folders["submitit"], ids, repository)

    script = ["bash", "exp_scripts/slurm.sh", str(folders["sbatch"]), *SBATCH.split()]
    script += [f"--output={folders['sbatch']}/%A_%a.out", "--", *toys, "--", "--hold", "2"]
    said = output_of(script, repository, environment)
    arrays = re.findall(r"job (\d+): (.*)", said)
    ids = {name: f"{job}_{i}" for job, names in arrays for i, name in enumerate(names.split())}
    by_sbatch = Interrupted(folders["sbatch"], ids, repository)

    by_submitit.interrupt(["--signal=USR2"])
    by_sbatch.interrupt(["--signal=USR1", "--batch"])
    return {"submitit": by_submitit, "sbatch": by_sbatch}


@pytest.mark.parametrize("way", ["submitit", "sbatch"])
def test_arms_wait_are_queued_again_and_end_with_the_bytes_of_an_unbroken_run(
    way: str, both: dict[str, Interrupted], unbroken: dict[str, bytes]
) -> None:
    both[way].check(unbroken)
