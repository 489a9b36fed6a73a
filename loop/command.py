"""The frame of every command: a log, errors in words instead of tracebacks, Ctrl-C in peace."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from loop.errors import ScscError
from loop.progress import setup_logging

logger = logging.getLogger("scsc")

FAILED, INTERRUPTED = 1, 130


@contextmanager
def command(interrupted: str = "stopped") -> Iterator[None]:
    """Run the body of a command; exits 1 on an error of ours, 130 on Ctrl-C.

    Args:
        interrupted: what to tell a user who stops the command.
    """
    setup_logging()
    try:
        yield
    except ScscError as error:
        logger.error("%s", error)
        sys.exit(FAILED)
    except KeyboardInterrupt:
        logger.info("%s", interrupted)
        sys.exit(INTERRUPTED)
