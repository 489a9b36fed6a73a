"""Metric curves, final values and key figures of the report, out of records."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter1d

from eval.metrics.statistics import mean_interval
from visualize.curves.axes import (
    SMOOTH_FROM,
    SMOOTHING_SIGMA,
    Panel,
    arm_label,
    arm_styles,
    curve,
    select,
)
from visualize.curves.records import BASELINE, Record
from visualize.report.page import ABSENT, cards, rounded
from visualize.table import COLUMNS, arm_name, arms_in_order, cell

BETTER = {
    "FID": "lower is better",
    "Diversity": "near real data",
    "Matching Score": "lower is better",
    "R_precision": "higher is better",
    "Precision": "higher is better",
    "Recall": "higher is better",
    "Density": "higher is better",
    "Coverage": "higher is better",
    "Accuracy": "higher is better",
    "Class entropy": "higher: all digits are drawn",
    "Copies": "lower is better",
    "Penetrate": "near real data",
    "Float": "near real data",
    "Skate": "near real data",
    "Memorisation": "near real data",
    "Failed imitations": "lower is better",
    "Residual force": "lower is better",
    "MPJPE": "lower: less changed",
    "Root-aligned MPJPE": "lower: less changed",
}
"""By the beginning of a metric's name; the longest that fits counts."""
REFERENCE_ENDINGS = (" floor", "_floor", "_floor low", "_floor high", "_real")
REFERENCES = [{"kind": "real", "label": "real data"}, {"kind": "start", "label": "generation 0"}]


def chart_data(
    records: Sequence[Record],
    groups: Sequence[tuple[str, Sequence[Panel]]],
    known: Iterable[str] = (),
) -> dict[str, Any]:
    """What assets/charts.js draws: the panels, and whatever else was measured, folded away.

    known: metrics that are not worth a panel.
    """
    named = [(title, panels, False) for title, panels in groups]
    known = set(known) | {panel.metric for _, panels in groups for panel in panels}
    known |= {panel.per for _, panels in groups for panel in panels if panel.per}
    if rest := other_panels(records, known):
        named.append(("Everything else that was measured", rest, True))
    seeds = len({record.seed for record in records})
    note = "Move over a chart, or use its arrow keys, to read values."
    if seeds > 1:
        note += f" Bands and brackets: 95 % interval of the mean of {seeds} seeds; dots: each seed."
    if len({record.generation for record in records}) >= SMOOTH_FROM:
        note += (
            f" Lines are smoothed (sigma {SMOOTHING_SIGMA:g} generations); dots and values are not."
        )
    return {
        "arms": [
            {
                "key": arm,
                "label": _label(arm),
                "short": arm_name(arm, 0).removesuffix(" 0%"),
                "color": style.color,
                "marker": style.marker,
            }
            for arm, style in arm_styles(record.arm for record in records).items()
        ],
        "shares": sorted({record.percent for record in records if record.arm != BASELINE}),
        "shareLabel": "Synthetic share",
        "references": REFERENCES,
        "note": note,
        "groups": [
            {"title": title, "folded": folded, "charts": [_chart(records, p) for p in panels]}
            for title, panels, folded in named
        ],
    }


def other_panels(records: Iterable[Record], known: set[str]) -> list[Panel]:
    """A panel for every metric that was measured of a model or a correction and is not `known`."""
    metrics = sorted({record.metric for record in records} - known)
    panels = []
    for metric in metrics:
        if "_ground truth" in metric or metric.endswith(REFERENCE_ENDINGS) or " interval" in metric:
            continue  # the reference or the bounds of another metric
        title = metric.replace("_test", "").replace("_correction", " (correction)")
        panels.append(
            Panel(title.replace("_", " "), metric, real_data_keys(metric), from_zero=False)
        )
    return panels


def real_data_keys(metric: str) -> tuple[str, ...]:
    """Keys under which a domain may keep what `metric` reads for real data."""
    if "_test" in metric:
        return (metric.replace("_test", "_ground truth"),)
    base = re.sub(r"_(sampled|corrected|entering|all)$", "", metric)
    return (f"{metric} floor", f"{base}_floor", f"{base}_real", f"{base}_ground truth")


def direction(panel: Panel) -> str:
    """Which way is better, in words; empty where nobody could say."""
    fitting = [name for name in BETTER if panel.metric.startswith(name)]
    return panel.better or (BETTER[max(fitting, key=len)] if fitting else "")


def reference_value(records: Iterable[Record], keys: Sequence[str]) -> float | None:
    """Mean value of the first of the keys that was measured."""
    records = list(records)
    for key in keys:
        values = [record.value for record in records if record.metric == key]
        if values:
            return float(np.mean(values))
    return None


