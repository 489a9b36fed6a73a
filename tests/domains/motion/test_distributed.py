"""Several processes that make one arm (`torchrun`, gloo, on the CPU)."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from domains.motion.distributed import TorchDistributed
from model.checkpoint import load_checkpoint
from tests.domains.motion.arms import Nursery, results, small_demo

SCRIPT = Path(__file__).with_name("undropped.py")


@pytest.fixture(scope="module")
def data(deepmimic_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_demo(deepmimic_source, tmp_path_factory.mktemp("data") / "demo")


def options(data: Path, arm: Path) -> list[str]:
    return [
        "--preset", "smoke", "--mini_dataset_dir", str(data), "--save_dir", str(arm),
        "--device", "cpu", "--num_generations", "1", "--synthetic_augmentation_percent", "1",
    ]  # fmt: skip


class Started:
    """Two copies of the trainer, on an arm of that name."""

    def __init__(self, data: Path, arm: Path) -> None:
        line = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        line += ["--nproc_per_node", "2", str(SCRIPT), *options(data, arm)]
        root = str(Path(__file__).parents[3])
        self.process = subprocess.Popen(
            line, env={**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1"}, cwd=root,
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, start_new_session=True,
        )  # fmt: skip

    def ranks(self) -> list[psutil.Process]:
        """The trainers that torchrun started, first rank first."""
        children = psutil.Process(self.process.pid).children()
        found = [child for child in children if str(SCRIPT) in child.cmdline()]
        return sorted(found, key=lambda child: int(child.environ()["RANK"]))

    def end(self, timeout: float = 150) -> tuple[int, str]:
        """(exit status, what it said)."""
        try:
            said = self.process.communicate(timeout=timeout)[1]
        finally:
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)
        return self.process.returncode, said

    def left(self) -> list[int]:
        """Processes of its session that still run."""
        return [p.pid for p in psutil.process_iter() if _session(p) == self.process.pid]


def _session(process: psutil.Process) -> int:
    try:
        return os.getsid(process.pid) if process.status() != "zombie" else 0
    except (ProcessLookupError, psutil.NoSuchProcess):
        return 0


@pytest.fixture(scope="module")
def runs(data: Path, nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An arm of generations 0 and 1, made by one process and by two; same name, so same numbers."""
    folder = tmp_path_factory.mktemp("runs")
    status, said = nursery.run(options(data, folder / "1" / "arm"), folder / "log", "undropped")
    assert status == 0, said
    shutil.copytree(folder / "1" / "cache", folder / "2" / "cache")
    status, said = Started(data, folder / "2" / "arm").end()
    assert status == 0, said
    return folder


def metrics(arm: Path, generation: int) -> dict[str, list[float]]:
    stored = json.loads((arm / f"generation_{generation}" / "eval_dict.json").read_text())
    ((_, found),) = stored.items()
    return {name: np.atleast_1d(value).tolist() for name, value in found.items()}


@pytest.mark.parametrize("generation", [0, 1])
def test_two_processes_measure_what_one_does(runs: Path, generation: int) -> None:
    one, two = (metrics(runs / n / "arm", generation) for n in ("1", "2"))
    assert one.keys() == two.keys()
    for name, value in one.items():
        np.testing.assert_allclose(two[name], value, rtol=2e-3, atol=1e-4, err_msg=name)


def test_two_processes_see_the_gradients_of_the_whole_batch(runs: Path) -> None:
    """Moments of the optimiser are sums of gradients: far more sensitive than any metric."""
    one, two = (moments(runs / n / "arm" / "generation_0") for n in ("1", "2"))
    assert np.linalg.norm(one) > 0
    assert np.linalg.norm(two - one) < 1e-4 * np.linalg.norm(one)


def moments(generation: Path) -> np.ndarray:
    stored = load_checkpoint(next(generation.glob("opt*.pt")))["optimizer"]["state"]
    return np.concatenate([stored[key]["exp_avg"].numpy().ravel() for key in sorted(stored)])


def test_a_run_that_two_processes_began_is_not_one_of_a_single_one(
    runs: Path, data: Path, nursery: Nursery, tmp_path: Path
) -> None:
    arguments = options(data, runs / "2" / "arm")
    status, said = nursery.run(arguments, tmp_path / "log", "undropped")
    assert status == 1 and "other settings" in said and "processes" in said


@pytest.mark.parametrize("rank", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_when_one_dies_all_end_and_the_run_goes_on_to_the_same_bytes(
    runs: Path, data: Path, tmp_path: Path, rank: int
) -> None:
    shutil.copytree(runs / "1" / "cache", tmp_path / "cache")
    arm = tmp_path / "arm"
    started = Started(data, arm)
    while not (arm / ".work_1" / "scratch").exists() and started.process.poll() is None:
        time.sleep(0.01)
    started.ranks()[rank].kill()
    killed = time.monotonic()
    status, said = started.end()
    assert status not in (0, None), said
    assert time.monotonic() - killed < 100
    assert not started.left()
    status, said = Started(data, arm).end()
    assert status == 0, said
    assert results(arm) == results(runs / "2" / "arm")


ENDING = """
import os, torch
from domains.motion.distributed import joined_processes
network = torch.nn.Linear(2, 1)
with joined_processes() as distributed:
    torch.optim.AdamW(network.parameters())  # imports much of torch
    network(torch.full((1, 2), distributed.rank + 1.0)).sum().backward()
    distributed.average_gradients(network)
print(network.weight.grad.tolist(), len(os.listdir("/proc/self/task")))
"""


def test_gradients_are_averaged_and_no_thread_outlives_the_group() -> None:
    """A gloo thread that is left makes the interpreter abort, now and then, at its end."""
    group = {"WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "0"}
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        group["MASTER_PORT"] = str(probe.getsockname()[1])
    started = [
        subprocess.Popen(
            [sys.executable, "-c", ENDING],
            env={**os.environ, **group, "RANK": str(rank), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    said = {process.communicate(timeout=100)[0].strip() for process in started}
    assert said == {"[[1.5, 1.5]] 1"}


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_shares_of_a_batch_are_disjoint_and_whole(size: int) -> None:
    rows = np.arange(8)
    shares = [rows[TorchDistributed(rank, size).share(8)] for rank in range(size)]
    np.testing.assert_array_equal(np.concatenate(shares), rows)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_lone_process_waits_for_nobody() -> None:
    distributed = TorchDistributed()
    assert distributed.leads and distributed.share(5) == slice(0, 5)
    distributed.wait()
