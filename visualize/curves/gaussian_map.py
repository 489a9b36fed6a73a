"""Stability maps of the Gaussian experiment: final distance over λ and γ, and theory over it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from domains.gaussian.theory import StabilityMap
from visualize.curves.gaussian import DASHED, INK, in_theory

STRENGTHS = np.array([0.0, 0.1, 0.3, 1.0, 2.0, 5.0])
"""Ticks of the correction strength."""


def draw_maps(maps: Sequence[StabilityMap]) -> Figure:
    """Draw final W₂ over λ and γ, relative to generation 0, and the theorem's border."""
    figure = Figure(figsize=(1.2 + 6.2 * len(maps), 5.8))
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(maps), squeeze=False)[0]
    left = 0.75 / figure.get_figwidth()
    figure.subplots_adjust(left=left, right=0.96, top=0.91, bottom=0.255, wspace=0.16)
    for axes, each in zip(panels, maps, strict=True):
        mesh = _draw_changes(axes, each)
        _draw_border(axes, covered=in_theory(each.settings))
        _dress(axes, each)
        bar = figure.colorbar(mesh, ax=axes, pad=0.025)
        ticks = [tick for tick in bar.get_ticks() if abs(tick) <= mesh.get_clim()[1]]
        bar.set_ticks(ticks, labels=[f"{2.0**tick:.3g}" for tick in ticks])
        bar.ax.tick_params(labelsize=10)
        bar.set_label("Final W₂ / W₂ of generation 0", fontsize=11)
    panels[0].set_ylabel(r"Correction strength $\gamma$", fontsize=11)
    figure.text(left, 0.15, _note(maps), fontsize=9, color=INK, va="top", linespacing=1.35)
    return figure


def _draw_changes(axes: Axes, each: StabilityMap) -> QuadMesh:
    """Draw in orange what is further from the target than the model of real data, else violet."""
    change, places = np.log2(each.change.T), (np.log2(each.ratios), each.weights)
    limit = max(0.5, float(np.abs(change).max()))
    mesh = axes.pcolormesh(
        *places, change, cmap="PuOr_r", vmin=-limit, vmax=limit, shading="nearest", rasterized=True
    )
    if min(change.shape) > 1 and change.min() < 0 < change.max():
        axes.contour(
            *places, change, levels=[0.0], colors="black", linewidths=1.2, linestyles="dotted"
        )
    return mesh


def _draw_border(axes: Axes, covered: bool) -> None:
    """Draw the border λ = (1+γ)/(2+γ) = 1/(2-t), and dots beyond it where the theorem applies."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    t = np.array([bottom, *np.linspace(0.0, 1.0, 200), top])
    theory = np.log2(1.0 / (2.0 - t.clip(0.0, 1.0)))
    axes.plot(theory, t, color="black", linewidth=2.2, linestyle="-" if covered else DASHED)
    if covered:
        axes.fill_betweenx(
            t, theory, right, facecolor="none", edgecolor="0.35", hatch="..", linewidth=0, alpha=0.5
        )
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)


def _dress(axes: Axes, each: StabilityMap) -> None:
    low, high = np.log2(each.ratios.min()), np.log2(each.ratios.max())
    powers = np.arange(np.ceil(low), np.floor(high) + 1)
    axes.set_xticks(powers, labels=[f"{2.0**power:g}" for power in powers])
    axes.set_yticks(
        [*(STRENGTHS / (1.0 + STRENGTHS)), 1.0], labels=[*(f"{g:g}" for g in STRENGTHS), "∞"]
    )
    axes.set_xlabel(r"Synthetic points per real point, $\lambda$", fontsize=11)
    axes.tick_params(labelsize=10)
    title = f"Mixing {each.settings.mixing}, correction {each.settings.correction}"
    axes.set_title(title, fontsize=12, loc="left")


def _note(maps: Sequence[StabilityMap]) -> str:
    used = maps[0].settings
    note = (
        f"Geometric mean over {used.seeds} seeds after {used.generations} generations; {used.n} "
        f"real points of N(0, I) in {used.dimension}-D. Thin dotted line: as far from the target "
        r"as the model of the real data alone. Heavy line: the theorem's border "
        r"$\lambda=(1+\gamma)/(2+\gamma)$ (arXiv 2402.07087; $L=0$, so $c=\lambda$). Left of it, a "
        "slightly displaced model is proven to come back, where mixing is latest and the "
        "correction exact; in the dotted area the theorem says nothing, which does not mean "
        "unstable."
    )
    if not all(in_theory(each.settings) for each in maps):
        note += " Broken line: the theorem does not apply."
    return textwrap.fill(note, width=92 * len(maps))
