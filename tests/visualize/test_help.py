"""Commands show their help, and draw graphs, whatever backend the user's shell names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

NONSENSE = {"MPLBACKEND": "nonsense", "MUJOCO_GL": "nonsense", "DISPLAY": ""}
HELP = """
import runpy, sys
command = sys.argv[1]
sys.argv = [command, "--help"]
try:
    runpy.run_path(command, run_name="__main__")
except SystemExit as leave:
    assert not leave.code, leave.code
heavy = {"torch", "mujoco", "matplotlib", "numba"} & set(sys.modules)
assert not heavy, heavy
"""


@pytest.mark.parametrize(
    "command",
    [
        "visualize/report/__main__.py", "visualize/visualizer.py", "visualize/table.py",
        "visualize/grid.py", "visualize/before_after.py", "visualize/side_by_side.py",
        "visualize/curves/graphs.py", "sample/generate.py", "sample/checkpoint_visual_sampler.py",
        "exp_scripts/generate_graphs.py", "exp_scripts/mnist/generate_graphs.py",
        "exp_scripts/mnist/evidence.py", "exp_scripts/prep_for_visualization.py",
    ],
)  # fmt: skip
def test_help_needs_no_network_simulator_or_backend(command: str, repository: Path) -> None:
    environment = os.environ | NONSENSE | {"PYTHONPATH": str(repository)}
    call = [sys.executable, "-c", HELP, command]
    shown = subprocess.run(call, cwd=repository, env=environment, capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr
    assert "usage:" in shown.stdout


def test_graphs_need_no_backend(runs, repository: Path) -> None:
    runs.fill("baseline", 1)
    call = [sys.executable, "-m", "visualize.curves.graphs", str(runs.folder)]
    subprocess.run(call, cwd=repository, env=os.environ | NONSENSE, check=True)
    assert (runs.folder / "graphs" / "0064_000_iterative_finetuning_graphs.png").is_file()
