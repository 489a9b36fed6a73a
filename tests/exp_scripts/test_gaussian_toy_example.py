from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

TINY = ["--generations", "5", "--seeds", "3"]


def run(repository: Path, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Type the documented command in an empty folder."""
    command = [
        sys.executable,
        str(repository / "exp_scripts" / "gaussian_toy_example.py"),
        *options,
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_the_documented_command_writes_figure_and_numbers(repository: Path, tmp_path: Path) -> None:
    done = run(repository, tmp_path, *TINY)
    assert done.returncode == 0, done.stderr
    out = tmp_path / "exp_outputs"
    names = {path.name for path in out.iterdir()}
    assert names == {f"gaussian_toy_example.{kind}" for kind in ("png", "pdf", "csv", "json")}
    assert len(list(csv.DictReader((out / "gaussian_toy_example.csv").open()))) == 8 * 6
    settings = json.loads((out / "gaussian_toy_example.json").read_text())["settings"]
    assert settings["mixing"] == "triangular" and settings["generations"] == 5
    # one line a file, nothing a generation
    assert done.stderr.count("wrote") == 4 and len(done.stderr.splitlines()) == 4


def test_options_reach_the_experiment(repository: Path, tmp_path: Path) -> None:
    options = "--gammas 0 0.5 inf --ratio 1 --n 20 --dimension 3 --mixing latest --seed 7"
    done = run(repository, tmp_path, *TINY, *options.split(), "--correction", "exact", "--out", "o")
    assert done.returncode == 0, done.stderr
    settings = json.loads((tmp_path / "o" / "gaussian_toy_example.json").read_text())["settings"]
    assert settings == {
        "gammas": [0.0, 0.5, "inf"],
        "ratio": 1.0,
        "n": 20,
        "dimension": 3,
        "generations": 5,
        "seeds": 3,
        "seed": 7,
        "mixing": "latest",
        "correction": "exact",
    }


def test_without_correction_all_strengths_are_one(repository: Path, tmp_path: Path) -> None:
    done = run(repository, tmp_path, *TINY, "--correction", "none")
    assert done.returncode == 0, done.stderr
    stored = json.loads((tmp_path / "exp_outputs" / "gaussian_toy_example.json").read_text())
    assert stored["settings"]["gammas"] == [0.0]


def test_the_map_is_drawn_on_request(repository: Path, tmp_path: Path) -> None:
    done = run(repository, tmp_path, *TINY, "--map")
    assert done.returncode == 0, done.stderr
    names = {path.name for path in (tmp_path / "exp_outputs").iterdir()}
    assert names == {f"gaussian_stability_map.{kind}" for kind in ("png", "pdf", "csv", "json")}


@pytest.mark.parametrize("options", [["--gammas", "-1"], ["--n", "1"], ["--ratio", "nan"]])
def test_impossible_options_end_in_one_clear_message(
    repository: Path, tmp_path: Path, options: list[str]
) -> None:
    done = run(repository, tmp_path, *TINY, *options)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr and "expected" in done.stderr
    assert not (tmp_path / "exp_outputs").exists()
