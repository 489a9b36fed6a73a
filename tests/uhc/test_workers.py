"""The worker pool: order, crashes, time limits, and that it leaves nobody behind."""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from uhc.workers import WorkerLostError, run_batch

FUNCTIONS = """
import os, sys, time

def double(item, shared):
    return shared * item, os.getpid(), "torch" in sys.modules

def moody(item, shared):
    if item == "crash":
        os._exit(3)
    if item == "compute":
        while True:
            pass
    if item == "hang":
        time.sleep(600)
    if item == "talk":
        print("words on the wrong channel")
    return item

def nap(item, shared):
    with open(shared, "a") as file:
        file.write(f"{os.getpid()}\\n")
    time.sleep(item)

def echo(item, shared):
    return item

def together(item, shared):
    # waits until as many are at work as there are workers
    folder, count, patience = shared
    open(os.path.join(folder, f"{item}.here"), "w").close()
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if len([name for name in os.listdir(folder) if name.endswith(".here")]) >= count:
            return True
        time.sleep(0.02)
    return False
"""


@pytest.fixture
def functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A module that worker processes can import, too."""
    (tmp_path / "crew_functions.py").write_text(FUNCTIONS)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    yield importlib.import_module("crew_functions")
    importlib.sys.modules.pop("crew_functions")  # type: ignore[attr-defined]


def test_each_item_comes_back_once_under_its_index(functions: ModuleType) -> None:
    results = dict(run_batch(functions.double, range(7), 10, workers=2, time_limits=[30.0] * 7))
    assert {index: value for index, (value, _, _) in results.items()} == {
        index: 10 * index for index in range(7)
    }
    processes = {process for _, process, _ in results.values()}
    assert os.getpid() not in processes and len(processes) <= 2
    assert not any(torch for _, _, torch in results.values())


def test_one_worker_is_this_process(functions: ModuleType) -> None:
    ((index, (value, process, _)),) = run_batch(
        functions.double, [4], 2, workers=3, time_limits=[1.0]
    )
    assert (index, value, process) == (0, 8, os.getpid())
    assert list(run_batch(functions.double, [], 2, workers=2, time_limits=[])) == []


def test_a_crash_and_a_time_out_cost_one_item_each(functions: ModuleType) -> None:
    items = ["a", "crash", "b", "compute", "talk", "c"]
    results = dict(run_batch(functions.moody, items, None, workers=2, time_limits=[1.0] * 6))
    assert [results[index] for index in (0, 2, 4, 5)] == ["a", "b", "talk", "c"]
    assert isinstance(results[1], WorkerLostError) and "crashed" in str(results[1])
    assert "exit status 3" in str(results[1])
    assert isinstance(results[3], WorkerLostError) and "out of time" in str(results[3])


def test_the_limit_is_of_processor_time(
    functions: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An item that waits for a busy machine is not lost; one that hangs is, in the end."""
    pids, limits = str(tmp_path / "pids"), [0.5] * 2
    monkeypatch.setattr("uhc.workers.PATIENCE", 1000)
    napped = dict(run_batch(functions.nap, [0.7, 0.7], pids, workers=2, time_limits=limits))
    assert napped == {0: None, 1: None}
    monkeypatch.setattr("uhc.workers.PATIENCE", 2)
    for _, lost in run_batch(functions.moody, ["hang"] * 2, None, workers=2, time_limits=limits):
        assert isinstance(lost, WorkerLostError) and "out of time" in str(lost)


def test_stopping_early_ends_the_workers(functions: ModuleType, tmp_path: Path) -> None:
    """As Ctrl-C does: whatever closes the generator leaves no process behind."""
    diary = tmp_path / "pids"
    running = run_batch(
        functions.nap, [0.01, 30, 30, 30], str(diary), workers=2, time_limits=[60.0] * 4
    )
    next(running)
    deadline = time.monotonic() + 10
    while len(set(diary.read_text().split())) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    started = time.monotonic()
    running.close()  # type: ignore[attr-defined]
    assert time.monotonic() - started < 5.0
    for process in set(diary.read_text().split()):
        with pytest.raises(ProcessLookupError):
            os.kill(int(process), 0)


@pytest.mark.parametrize("workers", [4, 16])
def test_all_workers_are_at_work_at_once_and_the_caller_waits(
    functions: ModuleType, tmp_path: Path, workers: int
) -> None:
    """Nothing but the machine's cores limits the scaling: no queue, no lock, no busy caller.

    The first items end only when all workers hold one. The caller's own processor time an item is
    what would bound the throughput of many cores.
    """
    items = [(number, np.zeros((197, 22, 3))) for number in range(4 * workers)]
    limits, shared = [120.0] * len(items), (str(tmp_path), workers, 100.0)
    met = run_batch(functions.together, range(workers), shared, workers=workers, time_limits=limits)
    assert all(found is True for _, found in met)
    before = time.process_time()
    done = run_batch(functions.echo, items, None, workers=workers, time_limits=limits)
    assert sorted(item[0] for _, item in done) == list(range(4 * workers))
    starts = 0.02 * workers
    assert time.process_time() - before < starts + 0.01 * len(items)  # a clip takes 300 ms
