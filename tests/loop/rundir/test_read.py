"""What the reader says about a run directory, at rest and in progress."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from loop.cycle import run_generations
from loop.errors import CorruptFileError
from loop.interfaces import Metrics
from loop.rundir.directory import RunDirectory
from loop.rundir.layout import (
    BASELINE,
    FINETUNING,
    NUMBERED,
    TIMES,
    WITH_CORRECTION,
    Layout,
    numbered_arm,
    parse_arm,
)
from loop.rundir.read import arm_containing, find_arms, newest, read_arm
from tests.loop.folders import SETTINGS
from tests.loop.toy import MeanModel, toy_domain
from tests.runs import begin_generation, evaluation_file, finish_generation, write_settings


@pytest.mark.parametrize(
    ("folder", "kind", "digits", "percent", "layout"),
    [
        ("baseline", BASELINE, "", 0, Layout()),
        ("synthetic_percent_025_iterative_finetuning", FINETUNING, "025", 25, Layout()),
        (f"synthetic_percent_05_{WITH_CORRECTION}", WITH_CORRECTION, "05", 5, Layout()),
        ("synthetic_percent_100_iterative_finetuning_x", f"{FINETUNING}_x", "100", 100, Layout()),
        ("baseline_0.2", BASELINE, "", 0, NUMBERED),
        (numbered_arm(FINETUNING, 1.5), FINETUNING, "1.5", 150, NUMBERED),
        (numbered_arm(WITH_CORRECTION, 1), WITH_CORRECTION, "1", 100, NUMBERED),
    ],
)
def test_names_of_arms(folder: str, kind: str, digits: str, percent: int, layout: Layout) -> None:
    name = parse_arm(folder)
    assert name is not None
    assert (name.kind, name.digits, name.percent, name.layout) == (kind, digits, percent, layout)
    assert parse_arm(name.of_kind(FINETUNING)) is not None or kind == BASELINE


@pytest.mark.parametrize("folder", ["graphs", "generation_0", "baseline_copy", FINETUNING, ""])
def test_other_folders_are_no_arms(folder: str) -> None:
    assert parse_arm(folder) is None


def test_a_run_of_the_loop_reads_back(tmp_path: Path) -> None:
    with RunDirectory(tmp_path / "baseline", {"seed": 3}) as run:
        told: list[Metrics] = []
        domain = toy_domain(MeanModel())
        run_generations(domain, SETTINGS, run, lambda _, metrics: told.append(metrics))
    arm = read_arm(tmp_path / "baseline")
    assert arm.settings == {"seed": 3} and arm.versions[0]["first_generation"] == 0
    assert arm.generations == (0, 1, 2) and arm.last == 2
    assert arm.current is None and arm.faults == ()
    assert [arm.metrics(g) for g in arm.generations] == told
    assert set(arm.seconds[1]) == {"synthesise", "correct", "fit", "evaluate"}


def test_a_generation_in_progress(tmp_path: Path) -> None:
    arm = tmp_path / "iterative_finetuning_1.0"
    finish_generation(arm, 0, {"FID": 1.0})
    begin_generation(arm, 1, "synthesise", "correct")
    found = read_arm(arm)
    assert (found.generations, found.current) == ((0,), 1)
    assert found.stages == {"synthesise", "correct"} and set(found.seconds[1]) == found.stages
    assert found.generation(1).name == "01"
    assert read_arm(tmp_path / "nowhere").generations == ()


def test_damage_is_a_fault_and_repeated_stages_count_once(tmp_path: Path) -> None:
    arm = tmp_path / "baseline"
    finish_generation(arm, 0, {"FID": 1.0})
    (arm / Layout().name(3)).mkdir()
    write_settings(arm, ["no settings"])
    (arm / TIMES).write_text("head\n1,fit,5\n1,fit,7\n1,evaluate,-2\n2,fit,nan\n2,fi")
    found = read_arm(arm)
    assert found.settings == {} and found.seconds == {1: {"fit": 7.0}}
    assert len(found.faults) == 2 and found.generations == (0,)


def test_arms_are_found_in_order_and_the_newest_generation(tmp_path: Path) -> None:
    names = ["baseline", "synthetic_percent_050_iterative_finetuning"]
    names += [f"synthetic_percent_050_{WITH_CORRECTION}", f"synthetic_percent_100_{FINETUNING}"]
    for name in reversed(names):
        finish_generation(tmp_path / name, 0, {"FID": 1.0})
    (tmp_path / "graphs").mkdir()
    arms = find_arms(tmp_path)
    assert [arm.folder.name for arm in arms] == names
    file = evaluation_file(tmp_path / names[2], 0)
    os.utime(file, (2e9, 2e9))
    assert newest(arms) == (arms[2], 0) and newest([]) is None
    assert arm_containing(file) == (tmp_path / names[2]).resolve()


@pytest.mark.parametrize("text", ["[1]", "{}", '{"m.pt": 3}', '{"m.pt": {"FID": NaN}}', '{"m'])
def test_metrics_that_are_none_are_refused(tmp_path: Path, text: str) -> None:
    evaluation_file(tmp_path / "baseline", 0).write_text(text)
    with pytest.raises(CorruptFileError):
        read_arm(tmp_path / "baseline").metrics(0)


@pytest.mark.parametrize("bounds", ["[]", "[1]", "[1, 2, 3]"])
def test_an_interval_has_two_bounds(tmp_path: Path, bounds: str) -> None:
    text = f'{{"m.pt": {{"FID": 2, "FID interval": {bounds}}}}}'
    evaluation_file(tmp_path / "baseline", 0).write_text(text)
    with pytest.raises(CorruptFileError, match="FID interval") as damaged:
        read_arm(tmp_path / "baseline").metrics(0)
    assert damaged.value.expected == "[low, high]"
