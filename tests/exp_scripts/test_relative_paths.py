"""Paths and names that are typed in another folder than the project's, to scripts that go there."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.exp_scripts.copies import scripts_with

RECORD = """#!/bin/sh
printf '%s\\n' "$@" >> "$RECORD"
while [ $# -gt 1 ]; do
  if [ "$1" = --out ]; then mkdir -p "$(dirname "$2")"; touch "$2"; fi
  shift
done
"""


@pytest.fixture
def project(repository: Path, tmp_path: Path) -> Path:
    """The scripts, with a Python that notes what it is asked for."""
    return scripts_with(RECORD, repository, tmp_path / "project")


def run(project: Path, folder: Path, script: str, *words: str) -> tuple[str, list[str]]:
    """What a script said that was typed in `folder`, and the words that Python was given."""
    record = project / "record"
    done = subprocess.run(
        ["bash", script, *words],
        cwd=folder,
        env={**os.environ, "RECORD": str(record)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, record.read_text().splitlines() if record.exists() else []


CASES = [  # the script, what is typed, the option before the paths in the words of Python
    ("motion_evidence.sh", ["some takes"], "--bvh_dir"),
    ("motion_evidence.sh", ["../typed here/some takes", "--tenth"], "--bvh_dir"),
    ("correction_evidence.sh", ["some takes"], "--bvh_dir"),
    ("correction_evidence.sh", ["some takes", "--again", "--workers", "1"], "--bvh_dir"),
    ("train_uhc.sh", ["some takes", "./some takes"], "--motions"),
    ("mnist/evidence.sh", ["--", "--data_dir", "some takes"], "--data_dir"),
]


@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize(("script", "typed", "option"), CASES)
def test_a_path_is_looked_for_where_it_was_typed(
    project: Path, tmp_path: Path, script: str, typed: list[str], option: str, absolute: bool
) -> None:
    here = tmp_path / "typed here"
    (here / "some takes").mkdir(parents=True)
    words = [str(here / word) if absolute and "takes" in word else word for word in typed]
    given = run(project, here, str(project / "exp_scripts" / script), *words)[1]
    places = [place for place in given if "some takes" in place]
    assert given[given.index(option) + 1] == places[0]
    assert len(places) >= sum("some takes" in word for word in words)
    assert all((project / place).samefile(here / "some takes") for place in places), places
    assert all(word in given for word in words if word.startswith("--w"))


@pytest.mark.parametrize(
    "script", ["motion_evidence.sh", "correction_evidence.sh", "train_uhc.sh", "quickstart.sh"]
)
def test_help_is_found_from_the_folder_of_the_script(project: Path, script: str) -> None:
    said, given = run(project, project / "exp_scripts", script, "--help")
    assert len(said.splitlines()) > 3 and not given
