"""The two scripts that run whole experiments, from any folder."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest


def typed(repository: Path, folder: Path, script: str, *words: str) -> str:
    if not (repository / ".venv" / "bin" / "activate").is_file():
        pytest.skip("SKIPPED LOUDLY: the scripts need the virtual environment of setup.sh")
    line = ["bash", str(repository / "exp_scripts" / script), *words]
    found = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=True, timeout=60)
    return found.stdout


def test_run_all_plans_every_arm_of_a_published_size(repository: Path, tmp_path: Path) -> None:
    plan = typed(repository, tmp_path, "run_all.sh", "2794", "--dry-run", "--", "--faithful")
    assert plan.count("--faithful") == 1 + 11
    assert plan.count("--save_dir exp_outputs/dataset_2794/synthetic_percent_05_") == 2
    assert plan.splitlines()[-1].endswith(
        "-m visualize.curves.graphs exp_outputs/dataset_2794 --out exp_outputs/dataset_2794/graphs"
    )


def test_slurm_explains_itself(repository: Path, tmp_path: Path) -> None:
    for words in ((), ("--help",)):
        text = typed(repository, tmp_path, "slurm.sh", *words)
        assert "bash exp_scripts/slurm.sh DATASET" in text and "SBATCH" not in text
