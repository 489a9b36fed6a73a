"""Numbers of the evidence, one row a data set, seed, arm and generation, kept in arms.csv.

Runs are large and live on the machine that made them; the table grows with every machine and
session: rows of arms that are here replace their older ones, all others stay.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from domains.motion.presets import preset_named
from loop.errors import CorruptFileError
from loop.rundir.read import read_arm
from results.motion.plan import EvidenceArm
from visualize.curves.records import write_csv

PLACES = ("dataset", "seed", "kind", "mixing", "ratio", "gamma", "change", "generation")
SECONDS = "seconds"
HORIZON = preset_named("evidence").generations
"""Generations that tables compare; one seed goes further."""
Row = dict[str, float]
Table = dict[tuple[EvidenceArm, int], Row]
"""Metrics of an arm at a generation."""


@dataclass(frozen=True)
class Curve:
    """A metric of one arm and seed, from generation 0 on: generations (G,), values (G,)."""

    generations: NDArray[np.int64]
    values: NDArray[np.float64]

    def until(self, generation: int) -> Curve:
        """Return the part up to a generation."""
        kept = self.generations <= generation
        return Curve(self.generations[kept], self.values[kept])

    def slope_of_log(self) -> float:
        """Return the slope of log10(value) a generation by least squares."""
        return float(np.polyfit(self.generations, np.log10(self.values), 1)[0])

    def doubling(self) -> float:
        """Return the first generation with twice the value of the first one; infinity: none."""
        beyond = np.flatnonzero(self.values >= 2 * self.values[0])
        return float(self.generations[beyond[0]]) if len(beyond) else math.inf

    def mean_height(self) -> float:
        """Return the area under the curve over its length."""
        span = self.generations[-1] - self.generations[0]
        return float(np.trapezoid(self.values, self.generations) / span)


def read_runs(root: Path, arms: Iterable[EvidenceArm]) -> Table:
    """Read all finished generations of the arms that have begun.

    Raises:
        CorruptFileError: an eval_dict.json does not read as one.
    """
    found: Table = {}
    for arm in arms:
        record = read_arm(arm.folder(root))
        for generation in record.generations:
            seconds = sum(record.seconds.get(generation, {}).values())
            metrics = record.metrics(generation).items()
            # Seeds tell how far a number moves; what one evaluation says of itself is left out.
            row = {name: value for name, value in metrics if " interval" not in name}
            found[arm, generation] = {SECONDS: seconds, **row}
    return found


def read_table(path: Path) -> Table:
    """Read arms.csv; nothing where there is none.

    Raises:
        CorruptFileError: it is not such a table.
    """
    if not path.is_file():
        return {}
    try:
        with path.open(newline="") as file:
            return dict(map(_parsed, csv.DictReader(file)))
    except (KeyError, ValueError) as error:
        raise CorruptFileError(
            "this is no table of arms", path=path, found=repr(error), expected=" ".join(PLACES)
        ) from None


def _parsed(line: Mapping[str, str]) -> tuple[tuple[EvidenceArm, int], Row]:
    arm = EvidenceArm(
        line["dataset"], int(line["seed"]), line["kind"], line["mixing"],
        float(line["ratio"]), float(line["gamma"]), line["change"],
    )  # fmt: skip
    numbers = {name: float(value) for name, value in line.items() if value and name not in PLACES}
    return (arm, int(line["generation"])), numbers


def write_table(table: Table, path: Path) -> None:
    """Write arms.csv, sorted.

    Raises:
        StorageError: the file cannot be written.
    """
    metrics = sorted({name for row in table.values() for name in row})
    ordered = sorted(table.items(), key=lambda item: (_place(item[0][0]), item[0][1]))
    numbers = (
        ((*_place(arm), generation), name, value)
        for (arm, generation), row in ordered
        for name, value in row.items()
    )
    write_csv(path, PLACES, metrics, numbers, ".5g")


def _place(arm: EvidenceArm) -> tuple[object, ...]:
    return tuple(getattr(arm, name) for name in PLACES[:-1])


def curves(table: Table, like: EvidenceArm, metric: str) -> dict[int, Curve]:
    """Return seed -> curve of a metric of an arm, whatever the seed of `like` is."""
    found: dict[int, Curve] = {}
    for seed in sorted({arm.seed for arm, _ in table if replace(arm, seed=like.seed) == like}):
        arm = replace(like, seed=seed)
        own = {g: row[metric] for (key, g), row in table.items() if key == arm and metric in row}
        if len(own) > 1:
            generations = np.array(sorted(own))
            found[seed] = Curve(generations, np.array([own[g] for g in generations]))
    return found


def at(found: Mapping[int, Curve], generation: int) -> dict[int, float]:
    """Return seed -> value at a generation, of the seeds that reached it."""
    return {
        seed: float(curve.values[curve.generations == generation][0])
        for seed, curve in found.items()
        if generation in curve.generations
    }


def late_means(found: Mapping[int, Curve], generations: Sequence[int]) -> dict[int, float]:
    """Return seed -> mean over generations, of the seeds that have them all."""
    late = [at(found, generation) for generation in generations]
    whole = set.intersection(*map(set, late)) if late else set[int]()
    return {seed: sum(each[seed] for each in late) / len(late) for seed in sorted(whole)}


def last_common(all_curves: Sequence[Mapping[int, Curve]]) -> int:
    """Return the generation, HORIZON at most, to read arms at; 0 without any.

    While runs are in progress, it is the one with the most generations of seeds behind it: neither
    one seed that is far ahead nor one that has just begun decides.
    """
    ends = [min(HORIZON, int(c.generations[-1])) for found in all_curves for c in found.values()]
    return max(ends, key=lambda g: (g * sum(end >= g for end in ends), g), default=0)
