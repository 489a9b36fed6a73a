"""Names, colours and markers of arms: the same in every graph, table, film and report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from loop.rundir.layout import BASELINE, FINETUNING, WITH_CORRECTION, parse_arm

Colour = tuple[int, ...]
"""Red, green, blue from 0 to 255."""


@dataclass(frozen=True)
class Style:
    """Colour and marker (as matplotlib names it) of an arm in a graph.

    Attributes:
        color: hexadecimal; Okabe & Ito 2008, told apart by colour-blind readers.
        marker: symbol of its points.
        label: legend entry where that is not `arm_label`.
        band: opacity of its interval.
    """

    color: str
    marker: str
    label: str | None = None
    band: float = 0.18


STYLES = {
    BASELINE: Style("#E69F00", "s"),
    FINETUNING: Style("#009E73", "^"),
    WITH_CORRECTION: Style("#0072B2", "o"),
}
"""Hues as published: baseline orange, fine-tuning green, with correction blue."""
OTHER_STYLES = (
    Style("#CC79A7", "D"), Style("#56B4E9", "v"), Style("#5D3A9B", "P"), Style("#7F4F24", "X"),
    Style("#1A1A1A", "*"),
)  # fmt: skip
BODY_COLOURS: dict[str, Colour] = {
    name: tuple(bytes.fromhex(color[1:]))
    for name, color in (
        ("baseline", STYLES[BASELINE].color),
        ("finetune", STYLES[FINETUNING].color),
        ("corrected", STYLES[WITH_CORRECTION].color),
        ("real", "#969EAA"),
    )
}
"""Colours of bodies in films."""


def arm_label(kind: str, percent: int) -> str:
    """Return the published legend entry of a kind of arm."""
    if kind == BASELINE:
        return "Baseline (continue training on gt data), 0%"
    if kind == FINETUNING:
        return f"Iterative fine-tuning, {percent}%"
    if kind == WITH_CORRECTION:
        return f"Iterative fine-tuning with self-correction, {percent}%"
    rest = kind.removeprefix(FINETUNING).strip("_").replace("_", " ")
    return f"Iterative fine-tuning {rest}, {percent}%"


def arm_title(kind: str, percent: int) -> str:
    """Return the short name of an arm: "baseline", "fine-tuned 100%", "corrected 100%"."""
    if kind == BASELINE:
        return "baseline"
    known = {FINETUNING: "fine-tuned", WITH_CORRECTION: "corrected"}
    return f"{known.get(kind, kind.removeprefix(FINETUNING).strip('_'))} {percent}%"


def arm_styles(kinds: Iterable[str]) -> dict[str, Style]:
    """Return a style for each kind of arm, the published ones first in the published order."""
    present = set(kinds)
    others = sorted(present - set(STYLES))
    return {kind: style for kind, style in STYLES.items() if kind in present} | {
        kind: OTHER_STYLES[place % len(OTHER_STYLES)] for place, kind in enumerate(others)
    }


def colour_of_arm(folder: str) -> Colour:
    """Return the body colour of an arm by its folder name; grey where that names no arm."""
    name = parse_arm(folder)
    if name is None:
        return BODY_COLOURS["real"]
    keys = {BASELINE: "baseline", WITH_CORRECTION: "corrected"}
    return BODY_COLOURS[keys.get(name.kind, "finetune")]
