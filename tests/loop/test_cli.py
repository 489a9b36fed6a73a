from __future__ import annotations

import os
import signal
import time

import pytest

from loop.cli import FAILED, INTERRUPTED, command
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


def test_an_interrupt_in_a_compiled_function_is_one_too() -> None:
    with pytest.raises(SystemExit) as left, command():
        inner = SystemError("returned a result with an exception set")
        inner.__cause__ = KeyboardInterrupt()
        raise SystemError("returned a result with an exception set") from inner
    assert left.value.code == INTERRUPTED
    with pytest.raises(SystemError), command():
        raise SystemError("a bug") from ValueError()


def test_a_bug_stays_a_traceback() -> None:
    with pytest.raises(ZeroDivisionError), command():
        raise ZeroDivisionError


def test_as_a_decorator_it_keeps_the_command_line() -> None:
    import inspect

    @command()
    def main(size: int = 3) -> None:
        """Help."""

    assert list(inspect.signature(main).parameters) == ["size"] and main.__doc__ == "Help."


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_a_request_to_end_is_an_interrupt_and_the_old_handler_comes_back(number: int) -> None:
    outer = signal.signal(number, signal.SIG_DFL)  # whatever the tests themselves run under
    try:
        with pytest.raises(SystemExit) as left, command():
            os.kill(os.getpid(), number)
            time.sleep(1)
        assert left.value.code == INTERRUPTED
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, outer)


def test_under_nohup_the_terminal_may_go_away() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with command():
            os.kill(os.getpid(), signal.SIGHUP)
            time.sleep(0.1)
    finally:
        signal.signal(signal.SIGHUP, before)
