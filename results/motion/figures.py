"""Figures of the motion evidence: curves of the headline, and the response to lambda and gamma."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from domains.gaussian.theory import border
from loop.rundir.layout import BASELINE, FINETUNING, WITH_CORRECTION
from results.motion.plan import GAMMAS, HEADLINE, RATIOS, EvidenceArm
from results.motion.runs import HORIZON, Table, curves, last_common, late_means
from results.motion.tables import FLOOR, TRAIN, shown
from visualize.arms import OTHER_STYLES, STYLES
from visualize.curves.figures import save_figure

COLOURS = {
    "raw": STYLES[FINETUNING].color,
    "corrected": STYLES[WITH_CORRECTION].color,
    BASELINE: STYLES[BASELINE].color,
    "kinematic": OTHER_STYLES[0].color,
}
STRENGTH_COLOURS = (COLOURS["corrected"], OTHER_STYLES[1].color)
"""Of gamma with and without real data."""
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
    """Draw late FID and recall over lambda and over gamma; returns the files."""
    none = (0.0, EvidenceArm(dataset, 0, BASELINE))
    by_ratio = {
        kind: [none, *((r, EvidenceArm(dataset, 0, kind, ratio=r)) for r in sorted((*RATIOS, 1.0)))]
        for kind in ("raw", "corrected")
    }
    by_gamma = {mixing: _strengths(dataset, mixing) for mixing in ("latest", "replace")}
    figure = new_figure(4)
    panels = figure.subplots(1, 4)
    inside = {"raw": float(border(0)), "corrected": float(border(math.inf))}
    drawn = False
    for axes, metric in zip(panels[:2], ("FID_test", "Recall_test"), strict=True):
        for kind, arms in by_ratio.items():
            drawn |= _draw_response(axes, table, arms, metric, COLOURS[kind], kind)
        for kind, edge in inside.items():  # the theorem promises stability to the left of it
            axes.axvline(edge, color=COLOURS[kind], linestyle=":", label=f"border, {kind}")
        axes.set(title=f"{shown(metric)}, gamma = ∞ or 0", xlabel="lambda")
        axes.legend(frameon=False)
    for axes, metric in zip(panels[2:], ("FID_test", "Recall_test"), strict=True):
        for (mixing, arms), color in zip(by_gamma.items(), STRENGTH_COLOURS, strict=True):
            drawn |= _draw_response(axes, table, arms, metric, color, mixing)
        axes.set(title=f"{shown(metric)}, lambda = 1", xlabel="gamma / (1 + gamma)")
        if axes.lines:
            axes.legend(frameon=False)
    return save_figure(figure, out / f"{dataset}_response") if drawn else []


def _strengths(dataset: str, mixing: str) -> list[tuple[float, EvidenceArm]]:
    """Return gamma / (1 + gamma) and the arm of each strength: raw at 0, corrected at 1."""
    full = EvidenceArm(dataset, 0, "corrected", mixing)
    some = [(gamma / (1 + gamma), replace(full, gamma=gamma)) for gamma in GAMMAS]
    return [(0.0, replace(full, kind="raw")), *some, (1.0, full)]


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
        ("real: floor", FLOOR.get(metric), ":"),
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
) -> bool:
    """Draw the mean over later generations, of seeds that have all doses: each thin, and the mean.

    Doses that nothing has run, or not so far, are left out; returns whether more than two are left.
    """
    found = {dose: curves(table, arm, metric) for dose, arm in arms}
    found = {dose: seeds for dose, seeds in found.items() if seeds}
    last = last_common(list(found.values()))
    late = range(last // 2 + 1, last + 1)
    values = {dose: means for dose, seeds in found.items() if (means := late_means(seeds, late))}
    common = sorted(set.intersection(*map(set, values.values()))) if len(values) > 2 else []
    if not common:  # two doses are a comparison
        return False
    each = np.array([[values[dose][seed] for dose in values] for seed in common])
    for line in each:
        axes.plot(list(values), line, color=color, linewidth=0.8, alpha=0.5)
    name = f"{label} ({len(common)})"
    axes.plot(list(values), each.mean(0), color=color, marker="o", label=name)
    return True
