"""The figures of runs as a table: `python -m visualize.table exp_outputs/dataset_demo`."""

from __future__ import annotations

import csv
import io
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
from loop.rundir.files import storage, write_bytes
from visualize.curves.axes import arm_styles
from visualize.curves.records import BASELINE, CORRECTED, FINETUNING, Record, read_runs, size_name

logger = logging.getLogger("scsc")

COLUMNS = {
    "FID": ("FID_test",),
    "floor": ("FID floor", "FID_ground truth"),
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
ARM_NAMES = {BASELINE: "baseline", FINETUNING: "fine-tuned", CORRECTED: "corrected"}
LEGEND = (
    "floor: FID of real against real; div., match: diversity, matching score\n"
    "pen., float: penetration and floating in mm; skate: mm a frame\n"
    "force: residual force in body weights; failed: failed of attempted imitations"
)


def summary_table(records: Sequence[Record], title: str) -> Table:
    """Arm x generation, mean over seeds, "-" where a metric does not exist; 80 characters wide."""
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
            label = arm_name(arm, percent) if generation == generations[0] else ""
            table.add_row(label, str(generation), *cells, end_section=generation == generations[-1])
    return table


def write_summary(records: Sequence[Record], path: Path) -> None:
    """CSV with one row for each arm, percentage, seed and generation, one column a metric.

    Raises StorageError when the file cannot be written.
    """
    metrics = sorted({record.metric for record in records})
    rows: dict[tuple, dict[str, float]] = {}
    for record in records:
        rows.setdefault(record[:2] + record[3:5], {})[record.metric] = record.value
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(["arm", "percent", "seed", "generation", *metrics])
    for key in sorted(rows):
        writer.writerow([*key, *(rows[key].get(metric, "") for metric in metrics)])
    with storage(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, buffer.getvalue().encode())


def arms_in_order(records: Sequence[Record]) -> list[tuple[str, int]]:
    """(kind of arm, percentage) of every arm: by percentage, the published arms first."""
    order = list(arm_styles(record.arm for record in records))
    pairs = {(record.arm, record.percent) for record in records}
    return sorted(pairs, key=lambda pair: (pair[1], order.index(pair[0])))


def arm_name(arm: str, percent: int) -> str:
    """Short name of an arm: "baseline", "fine-tuned 100%", "corrected 100%"."""
    name = ARM_NAMES.get(arm, arm.removeprefix(FINETUNING).strip("_"))
    return name if arm == BASELINE else f"{name} {percent}%"


def cell(records: Sequence[Record], generation: int, metrics: Sequence[str]) -> str:
    """One arm's mean over seeds of the first metric that was measured, "-" where none was."""
    here = [record for record in records if record.generation == generation]
    metric = next((m for m in metrics if any(r.metric == m for r in here)), None)
    if metric is None:
        return "-"
    mean = _mean(here, metric)
    if metrics == COLUMNS["failed"]:
        return f"{mean:.3g}/{_mean(here, ATTEMPTED):.3g}"
    decimals = next(d for d, limit in ((3, 1), (2, 100), (0, np.inf)) if abs(mean) < limit)
    return f"{mean:.{decimals}f}"


def _mean(records: Sequence[Record], metric: str) -> float:
    """Over seeds; NaN where the metric does not exist."""
    values = [record.value for record in records if record.metric == metric]
    return mean_interval(values).value if values else np.nan


@command()
def main(runs_dirs: tyro.conf.Positional[list[Path]], out: Path | None = None) -> None:
    """Print the table of a folder of runs and write summary.csv beside its graphs.

    Args:
        runs_dirs: a size folder such as exp_outputs/dataset_demo; several that differ in the seed
            are averaged.
        out: the CSV file; default <first folder>/graphs/summary.csv.
    """
    records = read_runs(runs_dirs)
    path = out or runs_dirs[0] / "graphs" / "summary.csv"
    write_summary(records, path)
    Console().print(summary_table(records, f"Runs of {size_name(runs_dirs[0])}"))
    logger.info("wrote %s", path)


if __name__ == "__main__":
    tyro.cli(main, prog="python -m visualize.table")
