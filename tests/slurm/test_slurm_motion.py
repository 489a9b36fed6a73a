"""The motion experiment itself on a real Slurm, as small as it goes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.domains.motion.arms import small_demo

CORRECTED = "synthetic_percent_100_iterative_finetuning_with_correction"


def project(folder: Path, source: Path) -> Path:
    """A folder with a dataset/demo of 12 windows to train on and 32 to test on."""
    small_demo(source, folder / "dataset" / "demo", windows=12)
    return folder


@pytest.mark.slow
def test_motion_interrupted_on_slurm_ends_with_the_bytes_of_an_unbroken_run_here(
    slurm: Path, tmp_path: Path, repository: Path, deepmimic_source: Path
) -> None:
    """On one core in both cases: another number of threads rounds differently."""
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    sweep = [sys.executable, "-m", "loop.sweep", "run", "demo", "--preset", "smoke"]
    sweep += ["--generations", "1"]
    asked = ["--cluster", "slurm", "--gpus", "0", "--cpus", "1", "--memory_gb", "1"]
    there = project(tmp_path / "there", deepmimic_source)
    submitted = subprocess.run(
        [*sweep, *asked, "--hours", "1"], cwd=there, env=environment, text=True,
        capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    arm = re.search(rf"{CORRECTED}: Slurm job (\w+)", submitted.stderr)
    assert arm
    runs = there / "exp_outputs" / "dataset_demo"
    wait_for(runs / CORRECTED / ".work_1" / "stages" / "synthesise.json", 900)
    subprocess.run(["scancel", "--signal=USR2", arm[1]], check=True, timeout=60)
    here = project(tmp_path / "here", deepmimic_source)
    subprocess.run(
        ["taskset", "--cpu-list", "0", *sweep], cwd=here, env=environment, check=True, timeout=1800
    )
    wait_for(runs / "graphs" / "demo_100_iterative_finetuning_graphs.png", 1800)
    assert (runs / "logs" / f"{CORRECTED}.log").read_text().count("\n--- ") == 1
    expected, found = content(here), content(there)
    assert len(expected) > 40 and found.keys() == expected.keys()
    assert [name for name in expected if found[name] != expected[name]] == []


def wait_for(path: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline, f"no {path} within {seconds} s"
        time.sleep(0.2)


def content(folder: Path) -> dict[str, bytes]:
    """All files of all generations."""
    runs = folder / "exp_outputs" / "dataset_demo"
    files = sorted(path for path in runs.glob("*/generation_*/**/*") if path.is_file())
    return {str(path.relative_to(runs)): path.read_bytes() for path in files}
