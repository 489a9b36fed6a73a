"""Commands as a user types them, in a copy of the test's process."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import commands

Typed = Callable[..., str]


@pytest.fixture
def typed(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """typed(line, status=0): what a Python command says that is typed in the present folder."""
    monkeypatch.syspath_prepend(str(repository))
    monkeypatch.setenv("PYTHONPATH", str(repository))

    def typed(line: str, status: int = 0) -> str:
        python, first, *words = shlex.split(line)
        assert python == "python", line
        first = first if first == "-m" else str(repository / first)
        done = commands.typed(Path.cwd(), first, *words)
        said = done.stdout + done.stderr
        assert done.returncode == status, said
        return said

    return typed
