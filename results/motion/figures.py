"""Figures of the motion evidence: curves of the headline, and the response to lambda and gamma."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from domains.gaussian.theory import border
from loop.rundir.layout import BASELINE, FINETUNING, WITH_CORRECTION
from results.markdown import over_seeds
from results.motion.plan import GAMMAS, HEADLINE, RATIOS, EvidenceArm
from results.motion.runs import HORIZON, Table, at, curves, last_common
from results.motion.tables import FLOOR, TRAIN, shown
from visualize.arms import OTHER_STYLES, STYLES
from visualize.curves.figures import save_figure

COLOURS = {
    "raw": STYLES[FINETUNING].color,
    "corrected": STYLES[WITH_CORRECTION].color,
    BASELINE: STYLES[BASELINE].color,
    "kinematic": OTHER_STYLES[0].color,
}
PANELS = ("FID_test", "KID_test", "FID kinetic_test", "Recall_test", "Precision_test")


def draw_headline(table: Table, dataset: str, mixing: str, out: Path) -> list[Path]:
    """Draw median and range over seeds of the headline's arms; return the files.

    Seeds that went further are drawn once more, to their end.
    """
    name = f"{dataset}_{mixing}"
    long = {arm for arm, generation in table if generation > HORIZON}
    near = {place: row for place, row in table.items() if place[1] <= HORIZON}
    far = {place: row for place, row in table.items() if place[0] in long}
    return [
        path
        for part, stem in ((near, name), (far, f"{name}_long"))
        for path in _draw_arms(part, dataset, mixing, out / stem)
    ]


def _draw_arms(table: Table, dataset: str, mixing: str, stem: Path) -> list[Path]:
    arms = [EvidenceArm(dataset, 0, kind, mixing) for kind in HEADLINE if kind != BASELINE]
    arms.append(EvidenceArm(dataset, 0, BASELINE))
    if not any(curves(table, arm, PANELS[0]) for arm in arms[:-1]):
        return []
    figure = new_figure(len(PANELS))
    for axes, metric in zip(figure.subplots(1, len(PANELS)), PANELS, strict=True):
        for arm in arms:
            _draw_curve(axes, table, arm, metric)
        _draw_real(axes, table, dataset, metric)
        axes.set(title=shown(metric), xlabel="generation")
        axes.set_ylim(bottom=min(0, axes.get_ylim()[0]))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    entries = figure.axes[0].get_legend_handles_labels()
    figure.legend(*entries, loc="outside lower center", ncols=len(entries[1]), frameon=False)
    return save_figure(figure, stem)


def draw_response(table: Table, dataset: str, out: Path) -> list[Path]:
    """Draw the last FID and recall over lambda and over gamma; returns the files."""
    raw, full = (EvidenceArm(dataset, 0, kind) for kind in ("raw", "corrected"))
    by_gamma = [(0.0, raw)]
    by_gamma += [(g, EvidenceArm(dataset, 0, "corrected", gamma=g)) for g in GAMMAS]
    by_gamma.append((math.inf, full))
    by_ratio = {
        kind: [(r, EvidenceArm(dataset, 0, kind, ratio=r)) for r in sorted((*RATIOS, 1.0))]
        for kind in ("raw", "corrected")
    }
    figure = new_figure(4)
    panels = figure.subplots(1, 4)
    inside = {"raw": float(border(0)), "corrected": float(border(math.inf))}
    for axes, metric in zip(panels[:2], ("FID_test", "Recall_test"), strict=True):
        for kind, arms in by_ratio.items():
            _draw_response(axes, table, arms, metric, COLOURS[kind], kind)
        for kind, edge in inside.items():  # the theorem promises stability to the left of it
            axes.axvline(edge, color=COLOURS[kind], linestyle=":", label=f"border, {kind}")
        axes.set(title=f"{shown(metric)}, gamma = ∞ or 0", xlabel="lambda")
        axes.legend(frameon=False)
    for axes, metric in zip(panels[2:], ("FID_test", "Recall_test"), strict=True):
        _draw_response(axes, table, by_gamma, metric, COLOURS["corrected"], "lambda = 1")
        # lambda = 1 lies on the border at an infinite gamma, and beyond it at any other
        axes.axvline(1.0, color=COLOURS["corrected"], linestyle=":", label="border")
        axes.set(title=f"{shown(metric)}, lambda = 1", xlabel="gamma / (1 + gamma)")
    return save_figure(figure, out / f"{dataset}_response") if panels[0].containers else []


def new_figure(panels: int) -> Figure:
    """Make a figure that is wide enough for a row of panels."""
    figure = Figure(figsize=(3.6 * panels, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _draw_curve(axes: Axes, table: Table, arm: EvidenceArm, metric: str) -> None:
    found = list(curves(table, arm, metric).values())
    if not found:
        return
    generations = np.unique(np.concatenate([curve.generations for curve in found]))
    spread = [
        np.array([c.values[c.generations == g][0] for c in found if g in c.generations])
        for g in generations
    ]
    label = f"{arm.kind} ({len(found)})"
    color = COLOURS[arm.kind]
    axes.plot(generations, [np.median(v) for v in spread], color=color, label=label, marker=".")
    axes.fill_between(
        generations, [v.min() for v in spread], [v.max() for v in spread], color=color, alpha=0.15
    )


def _draw_real(axes: Axes, table: Table, dataset: str, metric: str) -> None:
    for label, name, style in (
        ("real: training motions", TRAIN.get(metric), "--"),
        ("real: halves of the test", FLOOR.get(metric), ":"),
    ):
        found = [
            row[name] for (arm, _), row in table.items() if arm.dataset == dataset and name in row
        ]
        if found:
            value = float(np.median(found))
            axes.axhline(value, color="grey", linestyle=style, linewidth=1, label=label)


def _draw_response(
    axes: Axes,
    table: Table,
    arms: Sequence[tuple[float, EvidenceArm]],
    metric: str,
    color: str,
    label: str,
) -> None:
    found = {dose: curves(table, arm, metric) for dose, arm in arms}
    last = last_common(list(found.values()))
    points = [(dose, over_seeds(at(curve, last))) for dose, curve in found.items()]
    points = [(dose, value) for dose, value in points if value is not None and last]
    if len(points) > 1:  # one dose is no response
        strength = label.startswith("lambda")
        x = [1.0 if math.isinf(d) else d / (1 + d) if strength else d for d, _ in points]
        half = [v.high - v.value for _, v in points]
        axes.errorbar(x, [v.value for _, v in points], half, color=color, marker="o", label=label)
