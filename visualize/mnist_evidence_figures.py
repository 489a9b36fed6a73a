"""Figures of the MNIST evidence: curves of all arms, and what their models draw."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from PIL import Image

from train.mnist_evidence import ArmKey
from train.mnist_presets import MnistPreset
from visualize.curves import Panel, draw_panel
from visualize.figures import save_figure
from visualize.mnist import write_png
from visualize.mnist_evidence import ORDER, Point, comparisons, last_reached
from visualize.records import BASELINE, CORRECTED, FINETUNING, Record

LOGARITHM = "log FID"
"""Arms differ by two orders of magnitude, and so do their intervals: means are of logarithms."""
TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
PANELS = (
    Panel("FID", LOGARITHM, (f"{LOGARITHM} floor",), better="lower is better", from_zero=False),
    Panel("Recall", "Recall", ("Recall_real",), better="higher is better"),
    Panel("Right digit", "Accuracy", ("Accuracy_real",), better="higher is better"),
)
SIDE, SHEET_DPI = 28, 120
DIGITS_SHOWN = 10


def draw_curves(points: Sequence[Point], out: Path) -> list[Path]:
    """One figure for each mixing and ratio; returns the files."""
    written = []
    for mixing, ratio in comparisons(points):
        records = _records(points, mixing, ratio)
        figure = Figure(figsize=(15, 5.2))
        FigureCanvasAgg(figure)
        entries = {}
        for axes, panel in zip(figure.subplots(1, 3), PANELS, strict=True):
            draw_panel(axes, records, panel)
            if panel.metric == LOGARITHM:
                axes.set_yticks(np.log10(TICKS), [str(tick) for tick in TICKS])
                axes.set_ylim(_log_limits(records))
            for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
                entries.setdefault(label, handle)
        seeds = len({record.seed for record in records})
        if seeds > 1:
            entries[f"95% interval of the mean of {seeds} seeds"] = Patch(color="0.5", alpha=0.3)
        figure.legend(entries.values(), entries, loc="lower center", ncols=3, frameon=False)
        figure.suptitle(f"MNIST, {mixing} mixing, {round(100 * ratio)}% synthetic data", y=0.98)
        figure.tight_layout(rect=(0, 0.13, 1, 0.97))
        written += save_figure(figure, out / f"curves_{mixing}_{round(100 * ratio):03d}")
    return written


def draw_sheets(points: Sequence[Point], root: Path, preset: MnistPreset, out: Path) -> list[Path]:
    """Ten digits of each arm and generation of the first seed, one figure a comparison."""
    written = []
    for mixing, ratio in comparisons(points):
        seed = min(p.key.seed for p in points if (p.key.mixing, p.key.ratio) == (mixing, ratio))
        kept = [arm for arm in ORDER if last_reached(points, mixing, ratio, arm)]
        last = min(last_reached(points, mixing, ratio, arm) for arm in kept)
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
                sheets = sorted((folder / f"{generation:02d}").glob("image_*.png"))
                if sheets:
                    axes.imshow(first_digits(sheets[0]), cmap="gray", vmin=0, vmax=255)
            label = arm.replace("_", " ")
            grid[row, 0].set_ylabel(label, rotation=0, ha="right", va="center", fontsize=9)
        figure.suptitle(f"seed {seed}, {mixing}, lambda = {ratio:g}", fontsize=10, y=0.99)
        figure.tight_layout(rect=(0, 0, 1, 0.98), h_pad=0.2, w_pad=0.4)
        name = f"samples_{mixing}_{round(100 * ratio):03d}.png"
        written.append(write_png(figure, out / name, SHEET_DPI))
    return written


def first_digits(sheet: Path) -> np.ndarray:
    """The first row (28, 280) of a published sheet of samples."""
    with Image.open(sheet) as picture:
        return np.asarray(picture.convert("L"))[:SIDE, : SIDE * DIGITS_SHOWN]


def _records(points: Sequence[Point], mixing: str, ratio: float) -> list[Record]:
    """As `visualize.curves` draws them: baselines, raw and corrected arms of one comparison."""
    records = []
    begun = {p.key for p in points if p.generation}
    renamed = {"FID_all": LOGARITHM, "FID_floor": f"{LOGARITHM} floor"}
    for key, generation, metric, value in points:
        if metric in renamed:
            metric, value = renamed[metric], float(np.log10(value))
        if key not in begun:  # generation 0 alone is everybody's
            continue
        arm = {"baseline": BASELINE, "raw": FINETUNING}.get(
            key.correction, f"{CORRECTED}: {key.correction}"
        )
        if key.correction == "baseline" or (key.mixing, key.ratio) == (mixing, ratio):
            percent = round(100 * key.ratio)
            records.append(Record(arm, percent, str(percent), key.seed, generation, metric, value))
    return records


def _log_limits(records: Sequence[Record]) -> tuple[float, float]:
    found = [r.value for r in records if r.metric.startswith(LOGARITHM)]
    return min(found) - 0.1, max(found) + 0.15
