"""The report of the human motion experiment, put together."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from loop.errors import MissingAssetError
from loop.rundir.layout import Layout
from visualize.curves.graphs import PLAUSIBILITY_PANELS, PUBLISHED_PANELS
from visualize.curves.records import BASELINE, Record, parse_arm, read_runs, size_name
from visualize.report.curves import chart_data, every_value, final_values, key_figures
from visualize.report.page import Section, details, paragraph, table, widget
from visualize.report.player import player_data
from visualize.report.runs import (
    read_arm,
    settings_section,
    state_section,
    versions_section,
)
from visualize.table import LEGEND, arm_name

logger = logging.getLogger("scsc")

GROUPS = (
    ("What the model makes", PUBLISHED_PANELS),
    ("Physics, and what the correction did", PLAUSIBILITY_PANELS),
)
Page = tuple[str, str, list[Section]]
"""Title, lead and sections of a page: what `report_page.render_page` takes."""


def motion_arms(folder: Path) -> list[Path]:
    """Folders of arms in a size folder, baseline first, by percentage, raw before corrected."""
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if path.is_dir() and parse_arm(path.name)]
    return sorted(found, key=lambda path: (path.name != BASELINE, path.name))


def motion_report(folders: Sequence[Path], motions: int, budget: float) -> Page:
    """The page about size folders that differ in the seed; its motions are those of the first.

    Raises CorruptFileError for an eval_dict.json that does not read as one.
    """
    arms = [
        read_arm(path, Layout(), ("" if len(folders) == 1 else f"{folder.name}: ") + _name(path))
        for folder in folders
        for path in motion_arms(folder)
    ]
    records = _records(folders)
    own = [arm for arm in arms if arm.folder.parent == folders[0]]
    player, gone = player_data(own, motions, budget)
    generations = max((record.generation for record in records), default=0)
    seeds = sorted({arm.settings.get("seed", "") for arm in arms} - {""}, key=lambda s: (len(s), s))
    lead = f"Human motion, {len(own)} arm{'s' * (len(own) != 1)}, up to generation {generations}"
    lead += f", seed{'s' * (len(seeds) > 1)} {', '.join(seeds)}." if seeds else "."
    sections = [_outcome(records)] if records else []
    sections += [_curves(records), _table(records)] if records else []
    sections += [
        _player(player, gone, len(folders), folders[0]),
        Section(
            "run",
            "What was run",
            state_section(arms, [*_missing(folders, records), *gone])
            + settings_section(arms)
            + versions_section(arms),
        ),
    ]
    return f"Self-consuming loop: {size_name(folders[0])}", lead, sections


def _name(arm: Path) -> str:
    kind, digits = parse_arm(arm.name) or (arm.name, "")
    return arm_name(kind, int(digits or 0))


def _records(folders: Sequence[Path]) -> list[Record]:
    try:
        return read_runs(folders)
    except MissingAssetError as error:  # a run that has just begun
        logger.warning("%s", error)
        return []


def _outcome(records: Sequence[Record]) -> Section:
    fid = PUBLISHED_PANELS[0]
    text = (
        "Fréchet distance (FID) between motions of the newest model and real ones; lower is "
        "better, and no model can be expected below the value of real data."
    )
    return Section("outcome", "Where it ended", paragraph(text) + key_figures(records, fid))


def _curves(records: Sequence[Record]) -> Section:
    text = (
        "Every generation is trained on real data and on what the generation before it made: as it "
        "is, or corrected by physics. The baseline goes on with real data alone."
    )
    data = {"curves": chart_data(records, GROUPS)}
    html = paragraph(text) + widget("charts", "curves")
    return Section("curves", "Over the generations", html, data)


def _table(records: Sequence[Record]) -> Section:
    panels = [panel for _, group in GROUPS for panel in group]
    headings, rows = final_values(records, panels)
    html = table(headings, rows, "Newest generation of every arm; mean over seeds.")
    every = table(*every_value(records), LEGEND.replace("\n", "; "))
    return Section("table", "Final values", html + details("Every generation", every))


def _player(player: dict | None, gone: Sequence[str], folders: int, first: Path) -> Section:
    if player is None:
        text = "There are no synthetic motions in this folder"
        text += ": " + " ".join(gone) if gone else " yet."
        return Section("motions", "Motions before and after correction", paragraph(text, "warning"))
    text = (
        "Drag to orbit; space plays, arrow keys step. Coloured rings and dots mark what the toes "
        "do on the floor, the strip below shows it over time."
    )
    if folders > 1:
        text += f" The motions are those of {first.name}."
    html = paragraph(text) + widget("player", "motions")
    return Section("motions", "Motions before and after correction", html, {"motions": player})


def _missing(folders: Sequence[Path], records: Sequence[Record]) -> list[str]:
    """What a reader would expect to find and will not."""
    lines = [] if records else ["Nothing has been evaluated yet: there are no curves and no table."]
    for folder in folders:
        names = {path.name for path in motion_arms(folder)}
        kinds = {parse_arm(name) for name in names}
        digits = sorted({digits for kind, digits in filter(None, kinds) if digits})
        wanted = [BASELINE] + [
            f"synthetic_percent_{share}_iterative_finetuning{ending}"
            for share in digits
            for ending in ("", "_with_correction")
        ]
        lines += [f"{folder.name}: no arm {name}." for name in wanted if name not in names]
        lines += [
            f"{folder.name}/{path.name}: no generation has been evaluated yet."
            for path in motion_arms(folder)
            if not any(path.glob("generation_*/eval_dict.json"))
        ]
    return lines
