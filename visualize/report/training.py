"""The training loss of every arm: one picture for the report on runs of human motion."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from domains.motion.training_loss import Losses, read_losses
from loop.errors import CorruptFileError
from visualize.arms import arm_styles
from visualize.report.curves import picture_html
from visualize.report.page import details, paragraph
from visualize.report.runs import ShownArm

logger = logging.getLogger("scsc")

TITLE = "Training loss"
DASHES = ("-", "--", "-.", ":")
"""Of arms of one kind, by their share of synthetic data."""


def loss_html(arms: Sequence[ShownArm]) -> str:
    """Draw the loss of generation 0 and of all later ones; empty where no arm recorded any.

    A table that is damaged counts as not there, and the log says so.
    """
    recorded = {arm.title: _recorded(arm) for arm in arms}
    first = next((losses[0] for losses in recorded.values() if 0 in losses), None)
    later = {
        title: {number: losses for number, losses in found.items() if number}
        for title, found in recorded.items()
    }
    later = {title: found for title, found in later.items() if found}
    if first is None and not later:
        return ""
    figure = Figure(figsize=(9.4, 3.1))
    panels = list(figure.subplots(1, (first is not None) + bool(later), squeeze=False)[0])
    if first is not None:
        _draw_first(panels[0], first)
    if later:
        _draw_later(panels[-1], [arm for arm in arms if arm.title in later], later)
    figure.tight_layout()
    said = [f"{title}: {found[max(found)][-1][1]:.3g}" for title, found in later.items()]
    if first is not None:
        said.insert(0, f"generation 0: {first[-1][1]:.3g}")
    text = f"Mean over stretches of steps; at the end {', '.join(said)}."
    if first is None:
        text += " Generation 0 was not trained here, or by a version that recorded no loss."
    return details(TITLE, picture_html(figure, f"{TITLE} over the steps") + paragraph(text, "note"))


def _recorded(arm: ShownArm) -> dict[int, Losses]:
    """Read the losses of those finished generations of an arm that have any."""
    try:
        found = {n: read_losses(arm.record.generation(n)) for n in arm.record.generations}
    except CorruptFileError as error:
        logger.warning("%s", error)
        return {}
    return {number: losses for number, losses in found.items() if losses}


def _draw_first(axes: Axes, losses: Losses) -> None:
    steps, values = np.array(losses).T
    axes.plot(steps, values, color="#D55E00", linewidth=1.6)
    axes.set_xlabel("Steps of generation 0")
    _finish(axes)


def _draw_later(
    axes: Axes, arms: Sequence[ShownArm], recorded: dict[str, dict[int, Losses]]
) -> None:
    """Draw each arm over its generations: the steps of generation g lie between g - 1 and g."""
    styles = arm_styles(arm.name.kind for arm in arms)
    shares = sorted({arm.name.percent for arm in arms} - {0}) or [0]
    for arm in arms:
        places: list[float] = []
        values: list[float] = []
        for number, losses in sorted(recorded[arm.title].items()):
            steps, found = np.array(losses).T
            places += [*(number - 1 + steps / steps[-1]), np.nan]  # no line between generations
            values += [*found, np.nan]
        axes.plot(
            places, values, color=styles[arm.name.kind].color, label=arm.title, linewidth=1.2,
            linestyle=DASHES[shares.index(arm.name.percent or shares[0]) % len(DASHES)],
        )  # fmt: skip
    axes.set_xlabel("Generation")
    axes.legend(frameon=False, fontsize=9)
    _finish(axes)


def _finish(axes: Axes) -> None:
    axes.set_ylabel(TITLE)
    axes.set_yscale("log")
    axes.grid(color="0.9", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
