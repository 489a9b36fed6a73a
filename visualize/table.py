"""The figures of runs as a table: `python -m visualize.table exp_outputs/dataset_demo`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tyro
from rich import box
from rich.console import Console
from rich.table import Table

from eval.metrics.statistics import mean_interval
from loop.cli import command
from visualize.arms import arm_title
from visualize.curves.records import (
    HALVES,
    TRAINING,
    Record,
    arms_in_order,
    read_runs,
    real_key,
    reference_value,
    size_name,
    write_csv,
)
from visualize.outcome import notes, outcome_table, read_resamples, tried_in

logger = logging.getLogger("scsc")

COLUMNS = {
    "FID": ("FID_test",),
    "KID": ("KID_test",),
    "div.": ("Diversity_test",),
    "match": ("Matching Score_test",),
    "pen.": ("Penetrate_test",),
    "float": ("Float_test",),
    "skate": ("Skate_test",),
    "force": ("Residual force_correction",),
    "failed": ("Failed imitations_correction",),
}
"""Heading, and the metric behind it; of several, the first that was measured."""
ATTEMPTED = "Attempted imitations_correction"
LEGEND = (
    "real test data: distances between its halves; real training data: in the\n"
    "model's place; div., match: diversity, matching score\n"
    "pen., float: penetration and floating in mm; skate: mm a frame\n"
    "force: residual force in body weights; failed: failed of attempted imitations"
)


def summary_table(records: Sequence[Record], title: str) -> Table:
    """Tabulate arm x generation, mean over seeds, "-" for no metric; 80 characters wide."""
    table = Table(
        title=title,
        title_justify="left",
        caption=LEGEND,
        caption_justify="left",
        header_style="bold",
        box=box.SIMPLE_HEAD,
        padding=0,
        min_width=78,
    )
    table.add_column("arm", no_wrap=True)
    for name in ("gen", *COLUMNS):
        table.add_column(name, justify="right", no_wrap=True)
    for arm, percent in arms_in_order(records):
        mine = [r for r in records if (r.arm, r.percent) == (arm, percent)]
        generations = sorted({record.generation for record in mine})
        for generation in generations:
            cells = [cell(mine, generation, metric) for metric in COLUMNS.values()]
            label = arm_title(arm, percent) if generation == generations[0] else ""
            table.add_row(label, str(generation), *cells, end_section=generation == generations[-1])
    for name, cells in reference_rows(records):
        table.add_row(name, "", *cells)
    return table


def reference_rows(records: Sequence[Record]) -> list[tuple[str, list[str]]]:
    """Make the rows of real data, with a cell for each of COLUMNS; only those with a number."""
    test = {"FID": ("FID floor", HALVES, "FID_ground truth")}
    rows = {
        "real test data": [
            test.get(name, [real_key(m) for m in keys]) for name, keys in COLUMNS.items()
        ],
        "real training data": [[real_key(m, TRAINING) for m in keys] for keys in COLUMNS.values()],
    }
    made = {name: [_reference(records, keys) for keys in row] for name, row in rows.items()}
    return [(name, cells) for name, cells in made.items() if set(cells) != {"-"}]


def _reference(records: Sequence[Record], keys: Sequence[str]) -> str:
    value = reference_value(records, keys)
    return "-" if value is None else _written(value)


def write_summary(records: Sequence[Record], path: Path) -> None:
    """Write a CSV file: a row for each arm, percentage, seed and generation, a column a metric.

    Raises StorageError when the file cannot be written.
    """
    metrics = sorted({record.metric for record in records})
    places = ("arm", "percent", "seed", "generation")
    ordered = sorted(records, key=lambda r: (r.arm, r.percent, r.seed, r.generation))
    numbers = (((r.arm, r.percent, r.seed, r.generation), r.metric, r.value) for r in ordered)
    write_csv(path, places, metrics, numbers)


def cell(records: Sequence[Record], generation: int, metrics: Sequence[str]) -> str:
    """Write an arm's mean over seeds of the first metric that was measured; "-" for none."""
    here = [record for record in records if record.generation == generation]
    metric = next((m for m in metrics if any(r.metric == m for r in here)), None)
    if metric is None:
        return "-"
    mean = _mean(here, metric)
    if metrics == COLUMNS["failed"]:
        return f"{mean:.3g}/{_mean(here, ATTEMPTED):.3g}"
    return _written(mean)


def _written(value: float) -> str:
    decimals = next(d for d, limit in ((3, 1), (2, 100), (0, np.inf)) if abs(value) < limit)
    return f"{value:.{decimals}f}"


def _mean(records: Sequence[Record], metric: str) -> float:
    """Average over seeds; NaN where the metric does not exist."""
    values = [record.value for record in records if record.metric == metric]
    return mean_interval(values).value if values else np.nan


@command()
def main(
    runs_dirs: tyro.conf.Positional[list[Path]], out: Path | None = None, every: bool = False
) -> None:
    """Print what became of every arm, and write summary.csv beside the graphs.

    Args:
        runs_dirs: a size folder such as exp_outputs/dataset_demo; several that differ in the seed
            are averaged.
        out: the CSV file; default <first folder>/graphs/summary.csv.
        every: print every generation instead.
    """
    records = read_runs(runs_dirs)
    path = out or runs_dirs[0] / "graphs" / "summary.csv"
    write_summary(records, path)
    title = f"Runs of {size_name(runs_dirs[0])}"
    judged = any(record.metric.endswith(" interval low") for record in records)
    if every or not judged:
        Console().print(summary_table(records, title))
    else:
        console = Console(highlight=False)
        resamples = read_resamples(runs_dirs)
        console.print(outcome_table(records, title, resamples))
        for line in notes(records, tried_in(runs_dirs), resamples):
            console.print(line, markup=False)
    if (page := runs_dirs[0] / "report.html").is_file():
        logger.info("the page: %s", page)
    logger.info("wrote %s", path)


if __name__ == "__main__":
    tyro.cli(main, prog="python -m visualize.table")
