"""The figure of the Gaussian experiment: distance over generations, and contraction with theory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from domains.gaussian.domain import GaussianResult, GaussianSettings
from domains.gaussian.results import Band, band
from domains.gaussian.theory import Contraction, border, gaussian_factor, rho

COLORS = (
    "#B81D13",
    "#E8731A",
    "#DDB400",
    "#17702D",
    "#20A89E",
    "#3D9BE0",
    "#5C3FB0",
    "#D045A8",
)
"""Red, darkorange, gold, green, lightseagreen, deepskyblue, mediumpurple, magenta as published,
darkened to be read on white; every line also carries its strength, for readers without colour."""
INK = "0.25"
DASHED = (0, (4, 2))


def gamma_colors(gammas: Sequence[float]) -> dict[float, str]:
    """Return published colours in the order of γ, or a perceptual scale beyond eight."""
    ordered = sorted(set(gammas))
    if len(ordered) <= len(COLORS):
        return dict(zip(ordered, COLORS, strict=False))
    scale = matplotlib.colormaps["viridis"](np.linspace(0.0, 0.9, len(ordered)))
    return {gamma: to_hex(color) for gamma, color in zip(ordered, scale, strict=True)}


def gamma_label(gamma: float) -> str:
    """Return a strength with the two published digits, or as many as it needs."""
    if np.isinf(gamma):
        return "∞"
    return f"{gamma:.2f}" if round(gamma, 2) == gamma else f"{gamma:g}"


def in_theory(settings: GaussianSettings) -> bool:
    """Tell whether the theorem speaks of this setting (but for its finite samples)."""
    return (settings.mixing, settings.correction) == ("latest", "exact")


def draw_experiment(result: GaussianResult, contraction: Contraction) -> Figure:
    """Draw two panels: W₂ over generations for each γ; measured contraction against theory."""
    figure = Figure(figsize=(13, 6))
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    figure.subplots_adjust(left=0.055, right=0.94, top=0.92, bottom=0.255, wspace=0.3)
    gammas = result.settings.gammas
    draw_distances(left, gammas, band(result.distance))
    measured = band(contraction.factors)
    draw_contraction(right, contraction.ratios, contraction.gammas, measured, gamma_colors(gammas))
    for axes, note in ((left, _protocol_note(result)), (right, _theory_note(contraction))):
        axes.text(
            0.0, -0.145, note, transform=axes.transAxes, fontsize=9, color=INK, va="top",
            linespacing=1.35,
        )  # fmt: skip
    return figure


def draw_distances(
    axes: Axes,
    gammas: Sequence[float],
    bands: Band,
    title: str = "Distance of the model from the target",
) -> None:
    """Draw median distance (W₂) and band for each γ, labelled at the right end.

    bands: median and bounds over seeds, (G, A) each.
    """
    colors = gamma_colors(gammas)
    generations = np.arange(len(bands.median))
    for arm, gamma in enumerate(gammas):
        low, high, median = bands.low[:, arm], bands.high[:, arm], bands.median[:, arm]
        axes.fill_between(generations, low, high, color=colors[gamma], alpha=0.16, linewidth=0)
        axes.plot(generations, median, color=colors[gamma], linewidth=1.8)
    top = 1.05 * float(bands.high.max())
    axes.set_xlim(0, max(1, generations[-1]))
    axes.set_ylim(0, top)
    heights = spread(bands.median[-1].tolist(), 0.047 * top)
    for gamma, height in zip(gammas, heights, strict=True):
        _label_end(axes, height, gamma_label(gamma), colors[gamma])
    axes.annotate(
        "Correction\nstrength " + r"$\gamma$", (1.0, max(heights) + 0.06 * top),
        xycoords=("axes fraction", "data"), xytext=(5, 0), textcoords="offset points",
        fontsize=9, color=INK, annotation_clip=False,
    )  # fmt: skip
    _dress(axes, "Generation", "Wasserstein distance to the target")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]))
    axes.set_title(title, fontsize=12, loc="left", pad=12)


def draw_contraction(
    axes: Axes,
    measured_ratios: np.ndarray,
    gammas: np.ndarray,
    measured: Band,
    colors: Mapping[float, str],
) -> None:
    """Draw the factor a generation over λ: measured, the Gaussian's own, and the theorem's bound.

    Args:
        axes: where to draw.
        measured_ratios: the λ (R,) at which it was measured.
        gammas: correction strengths (A,).
        measured: factor and its bounds over seeds, (R, A) each.
        colors: of each γ.
    """
    end = 1.04 * max(1.0, float(measured_ratios.max()))
    ratios = np.linspace(0.0, end, 600)
    for arm, gamma in enumerate(gammas.tolist()):
        color = colors[gamma]
        own, bound = gaussian_factor(ratios, gamma), rho(ratios, gamma)
        axes.plot(ratios, own, color=color, linewidth=1.5)
        axes.plot(ratios[bound < 1], bound[bound < 1], color=color, linewidth=1.5, linestyle=DASHED)
        axes.plot(
            border(gamma), 1.0, marker="X", color=color, markersize=8, clip_on=False, zorder=5
        )
        _draw_measured(axes, measured_ratios, gamma, Band(*(b[:, arm] for b in measured)), color)
        _label_end(axes, float(own[-1]), rf"$\gamma$ = {gamma_label(gamma)}", color)
    axes.axvspan(1.0, end, color="0.93", zorder=0, linewidth=0)
    axes.text(
        1.0 + 0.02 * end, 0.985, r"$\lambda \geq 1$: the theorem says nothing for any $\gamma$",
        fontsize=8.5, color=INK, va="top",
    )  # fmt: skip
    axes.set_xlim(0, end)
    axes.set_ylim(0, 1.0)
    _dress(axes, r"Synthetic points per real point, $\lambda$", "Error after / before a generation")
    axes.set_title("Contraction of a displaced model", fontsize=12, loc="left", pad=12)
    axes.legend(
        handles=_contraction_legend(), loc="upper left", bbox_to_anchor=(0.485, 0.95),
        fontsize=8.5, frameon=False, labelspacing=0.3,
    )  # fmt: skip


def _draw_measured(axes: Axes, ratios: np.ndarray, gamma: float, found: Band, color: str) -> None:
    """Draw factors and bounds; full dots where the theorem applies, empty ones elsewhere."""
    axes.vlines(ratios, found.low, found.high, color=color, linewidth=1.2)
    applies = ratios < border(gamma)
    for chosen, face in ((applies, color), (~applies, "white")):
        axes.plot(
            ratios[chosen], found.median[chosen], linestyle="none", marker="o", markersize=6,
            markerfacecolor=face, markeredgecolor=color, markeredgewidth=1.3, zorder=4,
        )  # fmt: skip


def _contraction_legend() -> list[Line2D]:
    def dot(face: str, label: str) -> Line2D:
        return Line2D(
            [], [], color=INK, linestyle="none", marker="o", markerfacecolor=face, label=label
        )

    own, bound, edge = (
        r"Gaussian's own: $\lambda\,/\,((1+\lambda)(1+\gamma))$",
        r"theorem's bound: $c\,/\,((1+\gamma)(1-c))$",
        r"its border: $c = (1+\gamma)/(2+\gamma)$",
    )
    return [
        dot(INK, "measured, theorem applies"),
        dot("white", "measured, theorem says nothing"),
        Line2D([], [], color=INK, label=own),
        Line2D([], [], color=INK, linestyle=DASHED, label=bound),
        Line2D([], [], color=INK, linestyle="none", marker="X", markersize=8, label=edge),
    ]


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """Move labels up, lowest first, until neighbours are `gap` apart; keeps the order given."""
    placed = list(heights)
    for below, above in pairwise(np.argsort(placed, kind="stable").tolist()):
        placed[above] = max(placed[above], placed[below] + gap)
    return placed


def _label_end(axes: Axes, height: float, text: str, color: str) -> None:
    axes.annotate(
        text, (1.0, height), xycoords=("axes fraction", "data"), xytext=(5, 0),
        textcoords="offset points", color=color, fontsize=10, va="center", fontweight="bold",
        annotation_clip=False,
    )  # fmt: skip


def _dress(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x, fontsize=11)
    axes.set_ylabel(y, fontsize=11)
    axes.tick_params(labelsize=10)
    axes.grid(color="0.9", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _protocol_note(result: GaussianResult) -> str:
    used = result.settings
    lines = [
        f"Median and 95 % band over {used.seeds} seeds; {used.n} real points of N(0, I) in "
        f"{used.dimension}-D,",
        f"{used.synthetic_count} synthetic ones a generation, mixing {used.mixing}, correction "
        f"{used.correction}.",
    ]
    if in_theory(used):
        lines += ["The theorem's setting, but for the finite number of points."]
    else:
        lines += [
            "The theorem does not cover this panel: it speaks of the newest synthetic",
            "set alone, of an exact correction, and of unlimited samples.",
        ]
    if used.correction == "histogram":
        lines += [r"Resampling from a histogram moves the model by itself, also at $\gamma = 0$."]
    return "\n".join(lines)


def _theory_note(contraction: Contraction) -> str:
    seeds = contraction.factors.shape[-1]
    return "\n".join(
        [
            f"Median and 95 % band over {seeds} seeds; mixing latest, correction exact, "
            f"{contraction.n} whitened",
            f"real points, {contraction.generations} generations from a displaced start. Theorem: "
            "arXiv 2402.07087, in",
            r"natural parameters: there the Hessian of log $p$ does not depend on $x$, so $L = 0$",
            r"and $c = \lambda(1 + \varepsilon L/\alpha) = \lambda$. "
            "It is sufficient, not necessary: beyond its border",
            "this loop contracts all the same.",
        ]
    )
