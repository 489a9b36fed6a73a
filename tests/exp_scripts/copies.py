"""The scripts in a folder of their own, with a Python that only notes what it is asked for."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path


def scripts_with(python: str, repository: Path, root: Path) -> Path:
    """Copy exp_scripts/ into `root`, whose virtual environment has the text `python` as Python."""
    shutil.copytree(repository / "exp_scripts", root / "exp_scripts")
    (root / "setup.sh").touch()
    (root / ".venv/bin").mkdir(parents=True)
    (root / ".venv/bin/python").write_text(python)
    (root / ".venv/bin/python").chmod(0o755)
    (root / ".venv/bin/activate").write_text(f"PATH={shlex.quote(str(root / '.venv/bin'))}:$PATH")
    (root / "results/uhc").mkdir(parents=True)
    return root
