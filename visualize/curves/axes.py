"""Metric curves on one pair of axes: raw points, trend, interval over seeds, real-data floor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from scipy.ndimage import gaussian_filter1d

from eval.metrics.statistics import mean_interval
from visualize.curves.records import BASELINE, CORRECTED, FINETUNING, Record

SMOOTHING_SIGMA = 2.0
"""Generations, as in the published motion graphs."""
AHEAD = (0, (2, 1.5))
"""Dashes of a mean over those runs that are ahead of the others."""
SMOOTH_FROM = 11
"""Fewer points than this are joined as they are: smoothing would invent a trend."""


@dataclass(frozen=True)
class Panel:
    """What one pair of axes shows: a metric and the keys under which its real-data value stands."""

    title: str
    metric: str
    floors: tuple[str, ...] = ()
    per: str | None = None
    """Divide by this metric (attempts), to show a share in percent."""
    better: str = ""
    """Which way is better, said beside the title."""
    from_zero: bool = True
    """Start the axis at 0; False where only differences mean something."""


@dataclass(frozen=True)
class Curve:
    """Mean over seeds at each generation, with the bounds of its 95 % interval; all (G,)."""

    generation: np.ndarray
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    raw: np.ndarray
    """(points, 2): generation and value of every single run."""
    complete: int
    """How many of the generations, from the first on, are there before a run is behind."""


@dataclass(frozen=True)
class Style:
    """Colour (Okabe & Ito 2008, told apart by colour-blind readers) and marker of an arm.

    `label` is its legend entry where that is not `arm_label`; `band` the opacity of its interval.
    """

    color: str
    marker: str
    label: str | None = None
    band: float = 0.18


STYLES = {
    BASELINE: Style("#E69F00", "s"),
    FINETUNING: Style("#009E73", "^"),
    CORRECTED: Style("#0072B2", "o"),
}
OTHER_STYLES = (
    Style("#CC79A7", "D"), Style("#56B4E9", "v"), Style("#5D3A9B", "P"), Style("#7F4F24", "X"),
    Style("#1A1A1A", "*"),
)  # fmt: skip
GENERATION_0 = "#D55E00"
REAL = "#444444"


def arm_label(arm: str, percent: int) -> str:
    """The published legend entry of an arm."""
    if arm == BASELINE:
        return "Baseline (continue training on gt data), 0%"
    if arm == FINETUNING:
        return f"Iterative fine-tuning, {percent}%"
    if arm == CORRECTED:
        return f"Iterative fine-tuning with self-correction, {percent}%"
    rest = arm.removeprefix(FINETUNING).strip("_").replace("_", " ")
    return f"Iterative fine-tuning {rest}, {percent}%"


def arm_styles(arms: Iterable[str]) -> dict[str, Style]:
    """A style for each arm, the published ones first in the published order."""
    present = set(arms)
    known = [arm for arm in STYLES if arm in present]
    others = sorted(present - set(STYLES))
    return {arm: STYLES[arm] for arm in known} | {
        arm: OTHER_STYLES[place % len(OTHER_STYLES)] for place, arm in enumerate(others)
    }


def select(records: Iterable[Record], panel: Panel) -> list[Record]:
    """The records of a panel's metric; where it is a share, divided and in percent."""
    records = list(records)
    chosen = [record for record in records if record.metric == panel.metric]
    if panel.per is None:
        return chosen
    whole = {_place(record): record.value for record in records if record.metric == panel.per}
    return [
        record._replace(value=100.0 * record.value / whole[_place(record)])
        for record in chosen
        if whole.get(_place(record), 0.0) > 0
    ]


def curve(records: Sequence[Record]) -> Curve:
    """Records of one arm and metric as a curve over generations."""
    generations = sorted({record.generation for record in records})
    every = [[r.value for r in records if r.generation == g] for g in generations]
    intervals = [mean_interval(values) for values in every]
    runs = len({record.seed for record in records})
    full = [place + 1 for place, values in enumerate(every) if len(values) == runs]
    return Curve(
        generation=np.array(generations),
        value=np.array([interval.value for interval in intervals]),
        low=np.array([interval.low for interval in intervals]),
        high=np.array([interval.high for interval in intervals]),
        raw=np.array(sorted((record.generation, record.value) for record in records)),
        complete=max(full, default=0),
    )


