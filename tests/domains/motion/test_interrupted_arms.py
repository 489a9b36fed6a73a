"""Real arms on real motion, killed or asked to end in every stage; the bytes stay the same."""

from __future__ import annotations

import csv
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.domains.motion.arms import (
    STAGES,
    Nursery,
    results,
    six_windows,
    stage_in_progress,
    wait_for_stage,
)

ARM = "synthetic_percent_100_iterative_finetuning_with_correction"


@pytest.fixture(scope="module")
def nursery(repository: Path) -> Iterator[Nursery]:
    nursery = Nursery(repository)
    yield nursery
    nursery.close()


@pytest.fixture(scope="module")
def data(deepmimic_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return six_windows(deepmimic_source, tmp_path_factory.mktemp("data") / "demo")


class Runs:
    """A folder of arms of one experiment."""

    def __init__(self, folder: Path, data: Path) -> None:
        self.folder, self.data = folder, data
        self.arm = folder / ARM

    def arguments(self, arm: str, *more: str) -> list[str]:
        return [
            *("--preset", "smoke", "--mini_dataset_dir", str(self.data), "--device", "cpu"),
            *("--save_dir", str(self.folder / arm), *more),
        ]

    def corrected(self, *more: str, workers: int = 1) -> list[str]:
        start = self.folder / "generation_0" / "generation_0"
        return self.arguments(
            ARM,
            *("--start_from", str(start), "--synthetic_augmentation_percent", "1"),
            *("--augmentation_type", "imitation_output", "--keep", "last"),
            *("--workers", str(workers), "--num_steps", "20", *more),
        )

    def another(self, folder: Path) -> Runs:
        """The same experiment elsewhere, with its generation 0 done."""
        for done in ("generation_0", "cache"):
            unshared = shutil.ignore_patterns("drawn")  # so that drawing can be interrupted
            shutil.copytree(self.folder / done, folder / done, ignore=unshared)
        return Runs(folder, self.data)

    def seconds(self) -> dict[str, float]:
        """Of each stage, where it was quickest."""
        with (self.arm / "times.csv").open() as file:
            rows = sorted(csv.reader(file), key=lambda row: float(row[2]), reverse=True)
        return {stage: float(seconds) for _, stage, seconds in rows}


@pytest.fixture(scope="module")
def unbroken(data: Path, nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Generation 0, and two generations of a corrected arm."""
    runs = Runs(tmp_path_factory.mktemp("runs"), data)
    for line in (runs.arguments("generation_0", "--num_generations", "0"), runs.corrected()):
        child = nursery.start(line, runs.folder / "log")
        assert child.wait() == 0, child.log.read_text()
    return runs


def kill_again_and_again(
    nursery: Nursery, unbroken: Runs, runs: Runs, targets: list[tuple[int, str]], more: list[str]
) -> Counter:
    """Kill once in each target stage, at a random moment; finish; count the kills by stage."""
    rng, seconds, kills = random.Random(8), unbroken.seconds(), Counter()
    for generation, stage in targets:
        child = nursery.start(runs.corrected(*more), runs.folder / "log")
        if wait_for_stage(child, runs.arm, generation, stage):
            time.sleep(rng.uniform(0, 0.7 * seconds[stage]))
        if child.alive():
            child.send(signal.SIGKILL)
        if child.wait() == -signal.SIGKILL:
            kills[stage_in_progress(runs.arm)] += 1
    child = nursery.start(runs.corrected(*more), runs.folder / "log")
    assert child.wait() == 0, child.log.read_text()
    return kills


def test_killed_in_every_stage_it_ends_with_the_same_bytes(
    nursery: Nursery, unbroken: Runs, tmp_path: Path
) -> None:
    runs = unbroken.another(tmp_path)
    targets = [*((1, stage) for stage in STAGES), (2, "correct")]
    kills = kill_again_and_again(nursery, unbroken, runs, targets, [])
    print(f"kills: {dict(kills)}")
    assert kills.total() == 5 and len({found[1] for found in kills if found}) >= 3
    assert results(runs.arm) == results(unbroken.arm)


@pytest.mark.slow
def test_killed_thirty_times_it_ends_with_the_same_bytes(
    nursery: Nursery, unbroken: Runs, tmp_path: Path
) -> None:
    """Thirty or more kills spread over every stage of four generations."""
    longer = ["--num_generations", "4"]
    whole, runs = unbroken.another(tmp_path / "whole"), unbroken.another(tmp_path / "killed")
    child = nursery.start(whole.corrected(*longer), whole.folder / "log")
    assert child.wait() == 0, child.log.read_text()
    targets = [(g, stage) for g in (1, 2, 3, 4) for stage in STAGES for _ in range(3)]
    kills = kill_again_and_again(nursery, unbroken, runs, targets, longer)
    stages = Counter(found[1] if found else "between stages" for found in kills.elements())
    print(f"{kills.total()} kills: {dict(stages)}")
    assert kills.total() >= 30 and set(STAGES) <= set(stages)
    assert results(runs.arm) == results(whole.arm)


@pytest.mark.parametrize("stage", STAGES)
def test_a_polite_request_ends_every_stage_in_order(
    nursery: Nursery, unbroken: Runs, tmp_path: Path, stage: str
) -> None:
    runs = unbroken.another(tmp_path)
    line = runs.corrected(workers=2 if stage == "correct" else 1)
    child = nursery.start(line, runs.folder / "log")
    assert wait_for_stage(child, runs.arm, 1, stage), child.log.read_text()
    if stage == "correct":  # until its workers are there
        while len(child.session()) < 3 and child.alive():
            time.sleep(0.01)
    child.send(signal.SIGTERM)
    assert child.wait() == 130
    assert "the same command goes on" in child.log.read_text()
    assert "Traceback" not in child.log.read_text()
    deadline = time.monotonic() + 10
    while child.session() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not child.session(), "workers are still there"
