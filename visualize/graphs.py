"""The published graphs: `python -m visualize.graphs exp_outputs/dataset_0064`.

Draws whatever arms and generations are there, also while they still run.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import tyro
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from loop.atomic import storage, write_bytes
from loop.command import command
from visualize.curves import Panel, draw_panel
from visualize.records import BASELINE, Record, read_runs, size_name

logger = logging.getLogger("scsc")

PUBLISHED_PANELS = (
    Panel("FID", "FID_test", ("FID floor", "FID_ground truth"), better="lower is better"),
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
PLAUSIBILITY_PANELS = (
    Panel("Recall", "Recall_test", ("Recall_ground truth",), better="higher is better"),
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
    """Draw two figures for each synthetic percentage, each as PNG and PDF; returns the paths.

    folders: size folders that differ only in their seed; curves are means with 95 % intervals.
    out: where to draw, default `<first folder>/graphs`.
    Raises MissingAssetError or CorruptFileError (see `visualize.records`), StorageError.
    """
    figures = published_figures(read_runs(folders), size_name(folders[0]))
    out = out or folders[0] / "graphs"
    with storage(out):
        out.mkdir(parents=True, exist_ok=True)
    return [path for name, figure in figures.items() for path in _save(figure, out / name)]


def published_figures(records: Sequence[Record], size: str) -> dict[str, Figure]:
    """Both figures of every synthetic percentage, by published name (without the file ending)."""
    subject = f"Dataset Size {int(size)}" if size.isdigit() else f"{size} data"
    figures = {}
    # With no synthetic arm yet the baseline still has its graph, under 0 %.
    for digits in sorted({record.digits for record in records if record.digits}) or ["000"]:
        chosen = [r for r in records if r.arm == BASELINE or r.digits == digits]
        title = f"Human Motion Generation Results: {subject}, "
        title += f"with {int(digits)}% Synthetic Augmentation"
        stem = f"{size}_{digits}_iterative_finetuning"
        figures[f"{stem}_graphs"] = draw_figure(chosen, PUBLISHED_PANELS, title)
        figures[f"{stem}_plausibility_graphs"] = draw_figure(chosen, PLAUSIBILITY_PANELS, title)
    return figures


def draw_figure(records: Sequence[Record], panels: Sequence[Panel], title: str) -> Figure:
    """Three panels a row, one legend below; no pyplot, so nothing global changes."""
    rows = -(-len(panels) // 3)
    height = 3.5 * rows + 1.3
    figure = Figure(figsize=(14, height))
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, 3, squeeze=False).flat
    entries = {}
    for place, panel in zip(axes, panels, strict=False):
        draw_panel(place, records, panel)
        for handle, label in zip(*place.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    seeds = len({record.seed for record in records})
    if seeds > 1:
        entries[f"95% interval of the mean of {seeds} seeds"] = Patch(color="0.5", alpha=0.3)
    # References last in the legend: the arms are what the reader looks for.
    labels = sorted(entries, key=lambda label: label in ("Generation-0", "Real data"))
    figure.legend(
        [entries[label] for label in labels],
        labels,
        loc="lower center",
        ncols=3,
        frameon=False,
        fontsize=12.5,
    )
    figure.tight_layout(rect=(0, 0.75 / height, 1, 1 - 0.4 / height), h_pad=1.4, w_pad=1.8)
    figure.suptitle(title, fontsize=15, y=1 - 0.1 / height, va="top")
    return figure


def _save(figure: Figure, stem: Path) -> list[Path]:
    written = []
    for kind, metadata in (("png", None), ("pdf", {"CreationDate": None})):  # same data, same bytes
        buffer = io.BytesIO()
        with matplotlib.rc_context({"pdf.fonttype": 42}):  # real text: searchable, editable
            figure.savefig(buffer, format=kind, dpi=200, metadata=metadata)
        written.append(stem.with_name(f"{stem.name}.{kind}"))
        write_bytes(written[-1], buffer.getvalue())
    return written


@command()
def main(runs_dirs: tyro.conf.Positional[list[Path]], out: Path | None = None) -> None:
    """Draw the graphs of a folder of runs.

    Args:
        runs_dirs: a size folder such as exp_outputs/dataset_0064; several that differ in the seed
            are averaged.
        out: folder for the graphs; default <first folder>/graphs.
    """
    for path in draw_graphs(runs_dirs, out):
        logger.info("wrote %s", path)


if __name__ == "__main__":
    tyro.cli(main, prog="python -m visualize.graphs")
