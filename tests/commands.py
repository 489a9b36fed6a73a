"""Commands typed in a copy of the test's process, where what they import is there already.

A fresh interpreter takes two to four seconds of a core to import torch and its like. Each command
also has a test, or a help test, in an interpreter of its own.
"""

from __future__ import annotations

import logging
import os
import runpy
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import IO, NoReturn


def typed(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Do in `folder` what `python WORDS` does there; words are `-m MODULE ...` or `SCRIPT ...`.

    For commands that train no network: autograd may not survive the copy.
    """
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        pid = os.fork()
        if pid == 0:
            _become(folder, words, output, errors)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        for file in (output, errors):
            file.seek(0)
        return subprocess.CompletedProcess(words, status, output.read(), errors.read())


def _become(folder: Path, words: Sequence[str], output: IO[str], errors: IO[str]) -> NoReturn:
    """What the copy does instead of the tests."""
    status = 0
    try:
        sys.settrace(None)  # its coverage would be lost
        for descriptor, file in ((1, output), (2, errors)):
            os.dup2(file.fileno(), descriptor)
        sys.stdout, sys.stderr = output, errors
        logging.getLogger().handlers.clear()  # pytest's
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(1)  # OpenMP's threads were not copied
        os.chdir(folder)
        _execute(words)
    except SystemExit as error:
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:  # noqa: BLE001  (whatever it is, this process is a copy of pytest)
        traceback.print_exc()
        status = 1
    finally:
        output.flush()
        errors.flush()
        os._exit(status)


def _execute(words: Sequence[str]) -> None:
    if words[0] == "-m":
        sys.argv = list(words[1:])
        sys.path.insert(0, str(Path.cwd()))
        warnings.simplefilter("ignore", RuntimeWarning)  # runpy: is imported already
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = list(words)
        sys.path.insert(0, str(Path(words[0]).resolve().parent))
        runpy.run_path(words[0], run_name="__main__")