def key_figures(records: Sequence[Record], panel: Panel) -> str:
    """The newest value of a metric in every arm, beside where it began."""
    entries = []
    for arm, percent in arms_in_order(records):
        mine = [r for r in select(records, panel) if (r.arm, r.percent) == (arm, percent)]
        if not mine:
            continue
        line = curve(mine)
        remark = f"after generation {line.generation[-1]}"
        if line.generation[0] == 0 and len(line.generation) > 1:
            remark += f"; generation 0: {number(line.value[0])}"
        entries.append((arm_name(arm, percent), number(line.value[-1]), remark))
    real = reference_value(records, panel.floors)
    if real is not None and entries:
        entries.append(("real data", number(real), "what it reads when nothing is wrong"))
    return cards(entries)


def final_values(
    records: Sequence[Record], panels: Sequence[Panel]
) -> tuple[list[str], list[list[object]]]:
    """Headings and rows of the table of final values: arms, generation 0, and real data.

    A cell is the mean over seeds; with several seeds its 95 % interval stands below.
    """
    shown = [panel for panel in panels if select(records, panel)]
    headings = ["arm", "generation", *(panel.title for panel in shown)]
    rows: list[list[object]] = []
    starts = [record for record in records if record.generation == 0]
    if starts:
        rows.append(["generation 0", "0", *(_value(starts, panel) for panel in shown)])
    for arm, percent in arms_in_order(records):
        mine = [r for r in records if (r.arm, r.percent) == (arm, percent)]
        last = max(record.generation for record in mine)
        final = [record for record in mine if record.generation == last]
        rows.append([arm_name(arm, percent), last, *(_value(final, panel) for panel in shown)])
    real = [reference_value(records, panel.floors) for panel in shown]
    rows.append(
        ["real data", ABSENT, *(ABSENT if value is None else number(value) for value in real)]
    )
    return headings, [row for row in rows if row[0] != "real data" or set(row[2:]) != {ABSENT}]


def every_value(records: Sequence[Record]) -> tuple[list[str], list[list[object]]]:
    """Headings and rows of the whole table, as `visualize.table` prints it."""
    rows: list[list[object]] = []
    for arm, percent in arms_in_order(records):
        mine = [r for r in records if (r.arm, r.percent) == (arm, percent)]
        rows += [
            [arm_name(arm, percent), generation]
            + [cell(mine, generation, metrics) for metrics in COLUMNS.values()]
            for generation in sorted({record.generation for record in mine})
        ]
    return ["arm", "generation", *COLUMNS], rows


def number(value: float) -> str:
    """Three significant digits, as the page's script writes numbers."""
    text = f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return text.replace("-", "−")  # noqa: RUF001


def line_data(
    arm: str, percent: int | None, records: Sequence[Record], smooth: bool = True
) -> dict[str, Any]:
    """One curve of a chart."""
    line = curve(records)
    trend = line.value
    if smooth and len(trend) >= SMOOTH_FROM:
        trend = gaussian_filter1d(trend, SMOOTHING_SIGMA, mode="nearest")
    return {
        "arm": arm,
        "percent": percent,
        "kind": "line",
        "x": line.generation.tolist(),
        "y": [rounded(v) for v in line.value],
        "trend": [rounded(v) for v in trend],
        "low": [rounded(v) for v in line.low],
        "high": [rounded(v) for v in line.high],
        "raw": [[int(x), rounded(y)] for x, y in line.raw],
    }


def _chart(records: Sequence[Record], panel: Panel) -> dict[str, Any]:
    chosen = select(records, panel)
    references = []
    start = [record.value for record in chosen if record.generation == 0]
    if start:
        references.append(REFERENCES[1] | {"value": rounded(float(np.mean(start)))})
    real = reference_value(records, panel.floors)
    if real is not None:
        references.append(REFERENCES[0] | {"value": rounded(real)})
    return {
        "title": panel.title,
        "better": direction(panel),
        "xLabel": "generation",
        "xFrom": 0,
        "fromZero": panel.from_zero,
        "references": references,
        "series": [
            line_data(arm, None if arm == BASELINE else percent, mine)
            for arm, percent in arms_in_order(records)
            if (mine := [r for r in chosen if (r.arm, r.percent) == (arm, percent)])
        ],
    }


def _value(records: Sequence[Record], panel: Panel) -> object:
    chosen = select(records, panel)
    if not chosen:
        return ABSENT
    interval = mean_interval([record.value for record in chosen])
    if interval.high <= interval.low or len({record.seed for record in chosen}) < 2:
        return number(interval.value)
    return number(interval.value), f"{number(interval.low)} to {number(interval.high)}"


def _label(arm: str) -> str:
    """Legend entry, with a place for the percentage that the reader chooses."""
    if arm == BASELINE:
        return arm_label(arm, 0)
    return arm_label(arm, 0).replace(", 0%", ", {share} %")
