"""Training loss of every generation 0 of the evidence, which tells whether it has converged."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

from domains.motion.training_loss import COLUMNS, Losses, read_losses
from loop.errors import CorruptFileError
from results.motion.figures import new_figure
from results.motion.plan import EvidenceArm
from visualize.curves.figures import save_figure
from visualize.curves.records import write_csv

NAME = "generation_0_loss"
PLACES = ("dataset", "seed")
Starts = Mapping[tuple[str, int], Losses]
"""(data set, seed) -> loss of its generation 0."""


def read_starts(root: Path, arms: Iterable[EvidenceArm], path: Path) -> Starts:
    """Read the losses of those runs that are here, and of others from the table at `path`.

    Raises:
        CorruptFileError: a table does not read as one.
    """
    starts = {arm.start() for arm in arms if not arm.change}
    here = {
        (start.dataset, start.seed): losses
        for start in starts
        if (losses := read_losses(start.folder(root) / start.kind))
    }
    return dict(sorted({**_stored(path), **here}.items()))


def _stored(path: Path) -> Starts:
    if not path.is_file():
        return {}
    found: dict[tuple[str, int], list[tuple[int, float]]] = {}
    try:
        with path.open(newline="") as file:
            for line in csv.DictReader(file):
                place = line["dataset"], int(line["seed"])
                found.setdefault(place, []).append((int(line["step"]), float(line["loss"])))
    except (KeyError, ValueError) as error:
        raise CorruptFileError(
            "this is no table of losses", path=path, found=repr(error),
            expected=" ".join((*PLACES, *COLUMNS)),
        ) from None  # fmt: skip
    return found


def write_starts(starts: Starts, out: Path) -> list[Path]:
    """Write the table and its figure; returns the files, none where nothing was recorded.

    Raises:
        StorageError: a file cannot be written.
    """
    if not starts:
        return []
    path = out / f"{NAME}.csv"
    numbers = (
        ((*place, step), COLUMNS[1], loss)
        for place, losses in starts.items()
        for step, loss in losses
    )
    write_csv(path, (*PLACES, COLUMNS[0]), COLUMNS[1:], numbers, ".5g")
    figure = new_figure(1)
    axes = figure.subplots()
    for (dataset, seed), losses in starts.items():
        axes.plot(*zip(*losses, strict=True), label=f"{dataset}, seed {seed}", linewidth=1)
    axes.set(xlabel="optimiser steps", ylabel="training loss", yscale="log", title="generation 0")
    axes.legend(frameon=False)
    return [path, *save_figure(figure, out / NAME)]
