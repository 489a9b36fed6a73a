"""The report on runs of human motion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from visualize.curves.motion import DISTANCE_PANELS, PLAUSIBILITY_PANELS, PUBLISHED_PANELS
from visualize.curves.records import size_name
from visualize.outcome import notes, outcome_rows, read_resamples, tried_in
from visualize.report.curves import every_value, measured_sections
from visualize.report.page import Page, Section, details, paragraph, table, widget
from visualize.report.player import player_data
from visualize.report.runs import read_records, run_section, shown_arms
from visualize.report.training import loss_html
from visualize.table import LEGEND

GROUPS = (
    ("What the model makes", PUBLISHED_PANELS),
    ("Other distances, and what is missing", DISTANCE_PANELS),
    ("Physics, and what the correction did", PLAUSIBILITY_PANELS),
)
TEXTS = (
    "Fréchet distance (FID) between motions of the newest model and real ones; lower is better. "
    "That of real data is between two halves of the test motions, and large where they are few.",
    "Every generation is trained on real data and on samples of the generation before: as they "
    "are, or corrected by physics. The baseline continues with real data alone.",
)


def motion_report(folders: Sequence[Path], motions: int, budget: float) -> Page:
    """Build the page on size folders that differ in the seed; its motions are those of the first.

    Args:
        folders: such as exp_outputs/dataset_0064.
        motions: most motions shown of a generation.
        budget: bytes that motions may take in the page.

    Raises:
        CorruptFileError: an eval_dict.json does not read as one.
    """
    arms, records = shown_arms(folders), read_records(folders)
    own = [arm for arm in arms if arm.record.folder.parent == folders[0]]
    player, gone = player_data(own, motions, budget)
    newest = max((record.generation for record in records), default=0)
    seeds = sorted({arm.settings.get("seed", "") for arm in arms} - {""}, key=lambda s: (len(s), s))
    lead = f"Human motion, {len(own)} arm{'s' * (len(own) != 1)}, up to generation {newest}"
    lead += f", seed{'s' * (len(seeds) > 1)} {', '.join(seeds)}." if seeds else "."
    sections = measured_sections(records, TEXTS, GROUPS)
    if sections:
        every = table(*every_value(records), LEGEND.replace("\n", "; "))
        resamples = read_resamples(folders)
        happened = table(*outcome_rows(records, resamples), text=True)
        happened += "".join(map(paragraph, notes(records, tried_in(folders), resamples)))
        sections[0] = replace(sections[0], html=happened + sections[0].html)
        html = sections[-1].html + details("Every generation", every)
        sections[-1] = replace(sections[-1], html=html)
        place = [section.name for section in sections].index("curves")
        html = sections[place].html + loss_html(own)
        sections[place] = replace(sections[place], html=html)
    missing = [] if records else ["Nothing has been evaluated yet: there are no curves."]
    sections += [
        _player(player, gone, len(folders), folders[0]),
        run_section(arms, [*missing, *gone]),
    ]
    return Page(f"Self-consuming loop: {size_name(folders[0])}", lead, sections)


def _player(player: dict | None, gone: Sequence[str], folders: int, first: Path) -> Section:
    title = "Motions before and after correction"
    if player is None:
        text = "There are no synthetic motions in this folder"
        text += ": " + " ".join(gone) if gone else " yet."
        return Section("motions", title, paragraph(text, "warning"))
    text = (
        "Drag to orbit; space plays, arrow keys step. Coloured rings and dots mark contacts of the "
        "toes with the floor, the strip below shows them over time."
    )
    if folders > 1:
        text += f" The motions are those of {first.name}."
    html = paragraph(text) + widget("player", "motions")
    return Section("motions", title, html, {"motions": player})
