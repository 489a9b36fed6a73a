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

from loop.sweep.outcomes import outcome_of
from loop.sweep.plan import Job

ARMS = ("corrected", "baseline")
TOYS = ["--experiment", "tests.loop.toy_sweep"]
HELD = ["--", "--hold", "2"]
SUBMITIT = "--cluster slurm --gpus 0 --cpus 1 --memory_gb 0.5"
SBATCH = "--cpus-per-task=1 --mem=500M"


@pytest.fixture(scope="module")
def environment(repository: Path, slurm: Path) -> dict[str, str]:
    """What jobs inherit: the checkout under test."""
    return {**os.environ, "PYTHONPATH": str(repository)}


@pytest.fixture(scope="module")
def unbroken(
    tmp_path_factory: pytest.TempPathFactory, repository: Path, environment: dict[str, str]
) -> dict[str, bytes]:
    """What the experiment makes without Slurm and without an interruption."""
    folder = tmp_path_factory.mktemp("unbroken")
    output_of(
        [sys.executable, "-m", "loop.sweep", "run", str(folder), *TOYS], repository, environment
    )
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


def wait_for(what: Callable[[], object], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.2)


class Submitted:
    """An experiment in the queue, whose arms stand still until somebody interrupts them."""

    def __init__(self, folder: Path, ids: dict[str, str], cwd: Path) -> None:
        self.folder, self.ids, self.cwd = folder, ids, cwd
        assert list(ids) == ["generation_0", *ARMS, "graphs"]

    def check_dependencies(self) -> None:
        """While nothing runs yet."""
        waits = output_of(["squeue", "--noheader", "--format=%F %E"], self.cwd).splitlines()
        waiting = dict(line.split() for line in waits)
        start, array, *_, graphs = (self.ids[name].split("_")[0] for name in self.ids)
        assert self.ids["baseline"] == f"{array}_1"
        assert re.match(rf"afterok:{start}(_\*)?\(", waiting[array])
        needs = rf"afterok:{start}(_\*)?\(.*,afterany:{array}(_\*)?\("
        assert re.match(needs, waiting[graphs])

    def wait_until_held(self) -> None:
        """Both arms run side by side, in their second generation."""
        wait_for(lambda: all((self.folder / f"{arm}.held").exists() for arm in ARMS))
        self.models = [self.folder / arm / "generation_1" / "model.txt" for arm in ARMS]
        self.stats = [model.stat() for model in self.models]

    def signal(self, arm: str, *words: str) -> None:
        output_of(["scancel", *words, self.ids[arm]], self.cwd)

    def requeue(self, arm: str) -> None:
        output_of(["scontrol", "requeue", self.ids[arm]], self.cwd)

    def check(self, unbroken: dict[str, bytes], seconds: float = 90) -> None:
        """Each arm was interrupted once, did nothing twice, and graphs came last."""
        wait_for((self.folder / "graphs.json").is_file, seconds)
        graphs = json.loads((self.folder / "graphs.json").read_text())
        assert [len(graphs[arm]) for arm in ARMS] == [4, 4], "graphs did not wait for the arms"
        for arm, model, before in zip(ARMS, self.models, self.stats, strict=True):
            log = (self.folder / "logs" / f"{arm}.log").read_text()
            assert log.startswith("--- ") and log.count("\n--- ") == 1
            assert "put away" in log
            now = model.stat()
            assert (now.st_ino, now.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
        assert content(self.folder) == unbroken


class Ways:
    """The two ways to submit."""

    def __init__(self, folder: Path, cwd: Path, environment: dict[str, str]) -> None:
        self.folder, self.cwd, self.environment = folder, cwd, environment

    def submitit(self, *options: str) -> Submitted:
        folder = self.folder / "submitit"
        words = [sys.executable, "-m", "loop.sweep", "run", str(folder), *TOYS, *SUBMITIT.split()]
        said = output_of([*words, *options, *HELD], self.cwd, self.environment)
        ids = dict(re.findall(r"(\w+): Slurm job (\w+)", said))
        return Submitted(folder, ids, self.cwd)

    def sbatch(self, *options: str) -> Submitted:
        folder = self.folder / "sbatch"
        words = ["bash", "exp_scripts/slurm.sh", str(folder), *SBATCH.split(), *options]
        words += [f"--output={self.folder}/%A_%a.out", "--", *TOYS, *HELD]
        said = output_of(words, self.cwd, self.environment)
        arrays = re.findall(r"job (\d+): (.*)", said)
        ids = {name: f"{job}_{i}" for job, names in arrays for i, name in enumerate(names.split())}
        return Submitted(folder, ids, self.cwd)


@pytest.fixture
def ways(tmp_path: Path, repository: Path, environment: dict[str, str]) -> Ways:
    return Ways(tmp_path, repository, environment)


def test_arms_wait_are_queued_again_and_end_with_the_bytes_of_an_unbroken_run(
    ways: Ways, unbroken: dict[str, bytes]
) -> None:
    """Both ways at the same time, because waiting costs."""
    partition = ["scontrol", "update", "PartitionName=main"]
    output_of([*partition, "State=DOWN"], ways.cwd)
    one, other = ways.submitit("--hours", "0.1"), ways.sbatch("--time=6")
    for submitted in (one, other):
        submitted.check_dependencies()
    output_of([*partition, "State=UP"], ways.cwd)
    for submitted in (one, other):
        submitted.wait_until_held()
        submitted.requeue("baseline")
    one.signal("corrected", "--signal=USR2")
    other.signal("corrected", "--signal=USR1", "--batch")
    corrected = Job("corrected", [], one.folder / "logs" / "corrected.log")
    wait_for(lambda: getattr(outcome_of(corrected), "state", "") == "queued")
    for submitted in (one, other):
        submitted.check(unbroken)


@pytest.mark.slow
def test_time_limits_are_survived(ways: Ways, unbroken: dict[str, bytes]) -> None:
    """Slurm itself warns: a minute before the limit of two, give or take its own half minute."""
    one, other = ways.submitit("--hours", "0.03", "--grace_s", "60"), ways.sbatch("--time=2")
    for submitted in (one, other):
        submitted.wait_until_held()
    for submitted in (one, other):
        submitted.check(unbroken, 300)


@pytest.mark.slow
def test_preemption_is_survived(ways: Ways, unbroken: dict[str, bytes]) -> None:
    """Clusters send SIGTERM to all processes first, then the signal that means: queue me again."""
    submitted = ways.submitit("--hours", "0.1")
    submitted.wait_until_held()
    for arm in ARMS:
        submitted.signal(arm, "--signal=TERM")
        time.sleep(1)
        submitted.signal(arm, "--signal=USR2" if arm == "corrected" else "--signal=USR1")
    submitted.check(unbroken)
