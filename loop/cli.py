"""The frame of every command: a log, errors in words, requests to end in peace."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import NoReturn

from loop.errors import ScscError
from loop.progress import setup_logging

logger = logging.getLogger("scsc")

FAILED, INTERRUPTED = 1, 130
REQUESTS = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
"""A polite kill, the terminal that goes away, the warning of a cluster before its time limit."""


@contextmanager
def command(interrupted: str = "stopped") -> Generator[None]:
    """Run the body of a command; exits 1 on an error of ours, 130 on Ctrl-C or one of REQUESTS.

    Args:
        interrupted: what to tell a user who stops the command.
    """
    setup_logging()
    try:
        with _requests_as_interrupts():
            yield
    except ScscError as error:
        logger.error("%s", error)
        sys.exit(FAILED)
    except KeyboardInterrupt:
        _leave(interrupted)
    except SystemError as error:
        # So Python words an interrupt in the middle of a compiled function, once a layer.
        cause: BaseException | None = error
        while isinstance(cause, SystemError):
            cause = cause.__cause__
        if not isinstance(cause, KeyboardInterrupt):
            raise
        _leave(interrupted)


def _leave(interrupted: str) -> NoReturn:
    logger.info("%s", interrupted)
    sys.exit(INTERRUPTED)


@contextmanager
def _requests_as_interrupts() -> Generator[None]:
    """Let a request to end put work away as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.getsignal(number) for number in REQUESTS}
    for number, handler in previous.items():
        # What somebody chose for us stays: nohup ignores SIGHUP.
        if number == signal.SIGTERM or handler == signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in previous.items():
            if handler is not None:  # None: not installed from Python
                signal.signal(number, handler)