def draw_panel(
    axes: Axes,
    records: Sequence[Record],
    panel: Panel,
    styles: Mapping[str, Style] | None = None,
) -> None:
    """Draw one metric of the given arms into `axes`; says so where nothing was measured yet.

    `styles` are for figures in which other arms than those of `records` appear too; they are drawn
    in its order.
    """
    chosen = select(records, panel)
    axes.set_title(f"{panel.title}  ({panel.better})" if panel.better else panel.title, fontsize=13)
    axes.set_xlabel("Generation", fontsize=12)
    axes.tick_params(labelsize=11)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10], min_n_ticks=2))
    axes.grid(color="0.9", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    last = max(record.generation for record in records)
    axes.set_xlim(-0.04 * max(last, 1), 1.04 * max(last, 1))  # the same for every panel
    if not chosen:
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", color="0.45")
        axes.set_yticks([])
        return
    _draw_references(axes, records, chosen, panel)
    seeds = len({record.seed for record in records})
    if styles is None:
        styles = arm_styles(record.arm for record in records)
    for arm, style in styles.items():
        mine = [record for record in chosen if record.arm == arm]
        if mine:
            label = style.label or arm_label(arm, mine[0].percent)
            runs = len({record.seed for record in mine})
            label += f" ({runs} of {seeds} seeds)" if runs < seeds else ""
            _draw_curve(axes, curve(mine), style, label)
    axes.margins(y=0.12)
    bottom, top = axes.get_ylim()
    if min(record.value for record in chosen) >= 0:
        axes.set_ylim(0.0 if panel.from_zero else max(bottom, 0.0), top)


def _draw_curve(axes: Axes, line: Curve, style: Style, label: str) -> None:
    smooth = len(line.generation) >= SMOOTH_FROM
    done = line.complete

    def trend(values: np.ndarray) -> np.ndarray:
        return gaussian_filter1d(values, SMOOTHING_SIGMA, mode="nearest") if smooth else values

    if (line.high[:done] > line.low[:done]).any():
        axes.fill_between(
            line.generation[:done], trend(line.low[:done]), trend(line.high[:done]),
            color=style.color, alpha=style.band, linewidth=0,
        )  # fmt: skip
    faint = smooth or len(line.raw) > len(line.generation)
    axes.plot(
        line.raw[:, 0], line.raw[:, 1], linestyle="none", marker=style.marker,
        markersize=4 if faint else 6.5, color=style.color, alpha=0.45 if faint else 1.0,
        markeredgewidth=0, zorder=3, clip_on=False,
    )  # fmt: skip
    if done < len(line.generation):  # a mean over fewer runs jumps, and its interval says little
        ahead = slice(done, None)
        axes.plot(
            line.generation[ahead], trend(line.value[ahead]), color=style.color, linewidth=1.6,
            linestyle=AHEAD, zorder=4, clip_on=False, label=label if not done else None,
        )  # fmt: skip
    if done:
        axes.plot(
            line.generation[:done], trend(line.value[:done]), color=style.color, linewidth=2.2,
            label=label, marker=style.marker, markersize=6.5, markevery=max(1, done // 6),
            zorder=4, clip_on=False,
        )  # fmt: skip


def _draw_references(
    axes: Axes, records: Sequence[Record], chosen: Sequence[Record], panel: Panel
) -> None:
    """Generation 0 as a dashed line; real data (the first key found) as a dotted one."""
    start = [record.value for record in chosen if record.generation == 0]
    if start:
        axes.axhline(
            float(np.mean(start)), color=GENERATION_0, linestyle=(0, (6, 3)), linewidth=1.6,
            label="Generation-0", zorder=2,
        )  # fmt: skip
    for key in panel.floors:
        real = [record.value for record in records if record.metric == key]
        if real:
            axes.axhline(
                float(np.mean(real)), color=REAL, linestyle=(0, (1, 1.5)), linewidth=2.0,
                label="Real data", zorder=2,
            )  # fmt: skip
            return


def _place(record: Record) -> tuple[str, int, int, int]:
    return record.arm, record.percent, record.seed, record.generation
