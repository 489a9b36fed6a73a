from __future__ import annotations

import os
import signal
import time

import pytest

from loop.command import FAILED, INTERRUPTED, command
from loop.errors import MissingAssetError


def test_an_error_of_ours_becomes_words_and_an_exit_status(caplog) -> None:
    with pytest.raises(SystemExit) as left, command():
        raise MissingAssetError("no clip", path="a.npy", remedy="make it")
    assert left.value.code == FAILED
    assert "a.npy" in caplog.text and "make it" in caplog.text


def test_ctrl_c_is_told_and_not_an_error(caplog) -> None:
    with pytest.raises(SystemExit) as left, command("stopped, all is kept"):
        raise KeyboardInterrupt
    assert left.value.code == INTERRUPTED
    with caplog.at_level("INFO"), pytest.raises(SystemExit), command("stopped, all is kept"):
        raise KeyboardInterrupt
    assert "all is kept" in caplog.text


def test_a_bug_stays_a_traceback() -> None:
    with pytest.raises(ZeroDivisionError), command():
        raise ZeroDivisionError


def test_as_a_decorator_it_keeps_the_command_line() -> None:
    import inspect

    @command()
    def main(size: int = 3) -> None:
        """Help."""

    assert list(inspect.signature(main).parameters) == ["size"] and main.__doc__ == "Help."


def test_a_polite_kill_is_an_interrupt_and_the_old_handler_comes_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as left, command():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(1)
    assert left.value.code == INTERRUPTED
    assert signal.getsignal(signal.SIGTERM) == before
