"""What was run, read from folders that may be incomplete or damaged."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from loop.rundir.layout import TIMES
from loop.rundir.versions import VERSIONS
from tests.runs import begin_generation, evaluation_file, finish_generation, write_settings
from visualize.report.runs import (
    ShownArm,
    flatten,
    settings_html,
    shown_arms,
    split_settings,
    state_html,
    versions_html,
)

SETTINGS = {"seed": 1, "preset": {"generations": 50, "ratios": [0.5, 1.0]}, "faithful": False}


@pytest.fixture
def arm(tmp_path: Path) -> Path:
    """Generations 0, 1, 3 finished, 4 without its metrics, 5 in progress."""
    folder = tmp_path / "baseline"
    for generation in (0, 1, 3):
        finish_generation(folder, generation, {}, SETTINGS)
    evaluation_file(folder, 4)
    begin_generation(folder, 5, settings=SETTINGS)
    (folder / TIMES).write_text("1,fit,10.5\n2,fit,60\n2,evaluate,5\n3,fi")
    return folder


def state(folder: Path) -> ShownArm:
    (found,) = shown_arms([folder.parent])
    return found


def test_state_of_a_run_in_progress(arm: Path) -> None:
    found = state(arm)
    assert found.settings["preset.ratios"] == "0.5, 1.0" and found.settings["faithful"] == "no"
    assert found.versions["python"]
    html = state_html([found], [])
    for text in ("3 (0 to 1, 3)", "<td>50</td>", "<td>5</td>", "76 s", "fit 70 s, evaluate 5 s"):
        assert text in html
    assert "generation_4 has no" in html and "generation 5 has begun" in html


@pytest.mark.parametrize("content", ["{", "3", '["a"]'])
def test_a_damaged_file_is_a_fault_that_the_page_names(arm: Path, content: str) -> None:
    file = write_settings(arm, {})
    file.write_text(content)
    found = state(arm)
    assert found.settings == {} and str(file) in state_html([found], [])
    assert "not recorded" in settings_html([found])


def test_settings_that_differ_are_set_apart(arm: Path) -> None:
    first = state(arm)
    write_settings(arm, {"seed": 2, "preset": {"generations": 50}})
    common, differing = split_settings([first, state(arm)])
    assert common == {"preset.generations": "50"}
    assert differing == ["seed", "preset.ratios", "faithful"]
    html = settings_html([first, state(arm)])
    assert "Settings in which the arms differ" in html and "The 1 settings" in html


def test_versions_of_the_runs_and_of_the_report_stand_apart(arm: Path) -> None:
    path = arm / VERSIONS
    old = json.loads(path.read_text())[0] | {"python": "3.99.1"}
    path.write_text(json.dumps([old]))
    html = versions_html([state(arm)])
    assert "<td>3.99.1</td>" in html and "this report" in html and "packages.numpy" in html
    path.unlink()
    assert "Versions were not recorded in any arm" in versions_html([state(arm)])
    known = state(arm)
    record = replace(known.record, versions=[{"python": "3.99.1"}])
    known = replace(known, title="other", record=record)
    assert "Versions were not recorded in baseline" in versions_html([state(arm), known])


def test_flat_names_show_where_a_setting_stands() -> None:
    nested = {"a": {"b": {"c": 1}, "d": None}, "e": "x", "f": [True, 2.5]}
    assert flatten(nested) == {"a.b.c": "1", "a.d": "none", "e": "x", "f": "yes, 2.5"}
