"""Metric curves on one pair of axes: raw points, trend, interval over seeds, real-data floor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from scipy.ndimage import gaussian_filter1d

from eval.metrics.statistics import mean_interval
from visualize.arms import Style, arm_label, arm_styles
from visualize.curves.records import HALVES, TRAINING, Record, real_key, reference_value

SMOOTHING_SIGMA = 2.0
"""Generations, as in the published motion graphs."""
AHEAD = (0, (2, 1.5))
"""Dashes of a mean over those runs that are ahead of the others."""
SMOOTH_FROM = 11
"""Fewer points than this are joined as they are: smoothing would invent a trend."""


@dataclass(frozen=True)
class Panel:
    """What one pair of axes shows.

    Attributes:
        title: heading.
        metric: its name in the records.
        floors: metrics that hold its value for real data: of a distance, between two halves of
            the test data; the first that was measured counts.
        per: divide by this metric (attempts), to show a share in percent.
        better: which way is better, said beside the title.
        from_zero: start the axis at 0; False where only differences mean something.
    """

    title: str
    metric: str
    floors: tuple[str, ...] = ()
    per: str | None = None
    better: str = ""
    from_zero: bool = True


@dataclass(frozen=True)
class Curve:
    """Mean over seeds with its 95 % interval at G generations.

    Attributes:
        generation, value, low, high: (G,) each.
        raw: (points, 2), generation and value of every single run.
        complete: how many of the generations, from the first on, all runs have reached.
    """

    generation: np.ndarray
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    raw: np.ndarray
    complete: int


GENERATION_0, GENERATION_0_LABEL = "#D55E00", "Generation-0"
REAL, REAL_LABEL = "#444444", "Real data"
HALVES_LABEL = "Real test data, one half against the other"
TRAIN, TRAIN_LABEL = "#999999", "Real training data in the model's place"


def select(records: Iterable[Record], panel: Panel) -> list[Record]:
    """Select the records of a panel's metric; where it is a share, divided and in percent."""
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
    """Average the records of one arm and metric into a curve over generations."""
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
    # Where all that is drawn is positive, an axis does not go below zero.
    if axes.dataLim.y0 >= 0:
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


def legend_entries(
    panels: Iterable[Axes], seeds: int, remark: str = ""
) -> tuple[list[Artist], list[str]]:
    """Collect (handles, labels) of several panels: each label once, references last.

    seeds: how many runs stand behind an interval, which is explained from two on; `remark` is
    appended to that explanation.
    """
    entries: dict[str, Artist] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    if seeds > 1:
        text = f"95% interval of the mean of {seeds} seeds{remark}"
        entries[text] = Patch(color="0.5", alpha=0.3)
    labels = sorted(
        entries, key=lambda label: label in (GENERATION_0_LABEL, REAL_LABEL, TRAIN_LABEL)
    )
    return [entries[label] for label in labels], labels


def _draw_references(
    axes: Axes, records: Sequence[Record], chosen: Sequence[Record], panel: Panel
) -> None:
    """Draw generation 0 dashed, real data (the first key found) dotted, training data in both."""
    start = [record.value for record in chosen if record.generation == 0]
    first = float(np.mean(start)) if start else None
    keys = panel.floors, [real_key(panel.metric, TRAINING)]
    real, train = (reference_value(records, each) for each in keys)
    halves = real is not None and reference_value(records, [HALVES]) is not None
    distance = panel.metric.startswith(("FID", "KID"))
    for value, color, dashes, width, label in (
        (first, GENERATION_0, (6, 3), 1.6, GENERATION_0_LABEL),
        (real, REAL, (1, 1.5), 2.0, HALVES_LABEL if halves and distance else REAL_LABEL),
        (train, TRAIN, (5, 1.5, 1, 1.5), 1.6, TRAIN_LABEL),
    ):
        if value is not None:
            axes.axhline(
                value, color=color, linestyle=(0, dashes), linewidth=width, label=label, zorder=2
            )


def _place(record: Record) -> tuple[str, int, int, int]:
    return record.arm, record.percent, record.seed, record.generation
