from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from loop.sweep.outcomes import Outcome, note
from loop.sweep.plan import Job, Plan
from loop.sweep.status import Progress, progress_of, time_left
from loop.sweep.status_table import duration, tables


class Arm:
    """Makes an arm's folder look as the loop leaves it."""

    def __init__(self, folder: Path, name: str, last: int, kind: str = "", after: str = "") -> None:
        self.job = Job(
            name, ["true"], folder / "logs" / f"{name}.log", after=(after,) * bool(after),
            run=folder / name, last=last, kind=kind,
        )  # fmt: skip
        self.run = folder / name
        self.run.mkdir(parents=True)

    def finished(self, *generations: int, seconds: str = "", stages: str = "fit evaluate") -> Arm:
        for generation in generations:
            made = self.run / f"generation_{generation}"
            made.mkdir()
            (made / "eval_dict.json").write_text("{}")
            for stage in stages.split() if seconds else ():
                self.row(f"{generation},{stage},{seconds}")
        return self

    def begun(self, generation: int, *stages: str) -> Arm:
        folder = self.run / f".work_{generation}" / "stages"
        folder.mkdir(parents=True)
        (self.run / f"generation_{generation}.partial").mkdir()
        for stage in stages:
            (folder / f"{stage}.json").write_text("{}")
        return self

    def row(self, text: str) -> Arm:
        with (self.run / "times.csv").open("a") as file:
            file.write(text + "\n")
        return self

    def outcome(self, state: str, status: int | None) -> Arm:
        record = Outcome(state, status, "elsewhere", 1, ["true"])  # type: ignore[arg-type]
        self.job.log.parent.mkdir(exist_ok=True)
        self.job.log.with_suffix(".json").write_text(json.dumps(record.__dict__))
        return self


def shown(*arms: Arm, slots: int = 2, times: bool = False) -> str:
    plan = Plan(arms[0].run.parent, tuple(arm.job for arm in arms))
    out = io.StringIO()
    rows = [progress_of(job) for job in plan.jobs]
    Console(file=out, width=200).print(tables(plan, rows, slots, times))
    return out.getvalue()


def test_done_in_progress_and_waiting(tmp_path: Path) -> None:
    start = Arm(tmp_path, "generation_0", 0).finished(0, seconds="5")
    first = Arm(tmp_path, "first", 4, after="generation_0").finished(0, 1, seconds="2")
    first.begun(2, "fit").outcome("running", None)
    late = Arm(tmp_path, "late", 4, after="generation_0")
    text = shown(start, first, late)
    row = next(line for line in text.splitlines() if line.startswith("first "))
    assert "##>.." in row and "2/5" in row and "running: generation 2, evaluate" in row
    assert "....." in text and "waiting" in text


@pytest.mark.parametrize(
    ("stages", "generation", "expected"),
    [
        ((), 0, "fit"),
        (("fit",), 0, "evaluate"),
        ((), 1, "synthesise"),
        (("synthesise",), 1, "correct"),
        (("synthesise", "correct"), 1, "fit"),
        (("fit",), 1, "evaluate"),
        (("synthesise", "correct", "fit", "evaluate"), 1, "commit"),
    ],
)
def test_the_stage_is_the_first_unfinished_one(
    tmp_path: Path, stages: tuple[str, ...], generation: int, expected: str
) -> None:
    arm = Arm(tmp_path, "arm", 4).finished(*range(generation)).begun(generation, *stages)
    assert progress_of(arm.job).stage == expected


def test_a_baseline_is_known_by_its_earlier_generations(tmp_path: Path) -> None:
    arm = Arm(tmp_path, "arm", 4).finished(0, 1, seconds="1").begun(2)
    assert progress_of(arm.job).stage == "fit"


def test_the_estimate_follows_the_plan(tmp_path: Path) -> None:
    """Two slots: 3 generations of 10 s beside 2 of 20 s and, in the slot that is free first, 4."""
    start = Arm(tmp_path, "g", 0).finished(0, seconds="7")
    one = Arm(tmp_path, "one", 4, "a", after="g").finished(0, 1, seconds="5")
    two = Arm(tmp_path, "two", 4, "b", after="g").finished(0, 1, 2, seconds="10")
    three = Arm(tmp_path, "three", 3, "a", after="g")
    plan = Plan(tmp_path, (start.job, one.job, two.job, three.job))
    rows = [progress_of(job) for job in plan.jobs]
    assert time_left(plan, rows, 2) == pytest.approx(30 + 40)
    assert time_left(plan, rows, 3) == pytest.approx(40)
    assert time_left(plan, rows, 1) == pytest.approx(30 + 40 + 40)
    two.begun(3, "fit").row("3,fit,12")
    rows = [progress_of(job) for job in plan.jobs]
    assert time_left(plan, rows, 1) == pytest.approx(30 + 28 + 40)


def test_nothing_is_negative_whatever_the_clock_did(tmp_path: Path) -> None:
    arm = Arm(tmp_path, "arm", 2).finished(0, 1)
    for text in (
        "1,fit,-86400",
        "1,evaluate,nan",
        "generation,stage,seconds",
        "1,fit",
        "",
        "2,fit,99",
    ):
        arm.row(text)
    arm.begun(2, "fit")
    row = progress_of(arm.job)
    assert row.pace is None and row.left(5.0) == 0.0
    assert "-" not in shown(arm).replace("------", "")


def test_a_failure_is_told_with_its_log_and_a_killed_attempt_is_stopped(tmp_path: Path) -> None:
    bad = Arm(tmp_path, "bad", 2).finished(0).begun(1).outcome("failed", 3)
    text = shown(bad, Arm(tmp_path, "arm", 2).finished(0))
    assert f"bad failed (exit status 3); its log is {bad.job.log}" in text
    assert "failed: generation 1" in text and "time left: unknown" in text


def test_an_arm_started_by_hand_has_no_record_and_is_read_all_the_same(tmp_path: Path) -> None:
    arm = Arm(tmp_path, "arm", 2).finished(0).begun(1)
    assert "begun: generation 1, synthesise" in shown(arm)


def test_a_finished_sweep_says_where_to_look(tmp_path: Path) -> None:
    arm = Arm(tmp_path, "arm", 1).finished(0, 1, seconds="0.5").outcome("finished", 0)
    text = shown(arm, times=True)
    assert f"finished; look at {tmp_path}" in text.replace("\n", "")
    assert "seconds of each generation" in text and "1.0" in text.splitlines()[-3]
    longer = Job("arm", ["true"], arm.job.log, run=arm.run, last=3)
    assert progress_of(longer).state == "waiting"


def test_a_job_that_is_no_arm_is_done_when_it_says_so(tmp_path: Path) -> None:
    import subprocess

    job = Job("graphs", ["true"], tmp_path / "logs" / "graphs.log")
    assert progress_of(job) == Progress(job)
    process = subprocess.Popen(["true"])
    note(job, process, process.wait())
    assert progress_of(job).finished


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "?"),
        (7.26, "7.3 s"),
        (725, "12 min 05 s"),
        (3599.7, "1 h 00 min"),
        (12000, "3 h 20 min"),
        (187200, "2 d 04 h"),
    ],
)
def test_durations_read_well(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text
