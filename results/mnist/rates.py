"""Whether the published learning rate moves anything: its arms beside those that only draw."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from loop.rundir.files import write_bytes
from results.mnist.plan import PUBLISHED_RATE, RATES, rate_folder
from results.mnist.tables import cell, seed_interval
from visualize.curves.mnist_records import read_arm

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
    """All numbers of the arms that have begun.

    Raises:
        CorruptFileError: an eval_dict.json does not read as one.
    """
    return [
        RatePoint(rate, seed, r.generation, r.metric, r.value)
        for rate in RATES
        for seed in seeds
        if (folder := rate_folder(root, seed, rate)).is_dir()
        for r in read_arm(folder, "raw", "1.0", seed)
        if r.metric in METRICS
    ]


def write_rates(points: Sequence[RatePoint], path: Path) -> None:
    """CSV with a line for each arm, seed and generation.

    Raises StorageError when the file cannot be written.
    """
    rows: dict[tuple, dict[str, float]] = {}
    for rate, seed, generation, metric, value in points:
        rows.setdefault((f"{rate:g}", seed, generation), {})[metric] = value
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["rate", "seed", "generation", *METRICS])
    for place, found in rows.items():
        writer.writerow([*place, *(f"{found[m]:.6g}" if m in found else "" for m in METRICS)])
    write_bytes(path, buffer.getvalue().encode())


def rate_table(points: Sequence[RatePoint]) -> str:
    """Markdown: FID at both rates by generation, and their paired differences over seeds."""
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
    """Seed -> at the published rate minus at rate 0, where both are there; their noise is equal."""
    moved, still = (_values(points, rate, generation, metric) for rate in (PUBLISHED_RATE, 0.0))
    return {seed: moved[seed] - still[seed] for seed in sorted(moved.keys() & still.keys())}


def _values(
    points: Sequence[RatePoint], rate: float, generation: int, metric: str
) -> dict[int, float]:
    place = (rate, generation, metric)
    return {p.seed: p.value for p in points if (p.rate, p.generation, p.metric) == place}
