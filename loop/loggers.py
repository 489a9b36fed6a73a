"""Optional copies of the metrics, for TensorBoard and Weights & Biases.

The run directory is the truth: a logger is filled from it whenever a run starts, and may be thrown
away. What a logger does wrong (no network, a full quota) is said in the log and changes nothing.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import shutil
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol

from loop.errors import MissingAssetError
from loop.interfaces import RESAMPLES, Metrics
from loop.rundir.directory import RunDirectory
from loop.rundir.layout import read_metrics
from loop.rundir.read import read_settings

logger = logging.getLogger("scsc.loop")

LoggerName = Literal["tensorboard", "wandb"]
Report = Callable[[int, Metrics], None]
_INSTALL = {"tensorboard": "pip install tensorboard", "wandb": "pip install -e '.[wandb]'"}


class Logger(Protocol):
    """Takes numbers of a generation, by name."""

    def record(self, generation: int, numbers: Mapping[str, float]) -> None: ...

    def close(self) -> None: ...


class TensorBoard:
    """Event files in `tensorboard/` of the arm; those of an earlier start are replaced."""

    def __init__(self, arm: Path) -> None:
        from tensorboard.summary import Writer  # pyright: ignore[reportMissingTypeStubs]

        folder = arm / "tensorboard"
        if folder.exists():
            shutil.rmtree(folder)
        self._writer: Any = Writer(str(folder))

    def record(self, generation: int, numbers: Mapping[str, float]) -> None:
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, generation)
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


class WeightsAndBiases:
    """A run of Weights & Biases, the same one whenever the arm goes on.

    wandb's own environment variables (WANDB_PROJECT, WANDB_MODE, ...) hold; without an account on
    this machine it stays offline, in `wandb/` of the arm, and `wandb sync` sends it later.
    """

    def __init__(self, arm: Path) -> None:
        import wandb as package  # pyright: ignore[reportMissingImports]  (optional)

        wandb: Any = package
        mode = os.environ.get("WANDB_MODE")
        if mode is None and not wandb.login(prompt=False):
            mode = "offline"  # instead of asking at the keyboard, where nobody may be
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "scsc"),
            dir=arm,
            id=hashlib.blake2b(str(arm.resolve()).encode(), digest_size=8).hexdigest(),
            name=f"{arm.parent.name}/{arm.name}",
            config=read_settings(arm),
            resume="allow",
            mode=mode,
            settings=wandb.Settings(console="off", init_timeout=60),
        )

    def record(self, generation: int, numbers: Mapping[str, float]) -> None:
        self._run.log(dict(numbers), step=generation)

    def close(self) -> None:
        self._run.finish()


_LOGGERS: dict[LoggerName, Callable[[Path], Logger]] = {
    "tensorboard": TensorBoard,
    "wandb": WeightsAndBiases,
}


def check_loggers(names: Sequence[LoggerName]) -> None:
    """Say at once which package is missing; imports none.

    Raises:
        MissingAssetError: a package is not installed.
    """
    for name in names:
        if importlib.util.find_spec(name) is None:
            raise MissingAssetError(
                f"the package {name} is not installed",
                found=f"--loggers {name}",
                remedy=f"{_INSTALL[name]}, or leave the logger away: a later run fills it",
            )


@contextmanager
def open_loggers(names: Sequence[LoggerName], run: RunDirectory[Any]) -> Generator[Report]:
    """Fill the loggers with the finished generations of `run`; yields the call for new ones."""
    with ExitStack() as stack:
        guarded = [stack.enter_context(_guarded(name, run.folder)) for name in names]

        def report(generation: int, metrics: Metrics) -> None:
            for record in guarded:
                record(generation, metrics)

        if names:
            for generation in run.generations():
                report(generation, read_metrics(run.generation(generation)))
        yield report


@contextmanager
def _guarded(name: LoggerName, arm: Path) -> Generator[Report]:
    """Open a logger that gives up at its first error."""
    receiver: list[Logger] = []

    def attempt(action: Callable[[], object]) -> None:
        try:
            action()
        except Exception as error:  # noqa: BLE001  (third-party code that no result depends on)
            receiver.clear()
            logger.warning("%s is left out from here on: %r", name, error)

    def record(generation: int, metrics: Metrics) -> None:
        if receiver:
            attempt(lambda: receiver[0].record(generation, _numbers(metrics)))

    attempt(lambda: receiver.append(_LOGGERS[name](arm)))
    try:
        yield record
    finally:
        if receiver:
            attempt(receiver[0].close)


def _numbers(metrics: Metrics) -> dict[str, float]:
    """Flatten lists to one number an entry: `R_precision_test/1` is its first; no resamples."""
    flat: dict[str, float] = {}
    for name, value in metrics.items():
        if name.endswith(RESAMPLES):
            continue
        if isinstance(value, list):
            flat |= {f"{name}/{place}": entry for place, entry in enumerate(value, start=1)}
        else:
            flat[name] = value
    return flat
