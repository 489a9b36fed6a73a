"""Progress of long work: a bar on a terminal, sparse lines in a log."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Collection, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

LOG_INTERVAL_S = 15.0
LINES_VARIABLE = "SCSC_PROGRESS_LINES"
"""Environment variable that asks for lines also on a terminal."""
logger = logging.getLogger("scsc")


def setup_logging(level: int = logging.INFO) -> None:
    """Send the log of a command to standard error; call it in `main` only."""
    logging.basicConfig(level=level, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    for chatty in ("fontTools", "httpx", "matplotlib", "numba", "transformers", "imageio_ffmpeg"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def track(
    items: Iterable[Item], description: str, total: int | None = None, done: int = 0
) -> Iterator[Item]:
    """Yield `items` while showing how far they are.

    Args:
        items: the work that is left.
        description: what is being done.
        total: how much work there is in all; by default `done` plus the length of `items`.
        done: how much of `total` an earlier, interrupted run did already.
    """
    if total is None and isinstance(items, Collection):
        total = done + len(items)
    if sys.stderr.isatty() and LINES_VARIABLE not in os.environ:
        yield from _bar(items, description, total, done)
    else:
        yield from _lines(items, description, total, done)


def _bar(items: Iterable[Item], description: str, total: int | None, done: int) -> Iterator[Item]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(description, total=total, completed=done)
        for item in items:
            yield item
            progress.advance(task)


def _lines(items: Iterable[Item], description: str, total: int | None, done: int) -> Iterator[Item]:
    last = time.monotonic()
    for number, item in enumerate(items, start=done + 1):
        yield item
        now = time.monotonic()
        if now - last >= LOG_INTERVAL_S:
            logger.info("%s: %d of %s", description, number, total if total is not None else "?")
            last = now
