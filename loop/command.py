"""The frame of every command: a log, errors in words, Ctrl-C (and SIGTERM) in peace."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from loop.errors import ScscError
from loop.progress import setup_logging

logger = logging.getLogger("scsc")

FAILED, INTERRUPTED = 1, 130


@contextmanager
def command(interrupted: str = "stopped") -> Iterator[None]:
    """Run the body of a command; exits 1 on an error of ours, 130 on Ctrl-C or SIGTERM.

    Args:
        interrupted: what to tell a user who stops the command.
    """
    setup_logging()
    try:
        with _sigterm_as_interrupt():
            yield
    except ScscError as error:
        logger.error("%s", error)
        sys.exit(FAILED)
    except KeyboardInterrupt:
        logger.info("%s", interrupted)
        sys.exit(INTERRUPTED)


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """Let a polite kill (a cluster's time limit) put work away as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
