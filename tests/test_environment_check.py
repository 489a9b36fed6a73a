"""`python test_environment.py`, the published check after set-up, and that set-up runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_a_sound_environment_is_ready(repository: Path) -> None:
    command = [sys.executable, "test_environment.py"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("ready: torch ")
    assert "python test_environment.py" in (repository / "setup.sh").read_text()


def test_one_without_packages_says_which(repository: Path) -> None:
    command = [sys.executable, "-S", "test_environment.py"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "mujoco" in done.stderr and "./setup.sh" in done.stderr
    assert "Traceback" not in done.stderr
