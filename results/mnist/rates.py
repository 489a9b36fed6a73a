"""Whether the published learning rate moves anything: its arms beside those that only draw."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from loop.rundir.read import read_arm
from results.mnist.plan import PUBLISHED_RATE, RATES, rate_folder
from results.mnist.tables import cell, seed_interval
from visualize.curves.records import write_csv

METRICS = ("FID_all", "FID_published", "Precision", "Recall", "Coverage", "Accuracy")
DIFFERENCES = {"FID": "FID_all", "recall": "Recall", "FID of 100 samples": "FID_published"}


class RatePoint(NamedTuple):
    """One number of one arm that trains at `rate`."""

    rate: float
    seed: int
    generation: int
    metric: str
    value: float


def read_rates(root: Path, seeds: Sequence[int]) -> list[RatePoint]:
    """Read all numbers of the arms that have begun.

    Raises:
        CorruptFileError: an eval_dict.json does not read as one.
    """
    return [
        RatePoint(rate, seed, generation, metric, value)
        for rate in RATES
        for seed in seeds
        for arm in (read_arm(rate_folder(root, seed, rate)),)
        for generation in arm.generations
        for metric, value in arm.metrics(generation).items()
        if metric in METRICS
    ]


def write_rates(points: Sequence[RatePoint], path: Path) -> None:
    """Write a CSV file with a line for each arm, seed and generation.

    Raises StorageError when the file cannot be written.
    """
    numbers = (((f"{p.rate:g}", p.seed, p.generation), p.metric, p.value) for p in points)
    write_csv(path, ("rate", "seed", "generation"), METRICS, numbers, ".6g")


def rate_table(points: Sequence[RatePoint]) -> str:
    """Write in Markdown: FID at both rates by generation, and paired differences over seeds."""
    titles = [f"FID at {rate:g}" for rate in RATES] + [f"{n}: difference" for n in DIFFERENCES]
    lines = [
        f"| generation | seeds | {' | '.join(titles)} |",
        "|---" * (2 + len(titles)) + "|",
    ]
    for generation in sorted({point.generation for point in points}):
        both = [_values(points, rate, generation, "FID_all") for rate in RATES]
        shared = both[0].keys() & both[1].keys()
        cells = [cell(seed_interval({s: line[s] for s in shared})) for line in both]
        for metric in DIFFERENCES.values():
            moved = difference(points, generation, metric)
            cells.append(cell(seed_interval(moved)) if generation else "")
        if shared:
            lines.append(f"| {generation} | {len(shared)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def difference(points: Sequence[RatePoint], generation: int, metric: str) -> dict[int, float]:
    """Return seed -> value at the published rate minus that at rate 0, whose noise is equal."""
    moved, still = (_values(points, rate, generation, metric) for rate in (PUBLISHED_RATE, 0.0))
    return {seed: moved[seed] - still[seed] for seed in sorted(moved.keys() & still.keys())}


def _values(
    points: Sequence[RatePoint], rate: float, generation: int, metric: str
) -> dict[int, float]:
    place = (rate, generation, metric)
    return {p.seed: p.value for p in points if (p.rate, p.generation, p.metric) == place}
