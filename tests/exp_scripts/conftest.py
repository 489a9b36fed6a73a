"""Commands typed inside the process of a test, which spares the seconds of every import."""

from __future__ import annotations

import os
import runpy
import shlex
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

Typed = Callable[..., str]


@pytest.fixture
def typed(repository: Path, monkeypatch: pytest.MonkeyPatch, capfd, caplog) -> Typed:
    """typed(line, status=0): what a Python command says that is typed in the present folder."""
    monkeypatch.syspath_prepend(str(repository))
    monkeypatch.setenv("PYTHONPATH", str(repository))

    def typed(line: str, status: int = 0) -> str:
        python, *words = shlex.split(line)
        assert python == "python", line
        here = Path.cwd()
        caplog.clear()
        caplog.set_level("INFO", "scsc")
        with monkeypatch.context() as patch, warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # runpy: is imported already
            try:
                if words[0] == "-m":
                    patch.setattr(sys, "argv", words[1:])
                    runpy.run_module(words[1], run_name="__main__", alter_sys=True)
                else:
                    patch.setattr(sys, "argv", words)
                    runpy.run_path(str(repository / words[0]), run_name="__main__")
                code: object = 0
            except SystemExit as left:
                code = left.code or 0
            finally:
                os.chdir(here)  # the scripts go to the project's folder
        out, err = capfd.readouterr()
        said = f"{out}{err}{caplog.text}{code if isinstance(code, str) else ''}"
        assert (1 if isinstance(code, str) else code) == status, said
        return said

    return typed
