"""Graphs of the MNIST experiment: the published one, and ours with intervals, floor and recall.

<out>/aug_percent_<lambda>_graphs.png          as published: FID alone, one run, smoothed
<out>/aug_percent_<lambda>_metrics.{png,pdf}   ours: more metrics, 95 % intervals over seeds
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator
from scipy.ndimage import gaussian_filter1d

from loop.rundir.files import make_folder
from loop.rundir.layout import BASELINE, FINETUNING, WITH_CORRECTION
from visualize.arms import arm_label
from visualize.curves.axes import Panel
from visualize.curves.figures import save_figure, write_png
from visualize.curves.motion import draw_figure
from visualize.curves.records import Record

PUBLISHED_DPI = 300
SIGMA = 4.0
"""Generations of the published smoothing."""
COLORS = {BASELINE: "peru", FINETUNING: "forestgreen", WITH_CORRECTION: "tab:blue"}
"""Published colours."""
PANELS = (
    Panel("FID", "FID_all", ("FID_floor",), better="lower is better"),
    Panel("Recall", "Recall", ("Recall_real",), better="higher is better"),
    Panel("Precision", "Precision", ("Precision_real",), better="higher is better"),
    Panel("Right digit (LeNet)", "Accuracy", ("Accuracy_real",), better="higher is better"),
    Panel("FID of the training samples", "FID_entering", ("FID_floor",), better="lower is better"),
    Panel("Closer to training digits", "Memorisation", better="0.5: no copying"),
)


def draw_graphs(records: Sequence[Record], out: Path) -> list[Path]:
    """Draw both graphs of every lambda that has an arm; returns the files.

    Raises StorageError when the folder cannot be written.
    """
    make_folder(out)
    written = []
    # With no synthetic arm yet the baseline has its graph, too.
    for digits in sorted({r.digits for r in records if r.digits}, key=float) or [""]:
        chosen = [r for r in records if r.arm == BASELINE or r.digits == digits]
        stem = f"aug_percent_{digits or 0}"
        written.append(write_png(draw_published(chosen), out / f"{stem}_graphs.png", PUBLISHED_DPI))
        written += save_figure(draw_ours(chosen), out / f"{stem}_metrics")
    return written


def draw_published(records: Sequence[Record]) -> Figure:
    """Draw the published graph of one lambda, from the first seed that is there."""
    seed = min(record.seed for record in records)
    mine = [r for r in records if r.seed == seed and r.metric == "FID"]
    percent = max((record.percent for record in records), default=0)
    figure = Figure(figsize=(8, 6))
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    extremes = []
    start = [record.value for record in mine if record.generation == 0]
    if start:
        axes.axhline(start[0], color="tab:red", linestyle="--", label="Generation-0")
    for arm, color in COLORS.items():
        line = sorted((r.generation, r.value) for r in mine if r.arm == arm)
        if line:
            points = np.array(line, float)
            extremes.append(_draw_smoothed(axes, points, color, arm_label(arm, percent)))
    if extremes:
        low, high = np.array(extremes)[:, 0].min(axis=0), np.array(extremes)[:, 1].max(axis=0)
        if low.mean() < high.mean():
            axes.set_ylim(low.mean(), high.mean())
    axes.xaxis.set_major_locator(MultipleLocator(5))
    axes.set_xlabel("Generation")
    axes.set_ylabel("FID")
    axes.set_title(f"MNIST Conditional Generation Results\n{percent}% Synthetic Augmentation")
    axes.legend()
    return figure


def draw_ours(records: Sequence[Record], title: str = "") -> Figure:
    """Draw six metrics of the arms, mean over seeds with 95 % intervals, beside real data."""
    percent = max((record.percent for record in records), default=0)
    return draw_figure(
        entering(records), PANELS, title or f"MNIST, {percent}% synthetic data of the real data"
    )


def entering(records: Sequence[Record]) -> list[Record]:
    """Add to the records the FID of what entered the training set of each generation."""
    known = {(*r[:5], r.metric): r.value for r in records}
    added = []
    for record in records:
        if record.metric == "FID_sampled":
            value = known.get((*record[:5], "FID_corrected"), record.value)
            added.append(record._replace(metric="FID_entering", value=value))
    return [*records, *added]


def _draw_smoothed(axes: Axes, line: np.ndarray, color: str, label: str) -> list[list[float]]:
    """Draw points (G, 2); returns [[lowest smoothed, lowest raw], [highest ...]]."""
    generations, values = line.T
    smooth = gaussian_filter1d(values, SIGMA, mode="nearest")
    axes.plot(generations, smooth, color=color, label=label)
    axes.plot(generations, values, color=color, alpha=0.2)
    return [[smooth.min(), values.min()], [smooth.max(), values.max()]]


def sheet_of(folder: Path) -> Path | None:
    """Find the picture of a generation's samples: the one with the highest number in its name."""
    found = list(folder.glob("image_*.png"))
    return max(found, key=lambda path: int(re.findall(r"\d+", path.name)[0]), default=None)
