"""Figures of the MNIST evidence: curves of all arms, and what their models draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from domains.mnist.presets import MnistPreset
from eval.metrics.statistics import mean_interval
from loop.rundir.layout import BASELINE, FINETUNING, NUMBERED, WITH_CORRECTION
from results.mnist.plan import CORRECTIONS, LATER, ArmKey
from results.mnist.tables import ORDER, Point, comparisons, last_reached
from visualize.arms import OTHER_STYLES
from visualize.arms import STYLES as ARM_STYLES
from visualize.curves.axes import Panel, draw_panel, legend_entries, select
from visualize.curves.figures import save_figure, write_png
from visualize.curves.mnist import sheet_of
from visualize.curves.records import Record

LOGARITHM = "log FID"
"""Arms differ by two orders of magnitude, and so do their intervals: means are of logarithms."""
TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
PANELS = (
    Panel("FID", LOGARITHM, (f"{LOGARITHM} floor",), better="lower is better", from_zero=False),
    Panel("Recall", "Recall", ("Recall_real",), better="higher is better", from_zero=False),
    Panel(
        "Right digit", "Accuracy", ("Accuracy_real",), better="higher is better", from_zero=False
    ),
)
BAND = 0.08
"""Opacity of intervals: many arms lie above each other."""
STYLES = {
    BASELINE: replace(ARM_STYLES[BASELINE], label="baseline: real data alone", band=BAND),
    FINETUNING: replace(ARM_STYLES[FINETUNING], label="raw samples", band=BAND),
} | {
    f"{WITH_CORRECTION}: {name}": replace(
        style, label=f"corrected: {name.replace('_', ' ')}", band=BAND
    )
    for name, style in zip(
        (*CORRECTIONS, *LATER), (ARM_STYLES[WITH_CORRECTION], *OTHER_STYLES), strict=True
    )
}
"""An arm looks the same in all figures, whichever other arms are there."""
MEANINGS = {
    "replace": "each generation trains on the samples of the one before alone",
    "latest": "each generation trains on real data and the samples of the one before",
}
SIDE, SHEET_DPI = 28, 120
DIGITS_SHOWN = 10


def draw_curves(points: Sequence[Point], out: Path) -> list[Path]:
    """Draw one figure for each mixing, with a row for each ratio; returns the files."""
    written = []
    places = comparisons(points)
    for mixing in dict.fromkeys(mixing for mixing, _ in places):
        ratios = [ratio for other, ratio in places if other == mixing]
        figure = Figure(figsize=(15, 4.1 * len(ratios) + 1.3))
        FigureCanvasAgg(figure)
        rows = figure.subplots(len(ratios), len(PANELS), squeeze=False)
        for row, ratio in zip(rows, ratios, strict=True):
            for axes, panel in zip(row, PANELS, strict=True):
                _draw(axes, _records(points, mixing, ratio), panel)
            row[0].set_ylabel(f"lambda = {ratio:g}", fontsize=13)
        for column in rows.T:
            limits = np.array([axes.get_ylim() for axes in column])
            for axes in column:
                axes.set_ylim(limits[:, 0].min(), limits[:, 1].max())
        _explain(figure, points)
        figure.suptitle(
            f"MNIST, mixing {mixing}: {MEANINGS[mixing]}",
            y=1 - 0.08 / figure.get_figheight(),
            va="top",
            fontsize=14,
        )
        written += save_figure(figure, out / f"curves_{mixing}")
    return written


def _draw(axes: Axes, records: Sequence[Record], panel: Panel) -> None:
    """Draw curves, and on their right the interval of the last generation, arm by arm."""
    draw_panel(axes, records, panel, STYLES)
    last = max(record.generation for record in records)
    place = last + 0.35
    for arm, style in STYLES.items():
        found = [
            record.value
            for record in select(records, panel)
            if (record.arm, record.generation) == (arm, last)
        ]
        if len(found) > 1:
            mean = mean_interval(found)
            axes.plot([place] * 2, [mean.low, mean.high], color=style.color, linewidth=2.2)
            axes.plot(place, mean.value, style.marker, color=style.color, markersize=5)
            place += 0.16
    axes.set_xticks(range(last + 1))
    axes.set_xlim(-0.2, place)
    bottom, top = axes.get_ylim()
    if panel.metric == LOGARITHM:
        axes.set_yticks(np.log10(TICKS), [str(tick) for tick in TICKS])
        axes.set_ylim(_log_limits(records))
    else:
        axes.set_ylim(max(bottom, 0.0), min(top, 1.02))


def _explain(figure: Figure, points: Sequence[Point]) -> None:
    """Draw the legend below the panels, which leave room for as many rows as it has."""
    seeds = len({point.key.seed for point in points})
    handles, labels = legend_entries(figure.axes, seeds, " (bars: last generation)")
    columns = 4
    figure.legend(handles, labels, loc="lower center", ncols=columns, frameon=False, fontsize=11)
    height, inches = figure.get_figheight(), 0.25 * -(-len(labels) // columns) + 0.15
    figure.tight_layout(rect=(0, inches / height, 1, 1 - 0.4 / height))


def draw_sheets(points: Sequence[Point], root: Path, preset: MnistPreset, out: Path) -> list[Path]:
    """Draw ten digits of each arm and generation of the first seed, one figure a comparison."""
    written = []
    for mixing, ratio in comparisons(points):
        seed = min(p.key.seed for p in points if (p.key.mixing, p.key.ratio) == (mixing, ratio))
        kept = [arm for arm in ORDER if last_reached(points, mixing, ratio, arm)]
        last = last_reached(points, mixing, ratio, "raw")
        generations = sorted({0, last // 3, 2 * last // 3, last})
        folders = [ArmKey(seed, mixing, arm, ratio).folder(root, preset.fraction) for arm in kept]
        figure = Figure(figsize=(2.6 * len(generations) + 1.2, 0.34 * len(kept) + 0.55))
        FigureCanvasAgg(figure)
        grid = figure.subplots(len(kept), len(generations), squeeze=False)
        for row, (arm, folder) in enumerate(zip(kept, folders, strict=True)):
            for axes, generation in zip(grid[row], generations, strict=True):
                axes.set_xticks([])
                axes.set_yticks([])
                axes.set_frame_on(False)
                if row == 0:
                    axes.set_title(f"generation {generation}", fontsize=9)
                sheet = sheet_of(folder / NUMBERED.name(generation))
                if sheet is not None:  # an arm may be behind
                    axes.imshow(first_digits(sheet), cmap="gray", vmin=0, vmax=255)
            label = arm.replace("_", " ")
            grid[row, 0].set_ylabel(label, rotation=0, ha="right", va="center", fontsize=9)
        title = f"mixing {mixing}, lambda = {ratio:g}, seed {seed}"
        figure.text(0.5, 1 - 0.05 / figure.get_figheight(), title, ha="center", va="top")
        figure.tight_layout(rect=(0, 0, 1, 1 - 0.2 / figure.get_figheight()), h_pad=0.2, w_pad=0.4)
        name = f"samples_{mixing}_{round(100 * ratio):03d}.png"
        written.append(write_png(figure, out / name, SHEET_DPI))
    return written


def first_digits(sheet: Path) -> np.ndarray:
    """Return the first row (28, 280) of a published sheet of samples."""
    with Image.open(sheet) as picture:
        return np.asarray(picture.convert("L"))[:SIDE, : SIDE * DIGITS_SHOWN]


def _records(points: Sequence[Point], mixing: str, ratio: float) -> list[Record]:
    """Make the records of one comparison: baselines, raw and corrected arms.

    They are such as `visualize.curves.axes` draws.
    """
    records = []
    begun = {p.key for p in points if p.generation}
    renamed = {"FID_all": LOGARITHM, "FID_floor": f"{LOGARITHM} floor"}
    for key, generation, metric, value in points:
        if metric in renamed:
            metric, value = renamed[metric], float(np.log10(value))
        if key not in begun:  # generation 0 alone is everybody's
            continue
        arm = {"baseline": BASELINE, "raw": FINETUNING}.get(
            key.correction, f"{WITH_CORRECTION}: {key.correction}"
        )
        if key.correction == "baseline" or (key.mixing, key.ratio) == (mixing, ratio):
            percent = round(100 * key.ratio)
            records.append(Record(arm, percent, str(percent), key.seed, generation, metric, value))
    return records


def _log_limits(records: Sequence[Record]) -> tuple[float, float]:
    found = [r.value for r in records if r.metric.startswith(LOGARITHM)]
    return min(found) - 0.1, max(found) + 0.15
