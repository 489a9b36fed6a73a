"""Graphs of the motion experiment, published and ours, of whatever generations are there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from loop.rundir.layout import BASELINE, FINETUNING
from visualize.curves.axes import (
    SMOOTH_FROM,
    SMOOTHING_SIGMA,
    Panel,
    draw_panel,
    legend_entries,
    select,
)
from visualize.curves.figures import save_figure
from visualize.curves.records import HALVES, Record, read_runs, size_name

PUBLISHED_PANELS = (
    Panel(
        "FID",
        "FID_test",
        ("FID floor", HALVES, "FID_ground truth"),
        better="lower is better",
    ),
    Panel(
        "Diversity",
        "Diversity_test",
        ("Diversity_ground truth",),
        better="near real data",
        from_zero=False,
    ),
    Panel(
        "Matching Score",
        "Matching Score_test",
        ("Matching Score_ground truth",),
        better="lower is better",
        from_zero=False,
    ),
)
DISTANCE_PANELS = (
    *(
        Panel(name, f"{name}_test", (f"{name}_ground truth",), better="lower is better")
        for name in ("KID", "FID kinetic", "FID geometric")
    ),
    *(
        Panel(name, f"{name}_test", better="higher is better")
        for name in ("Recall", "Precision", "Coverage")
    ),
)
PLAUSIBILITY_PANELS = (
    Panel("Physical error, mm", "Phys-Err_test", ("Phys-Err_ground truth",)),
    Panel("Penetration, mm", "Penetrate_test", ("Penetrate_ground truth",)),
    Panel("Floating, mm", "Float_test", ("Float_ground truth",)),
    Panel("Foot skating, mm/frame", "Skate_test", ("Skate_ground truth",)),
    Panel("Residual force of the correction, body weights", "Residual force_correction"),
    Panel(
        "Failed imitations, %",
        "Failed imitations_correction",
        per="Attempted imitations_correction",
    ),
)


def draw_graphs(folders: Sequence[Path], out: Path | None = None) -> list[Path]:
    """Draw the figures of each synthetic percentage, each as PNG and PDF; returns the paths.

    folders: size folders that differ only in their seed; curves are means with 95 % intervals.
    out: where to draw, default `<first folder>/graphs`.
    Raises MissingAssetError or CorruptFileError (see `visualize.curves.records`), StorageError.
    """
    figures = published_figures(read_runs(folders), size_name(folders[0]))
    out = out or folders[0] / "graphs"
    return [path for name, figure in figures.items() for path in save_figure(figure, out / name)]


def published_figures(records: Sequence[Record], size: str) -> dict[str, Figure]:
    """Draw figures of every synthetic percentage, by published name (without the ending).

    Means of several seeds have the names of a single run; the published figure with a row for each
    seed stands beside them. What the published code did not measure has a figure of its own, where
    it was measured.
    """
    figures, seeds = {}, len({record.seed for record in records})
    for digits, chosen in by_percentage(records):
        title, stem = figure_title(size, digits), f"{size}_{digits}_{FINETUNING}"
        if seeds > 1:
            combined = draw_seeds(chosen, PUBLISHED_PANELS, title)
            figures[f"{size}_{digits}_combined_graphs"] = combined
        figures[f"{stem}_graphs"] = draw_figure(chosen, PUBLISHED_PANELS, title)
        for name, panels in (
            ("distance", DISTANCE_PANELS),
            ("plausibility", PLAUSIBILITY_PANELS),
        ):
            if any(select(chosen, panel) for panel in panels):
                figures[f"{stem}_{name}_graphs"] = draw_figure(chosen, panels, title)
    return figures


def by_percentage(records: Sequence[Record]) -> list[tuple[str, list[Record]]]:
    """List (digits, records of those arms and of the baseline), one for each synthetic percentage.

    With no synthetic arm yet the baseline still has its graph, under 0 %.
    """
    return [
        (digits, [r for r in records if r.arm == BASELINE or r.digits == digits])
        for digits in sorted({record.digits for record in records if record.digits}) or ["000"]
    ]


def figure_title(size: str, digits: str) -> str:
    """Return the published title."""
    subject = f"Dataset Size {int(size)}" if size.isdigit() else f"{size} data"
    return f"Human Motion Generation Results: {subject}, with {int(digits)}% Synthetic Augmentation"


def draw_figure(records: Sequence[Record], panels: Sequence[Panel], title: str) -> Figure:
    """Draw three panels a row, one legend below; no pyplot, so nothing global changes."""
    figure, axes = _canvas(-(-len(panels) // 3))
    for place, panel in zip(axes.flat, panels, strict=False):
        draw_panel(place, records, panel)
    _finish(figure, axes, records, title, seeds=len({record.seed for record in records}))
    return figure


def draw_seeds(records: Sequence[Record], panels: Sequence[Panel], title: str) -> Figure:
    """Draw a row of three panels for each seed, the published way to show repeated runs."""
    seeds = sorted({record.seed for record in records})
    figure, axes = _canvas(len(seeds))
    for row, seed in zip(axes, seeds, strict=True):
        for place, panel in zip(row, panels, strict=True):
            draw_panel(place, [record for record in records if record.seed == seed], panel)
            place.set_title(f"Seed {seed}: {place.get_title()}", fontsize=13)
    for column in axes.T:  # equal scales, so that rows compare
        measured = [place for place in column if place.lines]
        limits = np.array([place.get_ylim() for place in measured] or [(0.0, 1.0)])
        ends = max(place.get_xlim()[1] for place in column)
        for place in column:
            place.set_xlim(-ends / 26, ends)
        for place in measured:
            place.set_ylim(limits[:, 0].min(), limits[:, 1].max())
    _finish(figure, axes, records, title, seeds=1)
    return figure


def _canvas(rows: int) -> tuple[Figure, np.ndarray]:
    """Return a figure and its axes (rows, 3)."""
    figure = Figure(figsize=(14, 3.5 * rows + 1.5))
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, 3, squeeze=False)


def _finish(
    figure: Figure, axes: np.ndarray, records: Sequence[Record], title: str, seeds: int
) -> None:
    """Draw legend, note and title around the panels; seeds: how many each curve stands for."""
    handles, labels = legend_entries(axes.flat, seeds)
    height = figure.get_figheight()
    figure.legend(
        handles,
        labels,
        loc="lower center",
        bbox_to_anchor=(0.5, 0.22 / height),
        ncols=3,
        frameon=False,
        fontsize=12.5,
    )
    note = explanation(records, seeds)
    figure.text(0.5, 0.1 / height, note, ha="center", va="bottom", fontsize=11, color="0.35")
    below = 0.45 + 0.25 * max(2, -(-len(labels) // 3))  # inches: the note, rows of the legend
    figure.tight_layout(rect=(0, below / height, 1, 1 - 0.4 / height), h_pad=1.4, w_pad=1.8)
    figure.suptitle(title, fontsize=15, y=1 - 0.1 / height, va="top")


def explanation(records: Sequence[Record], seeds: int) -> str:
    """Explain what lines and points are, in a sentence; empty where they explain themselves.

    seeds: how many each curve stands for.
    """
    smooth = len({record.generation for record in records}) >= SMOOTH_FROM
    parts = []
    if smooth or seeds > 1:
        parts.append("Points: single runs." if seeds > 1 else "Points: as measured.")
        line = "mean over seeds" if seeds > 1 else "trend"
        blur = f" (Gaussian smoothing over {SMOOTHING_SIGMA:g} generations)" if smooth else ""
        dashes = "; dashed where some seeds are not there yet" if seeds > 1 else ""
        parts.append(f"Lines: {line}{blur}{dashes}.")
    return "  ".join(parts)
