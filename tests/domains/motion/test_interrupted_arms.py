"""Real arms on real motion, killed or asked to end in every stage; the bytes stay the same."""

from __future__ import annotations

import csv
import random
import shutil
import signal
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.domains.mnist.digits import write_digits
from tests.domains.motion.arms import (
    STAGES,
    Child,
    Nursery,
    results,
    small_demo,
    stage_in_progress,
    wait_for_stage,
)

CORRECTED = "synthetic_percent_100_iterative_finetuning_with_correction"
RAW = "synthetic_percent_100_iterative_finetuning"
GENERATIONS = "3"
Targets = list[tuple[int, str]]


@pytest.fixture(scope="module")
def motions(deepmimic_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_demo(deepmimic_source, tmp_path_factory.mktemp("data") / "demo")


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_digits(tmp_path_factory.mktemp("mnist"))


@dataclass(frozen=True)
class Runs:
    """A folder of arms of one experiment at preset smoke; `domain` names its command."""

    domain: str
    folder: Path
    data: Path
    nursery: Nursery

    def line(self, arm: str, *more: str) -> list[str]:
        if self.domain == "mnist":
            kind = arm.removeprefix("synthetic_percent_100_")
            files = ("--data_dir", str(self.data), "--save_dir_parent", str(self.folder))
            ratio = ("--synth_aug_percent", "1") if kind != "baseline" else ()
            kind_of = ("--preset", "smoke", "--train_type", kind, "--precision", "fp32")
            return [*kind_of, *files, *ratio, *more]
        start = self.folder / "baseline" / "generation_0"
        if arm != "baseline":
            more = ("--start_from", str(start), "--synthetic_augmentation_percent", "1", *more)
        if arm == CORRECTED:
            more = ("--augmentation_type", "imitation_output", "--num_steps", "20", *more)
        where = ("--mini_dataset_dir", str(self.data), "--save_dir", str(self.folder / arm))
        return ["--preset", "smoke", "--workers", "1", "--device", "cpu", *where, *more]

    def arm(self, name: str) -> Path:
        if self.domain == "motion":
            return self.folder / name
        return self.folder / f"{name.removeprefix('synthetic_percent_100_')}_1.0"

    def start(self, arm: str, *more: str) -> Child:
        return self.nursery.start(self.line(arm, *more), self.folder / "log", self.domain)

    def finish(self, arm: str, *more: str) -> None:
        child = self.start(arm, *more)
        assert child.wait() == 0, child.log.read_text()

    def beside(self, folder: Path) -> Runs:
        """The same experiment elsewhere, with its generation 0 and its evaluator done."""
        # Without what arms share, so that drawing can be interrupted.
        left = {"drawn", *(self.arm(name).name for name in (CORRECTED, RAW))}
        shutil.copytree(
            self.folder, folder, dirs_exist_ok=True, ignore=lambda _, names: left & {*names}
        )
        return replace(self, folder=folder)

    def killed(self, arm: str, targets: Targets, unbroken: Runs) -> Counter[str]:
        """Kill once in each target stage, at a random moment; finish; count the kills by stage."""
        rng, kills = random.Random(8), Counter[str]()
        with (unbroken.arm(arm) / "times.csv").open() as file:  # of each stage, where quickest
            rows = sorted(csv.reader(file), key=lambda row: float(row[2]), reverse=True)
        seconds = {stage: float(took) for _, stage, took in rows}
        for generation, stage in targets:
            child = self.start(arm, "--num_generations", GENERATIONS)
            if wait_for_stage(child, self.arm(arm), generation, stage):
                time.sleep(rng.uniform(0, 0.7 * seconds[stage]))
            if child.alive():
                child.send(signal.SIGKILL)
            if child.wait() == -signal.SIGKILL:
                found = stage_in_progress(self.arm(arm))
                kills[found[1] if found else "between stages"] += 1
        self.finish(arm, "--num_generations", GENERATIONS)
        print(f"{self.domain} {arm}: {kills.total()} kills, {dict(kills)}")
        return kills


@pytest.fixture(scope="module")
def unbroken(motions: Path, nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Motion: generation 0 with the trained evaluator, and three generations of two arms."""
    runs = Runs("motion", tmp_path_factory.mktemp("runs"), motions, nursery)
    return _finished(runs)


def _finished(runs: Runs) -> Runs:
    runs.finish("baseline", "--num_generations", "0")
    for arm in (CORRECTED, RAW):
        runs.finish(arm, "--num_generations", GENERATIONS)
    return runs


@pytest.mark.parametrize(
    ("arm", "targets"),
    [
        (CORRECTED, [(1, "synthesise"), (1, "evaluate"), (2, "correct"), (3, "fit")]),
        (RAW, [(1, "fit"), (2, "evaluate")]),
    ],
    ids=["corrected", "raw"],
)
def test_killed_in_every_stage_every_file_is_the_same(
    arm: str, targets: Targets, unbroken: Runs, tmp_path: Path
) -> None:
    """Weights, motions and what the trained evaluator measures: no process saw all of the arm."""
    runs = unbroken.beside(tmp_path)
    assert runs.killed(arm, targets, unbroken).total() == len(targets)
    files, expected = results(runs.arm(arm)), results(unbroken.arm(arm))
    assert files == expected and sum("eval_dict.json" in name for name in files) == 4


@pytest.mark.slow
@pytest.mark.parametrize("domain", ["motion", "mnist"])
def test_killed_thirty_times_every_file_is_the_same(
    domain: str, digits: Path, nursery: Nursery, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Three kills in every stage of a corrected and a raw arm, in three generations; 42 in all."""
    if domain == "motion":
        unbroken: Runs = request.getfixturevalue("unbroken")
    else:
        (tmp_path / "unbroken").mkdir()
        unbroken = _finished(Runs("mnist", tmp_path / "unbroken", digits, nursery))
    kills = Counter[str]()
    for arm in (CORRECTED, RAW):
        runs = unbroken.beside(tmp_path / arm)
        stages = [stage for stage in STAGES if arm == CORRECTED or stage != "correct"]
        targets = [(generation, stage) for generation in (1, 2, 3) for stage in stages]
        kills += runs.killed(arm, targets, unbroken)
        assert results(runs.arm(arm)) == results(unbroken.arm(arm))
    assert kills.total() >= 18 and set(kills) >= set(STAGES), kills


@pytest.mark.parametrize("stage", STAGES)
def test_a_polite_request_ends_every_stage_in_order(
    unbroken: Runs, tmp_path: Path, stage: str
) -> None:
    runs = unbroken.beside(tmp_path)
    child = runs.start(CORRECTED, *(("--workers", "2") if stage == "correct" else ()))
    assert wait_for_stage(child, runs.arm(CORRECTED), 1, stage), child.log.read_text()
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
