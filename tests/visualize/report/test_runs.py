"""What was run, read from folders that may be incomplete or damaged."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from loop.rundir.layout import Layout
from loop.rundir.versions import record_versions
from visualize.report.runs import (
    ArmState,
    flatten,
    read_arm,
    settings_section,
    split_settings,
    state_section,
    versions_section,
)


@pytest.fixture
def arm(tmp_path: Path) -> Path:
    folder = tmp_path / "baseline"
    for generation in (0, 1, 3):
        (folder / f"generation_{generation}").mkdir(parents=True)
        (folder / f"generation_{generation}" / "eval_dict.json").write_text("{}")
    (folder / "generation_4").mkdir()  # copied without its metrics
    (folder / "generation_5.partial").mkdir()
    (folder / "times.csv").write_text("1,fit,10.5\n2,fit,60\n2,evaluate,5\n3,fi")
    settings = {"seed": 1, "preset": {"generations": 50, "ratios": [0.5, 1.0]}, "faithful": False}
    (folder / "args.json").write_text(json.dumps(settings))
    record_versions(folder, 0)
    return folder


def state(folder: Path) -> ArmState:
    return read_arm(folder, Layout(), "baseline")


def test_state_of_a_run_in_progress(arm: Path) -> None:
    found = state(arm)
    assert found.generations == (0, 1, 3) and found.unfinished == 5
    assert found.seconds == {"fit": 70.5, "evaluate": 5.0}  # the cut line is left out
    assert found.settings["preset.ratios"] == "0.5, 1.0" and found.settings["faithful"] == "no"
    assert found.versions["python"] and found.faults == ()
    html = state_section([found], [])
    for text in ("3 (0 to 1, 3)", "<td>50</td>", "<td>5</td>", "76 s", "fit 70 s, evaluate 5 s"):
        assert text in html


@pytest.mark.parametrize("content", ["{", "3", '["a"]'])
def test_a_damaged_file_is_a_fault_that_the_page_names(arm: Path, content: str) -> None:
    (arm / "args.json").write_text(content)
    found = state(arm)
    assert found.settings == {} and len(found.faults) == 1
    assert str(arm / "args.json") in state_section([found], [])
    assert "not recorded" in settings_section([found])


def test_settings_that_differ_are_set_apart(arm: Path) -> None:
    first = state(arm)
    (arm / "args.json").write_text(json.dumps({"seed": 2, "preset": {"generations": 50}}))
    common, differing = split_settings([first, state(arm)])
    assert common == {"preset.generations": "50"}
    assert differing == ["seed", "preset.ratios", "faithful"]
    html = settings_section([first, state(arm)])
    assert "Settings in which the arms differ" in html and "The 1 settings" in html


def test_versions_of_the_runs_and_of_the_report_stand_apart(arm: Path) -> None:
    path = arm / "versions.json"
    old = json.loads(path.read_text())[0] | {"python": "3.99.1"}
    path.write_text(json.dumps([old]))
    html = versions_section([state(arm)])
    assert "<td>3.99.1</td>" in html and "this report" in html and "packages.numpy" in html
    path.unlink()
    assert "No versions.json in any arm" in versions_section([state(arm)])
    known = replace(state(arm), name="other", versions={"python": "3.99.1"})
    assert "No versions.json in baseline" in versions_section([state(arm), known])


def test_flat_names_show_where_a_setting_stands() -> None:
    nested = {"a": {"b": {"c": 1}, "d": None}, "e": "x", "f": [True, 2.5]}
    assert flatten(nested) == {"a.b.c": "1", "a.d": "none", "e": "x", "f": "yes, 2.5"}
