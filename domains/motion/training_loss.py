"""The loss of a training: its mean over each stretch of steps, as a table beside the weights."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loop.errors import CorruptFileError
from loop.rundir.files import write_bytes

if TYPE_CHECKING:  # whoever only draws the table need not load torch
    from torch import Tensor

FILE = "training_loss.csv"
COLUMNS = ("step", "loss")
STRETCHES = 100
"""At most so many rows a training."""

Losses = Sequence[tuple[int, float]]
"""(step at which a stretch of steps ended, mean training loss over it), ascending."""


class LossRecorder:
    """Averages the losses of stretches of steps.

    The sum stays on the device, so that no step waits for it; it is read once a stretch.

    Args:
        steps: of the whole training.
        first: the step that comes next, where a training goes on.
        state: of the recorder that was interrupted there; None where nothing was recorded.
    """

    def __init__(self, steps: int, first: int = 0, state: dict[str, Any] | None = None) -> None:
        self._steps, self._every = steps, -(-steps // STRETCHES)
        state = {"rows": [], "begun": first, "sum": None} if state is None else state
        self.rows: list[tuple[int, float]] = [(step, loss) for step, loss in state["rows"]]
        self._begun, self._sum = int(state["begun"]), state["sum"]

    def add(self, step: int, loss: Tensor) -> None:
        """Take the loss of a step, a scalar on any device; steps come in their order."""
        loss = loss.detach()
        self._sum = loss if self._sum is None else self._sum + loss
        done = step + 1
        if done % self._every == 0 or done == self._steps:
            self.rows.append((done, float(self._sum) / (done - self._begun)))
            self._begun, self._sum = done, None

    def state(self) -> dict[str, Any]:
        """Return what a recorder needs to go on to the same numbers."""
        return {"rows": self.rows, "begun": self._begun, "sum": self._sum}


def write_losses(losses: Losses, folder: Path) -> None:
    """Write `FILE` into a folder; nothing where there are no losses.

    Raises:
        StorageError: it cannot be written.
    """
    if not losses:
        return
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((step, f"{loss:.6g}") for step, loss in losses)
    write_bytes(folder / FILE, text.getvalue().encode())


def read_losses(folder: Path) -> Losses:
    """Read `FILE` of a folder; () where there is none, as in older runs.

    Raises:
        CorruptFileError: it is no such table.
    """
    path = folder / FILE
    if not path.is_file():
        return ()
    try:
        heading, *rows = csv.reader(path.read_text(encoding="utf-8").splitlines())
        losses = [(int(step), float(loss)) for step, loss in rows]
    except (ValueError, csv.Error) as error:
        raise _corrupt(path, error) from error
    if tuple(heading) != COLUMNS:
        raise _corrupt(path, heading)
    return losses


def _corrupt(path: Path, found: object) -> CorruptFileError:
    return CorruptFileError(
        "the table of the training loss cannot be read",
        path=path,
        found=found,
        expected=f"the columns {', '.join(COLUMNS)}, numbers in every row",
        remedy="remove the file: nothing but its picture is lost",
    )
