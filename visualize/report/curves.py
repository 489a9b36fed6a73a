"""Metric curves, final values and key figures of the report, out of records."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from eval.metrics.statistics import mean_interval
from loop.rundir.layout import BASELINE
from visualize.arms import arm_title
from visualize.curves.axes import (
    Panel,
    curve,
    draw_panel,
    legend_entries,
    select,
)
from visualize.curves.figures import svg
from visualize.curves.motion import explanation
from visualize.curves.records import TRAINING, Record, arms_in_order, real_key, reference_value
from visualize.report.page import ABSENT, Section, cards, details, figure, paragraph, picture, table
from visualize.table import COLUMNS, cell, reference_rows

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
PANEL_INCHES = (4.6, 3.1)
Groups = Sequence[tuple[str, Sequence[Panel]]]


def measured_sections(
    records: Sequence[Record], texts: tuple[str, str], groups: Groups, known: Iterable[str] = ()
) -> list[Section]:
    """Build the sections with key figures, curves and final values.

    Args:
        records: of all arms; without any there are no sections.
        texts: what the first metric means; what the curves compare.
        groups: titles and panels; the first panel gives the key figures.
        known: metrics that repeat others and need no panel.
    """
    if not records:
        return []
    panels = [panel for _, group in groups for panel in group]
    final = table(*final_values(records, panels), "Newest generation of every arm; seeds averaged.")
    return [
        Section("outcome", "Where it ended", paragraph(texts[0]) + key_figures(records, panels[0])),
        Section(
            "curves",
            "Over the generations",
            paragraph(texts[1]) + curves_html(records, groups, known),
        ),
        Section("table", "Final values", final),
    ]


def curves_html(records: Sequence[Record], groups: Groups, known: Iterable[str] = ()) -> str:
    """Draw all panels, those of each synthetic share together, and fold the other metrics away."""
    known = {*known, *(panel.metric for _, group in groups for panel in group)}
    known |= {panel.per for _, group in groups for panel in group if panel.per}
    others = other_panels(records, known)
    shares = sorted({record.percent for record in records if record.arm != BASELINE}) or [0]
    html = ""
    for share in shares:
        mine = [r for r in records if r.arm == BASELINE or r.percent == share]
        figures: list[Figure] = []
        part = ""
        for title, panels in groups:
            part += f"<h3>{title}</h3>" * bool(title) + _grid(mine, panels, figures)
        if others:
            title = f"Everything else that was measured ({len(others)})"
            part += details(title, _grid(mine, others, figures))
        part = _legend(mine, figures) + part
        if len(shares) > 1:
            part = details(f"Synthetic share {share} %", part, unfolded=share == shares[-1])
        html += part
    return html


def picture_html(figure: Figure, alt: str) -> str:
    """Draw a figure into the page; `alt` tells what it shows."""
    FigureCanvasAgg(figure)
    return picture(svg(figure), "image/svg+xml", alt)


def _grid(records: Sequence[Record], panels: Sequence[Panel], figures: list[Figure]) -> str:
    """Draw panels beside each other; appends their figures to `figures`."""
    charts = []
    for panel in panels:
        if not select(records, panel):
            charts.append(figure(panel.title, paragraph("not measured", "empty")))
            continue
        drawn = Figure(figsize=PANEL_INCHES)
        axes = drawn.subplots()
        drawn.subplots_adjust(left=0.13, right=0.98, bottom=0.17, top=0.97)
        draw_panel(axes, records, replace(panel, title="", better=""))
        figures.append(drawn)
        html = picture_html(drawn, f"{panel.title} over the generations")
        charts.append(figure(panel.title, html, direction(panel), _newest_values(records, panel)))
    return f'<div class="charts">{"".join(charts)}</div>'


def _newest_values(records: Sequence[Record], panel: Panel) -> str:
    values = []
    for arm, percent in arms_in_order(records):
        if mine := [r for r in select(records, panel) if (r.arm, r.percent) == (arm, percent)]:
            name = arm_title(arm, percent).removesuffix(f" {percent}%")
            values.append(f"{name} {number(curve(mine).value[-1])}")
    real = reference_value(records, panel.floors)
    values += [f"real data {number(real)}"] if values and real is not None else []
    train = reference_value(records, [real_key(panel.metric, TRAINING)])
    values += [f"real training data {number(train)}"] if values and train is not None else []
    return f"Newest: {', '.join(values)}" if values else ""


def _legend(records: Sequence[Record], figures: Sequence[Figure]) -> str:
    """Draw one legend for all figures and say what lines, bands and dots are."""
    seeds = len({record.seed for record in records})
    handles, labels = legend_entries([axes for figure in figures for axes in figure.axes], seeds)
    drawn = Figure(figsize=(8.0, 0.27 * -(-len(labels) // 2)))
    drawn.legend(handles, labels, loc="center left", ncols=2, frameon=False, fontsize=10.5)
    html = f'<div class="legend">{picture_html(drawn, "Legend: " + "; ".join(labels))}</div>'
    note = explanation(records, seeds)
    return html + (paragraph(note, "note") if note else "")


def other_panels(records: Iterable[Record], known: set[str]) -> list[Panel]:
    """Make a panel for every metric of a model or a correction that is not `known`."""
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
    """List keys under which a domain may keep the value of `metric` for real data."""
    if "_test" in metric:
        return (real_key(metric),)
    base = re.sub(r"_(sampled|corrected|entering|all)$", "", metric)
    return (f"{metric} floor", f"{base}_floor", f"{base}_real", f"{base}_ground truth")


def direction(panel: Panel) -> str:
    """Say which way is better; empty where that is not known."""
    fitting = [name for name in BETTER if panel.metric.startswith(name)]
    return panel.better or (BETTER[max(fitting, key=len)] if fitting else "")


def key_figures(records: Sequence[Record], panel: Panel) -> str:
    """Show the newest value of a metric in every arm, and where it began."""
    entries = []
    for arm, percent in arms_in_order(records):
        mine = [r for r in select(records, panel) if (r.arm, r.percent) == (arm, percent)]
        if not mine:
            continue
        line = curve(mine)
        remark = f"after generation {line.generation[-1]}"
        if line.generation[0] == 0 and len(line.generation) > 1:
            remark += f"; generation 0: {number(line.value[0])}"
        entries.append((arm_title(arm, percent), number(line.value[-1]), remark))
    real = reference_value(records, panel.floors)
    if real is not None and entries:
        entries.append(("real data", number(real), "the value of real motions or images"))
    train = reference_value(records, [real_key(panel.metric, TRAINING)])
    if train is not None and entries:
        entries.append(("real training data", number(train), "what a perfect copy of it reads"))
    return cards(entries)


def final_values(
    records: Sequence[Record], panels: Sequence[Panel]
) -> tuple[list[str], list[list[object]]]:
    """Make headings and rows of the table of final values: generation 0, arms, real data.

    A cell is the mean over seeds; with several seeds its 95 % interval stands below.
    """
    shown = [panel for panel in panels if select(records, panel)]
    headings = ["arm", "generation", *(panel.title for panel in shown)]
    rows: list[list[object]] = []
    # Arms hold copies of one generation 0 a seed, which are no repetitions.
    first = {(r.seed, r.metric): r for r in records if r.generation == 0}
    starts = list(first.values())
    if starts:
        rows.append(["generation 0", "0", *(_value(starts, panel) for panel in shown)])
    for arm, percent in arms_in_order(records):
        mine = [r for r in records if (r.arm, r.percent) == (arm, percent)]
        last = max(record.generation for record in mine)
        final = [record for record in mine if record.generation == last]
        rows.append([arm_title(arm, percent), last, *(_value(final, panel) for panel in shown)])
    for name, keys in (
        ("real data", [panel.floors for panel in shown]),
        ("real training data", [(real_key(panel.metric, TRAINING),) for panel in shown]),
    ):
        real = [reference_value(records, each) for each in keys]
        if any(value is not None for value in real):
            cells = [ABSENT if value is None else number(value) for value in real]
            rows.append([name, ABSENT, *cells])
    return headings, rows


def every_value(records: Sequence[Record]) -> tuple[list[str], list[list[object]]]:
    """Make headings and rows of the whole table, as `visualize.table` prints it."""
    rows: list[list[object]] = []
    for arm, percent in arms_in_order(records):
        mine = [r for r in records if (r.arm, r.percent) == (arm, percent)]
        rows += [
            [arm_title(arm, percent), generation]
            + [cell(mine, generation, metrics) for metrics in COLUMNS.values()]
            for generation in sorted({record.generation for record in mine})
        ]
    rows += [list[object]([name, ABSENT, *cells]) for name, cells in reference_rows(records)]
    return ["arm", "generation", *COLUMNS], rows


def number(value: float) -> str:
    """Write three significant digits, as the page's script does."""
    text = f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return text.replace("-", "−")  # noqa: RUF001


def _value(records: Sequence[Record], panel: Panel) -> object:
    chosen = select(records, panel)
    if not chosen:
        return ABSENT
    interval = mean_interval([record.value for record in chosen])
    if interval.high <= interval.low or len({record.seed for record in chosen}) < 2:
        return number(interval.value)
    return number(interval.value), f"{number(interval.low)} to {number(interval.high)}"
