"""Commands show their help, and draw graphs, whatever backend the user's shell names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

NONSENSE = {"MPLBACKEND": "nonsense", "MUJOCO_GL": "nonsense", "DISPLAY": ""}
NOTEBOOK = {"MPLBACKEND": "module://matplotlib_inline.backend_inline", "MUJOCO_GL": "osmesa"}
LIGHT = [
    "visualize/report/__main__.py", "visualize/visualizer.py", "visualize/table.py",
    "visualize/grid.py", "visualize/before_after.py",
    "visualize/curves/graphs.py", "sample/generate.py", "sample/checkpoint_visual_sampler.py",
    "exp_scripts/generate_graphs.py", "exp_scripts/mnist/generate_graphs.py",
    "exp_scripts/mnist/evidence.py", "exp_scripts/prep_for_visualization.py",
    "exp_scripts/gaussian_toy_example.py", "train/train_uhc.py", "uhc/evaluate.py",
]  # fmt: skip
"""Commands whose help does not even wait for torch; a change that adds to them is welcome."""
HELP = """
import contextlib, io, runpy, sys
heavy, faults = {"mujoco", "matplotlib", "numba", "torch"}, []
first, *names = sys.argv[1:]
for command in names:
    heavy -= {"torch"} if command == first else set()
    sys.argv, said, code = [command, "--help"], io.StringIO(), 0
    try:
        with contextlib.redirect_stdout(said):
            runpy.run_path(command, run_name="__main__")
    except SystemExit as leave:
        code = leave.code
    except BaseException as error:
        code = repr(error)
    imported = heavy & set(sys.modules)
    heavy -= imported
    if code or imported or not said.getvalue():
        faults.append(f"{command}: {code} {imported or ''} {said.getvalue()[:200]}")
    print(command)
sys.exit("\\n".join(faults) or 0)
"""


def commands(repository: Path) -> list[str]:
    """Every file of the product that can be run, but the process that a parent talks to."""
    rooms = {path.parent for path in repository.glob("*/__init__.py")} - {repository / "tests"}
    rooms |= {repository / name for name in ("exp_scripts", "benchmarks", "docs")}
    found = [
        str(path.relative_to(repository))
        for room in rooms
        for path in room.rglob("*.py")
        if '__name__ == "__main__"' in path.read_text() or path.name == "__main__.py"
    ]
    return sorted(set(found) - {"uhc/workers.py"})


@pytest.mark.parametrize("environment", [{}, NONSENSE, NOTEBOOK], ids=["empty", "nonsense", "16"])
def test_help_needs_no_simulator_or_backend(environment: dict[str, str], repository: Path) -> None:
    """In an empty environment, and in those that other programs leave (case 16)."""
    others = sorted(set(commands(repository)) - set(LIGHT))
    assert len(others) > 30 and set(LIGHT) < set(commands(repository))
    names = LIGHT + (others if environment is not NONSENSE else [])
    call = [sys.executable, "-c", HELP, others[0], *names]
    environment = environment | {"PYTHONPATH": str(repository), "PATH": os.defpath}
    shown = subprocess.run(call, cwd=repository, env=environment, capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.splitlines() == names


def scripts(repository: Path) -> list[str]:
    """Every bash command; those of the sizes are alike."""
    parts, alike = ("common.sh", "environment.sh", "arm.sh"), ("0128", "0256", "2794")
    found = [*repository.glob("*.sh"), *repository.glob("prepare/*.sh")]
    found += repository.glob("exp_scripts/**/*.sh")
    chosen = [f for f in found if f.name not in parts and not f.parent.name.endswith(alike)]
    return sorted(str(path.relative_to(repository)) for path in chosen)


def test_help_of_scripts_does_nothing_else(repository: Path) -> None:
    """No installation, no run; in an empty environment."""
    assert len(scripts(repository)) > 20
    for script in scripts(repository):
        call = ["bash", script, "--help"]
        shown = subprocess.run(
            call, cwd=repository, env={"PATH": os.defpath}, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        assert shown.returncode == 0 and not shown.stderr, (script, shown.stderr)
        assert len(shown.stdout) > 80 and "installing" not in shown.stdout, script


def test_graphs_need_no_backend(runs, repository: Path) -> None:
    runs.fill("baseline", 1)
    call = [sys.executable, "-m", "visualize.curves.graphs", str(runs.folder)]
    subprocess.run(call, cwd=repository, env=os.environ | NONSENSE, check=True)
    assert (runs.folder / "graphs" / "0064_000_iterative_finetuning_graphs.png").is_file()
