"""The report on runs of MNIST: metrics, and sheets of samples over the generations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from loop.rundir.layout import BASELINE
from visualize.arms import arm_label
from visualize.curves.axes import Panel
from visualize.curves.mnist import PANELS, sheet_of
from visualize.curves.records import Record
from visualize.report.curves import measured_sections
from visualize.report.page import (
    Page,
    Section,
    data_uri,
    figure,
    paragraph,
    picture,
    warning,
    widget,
)
from visualize.report.player import spread
from visualize.report.runs import ShownArm, read_records, run_section, shown_arms

DIVERSITY = Panel("Diversity", "Diversity", from_zero=False)
PUBLISHED = ("FID", "Diversity")
"""Metrics that repeat others of ours, or are the only ones of a published run."""
TEXTS = (
    "Fréchet distance (FID) between digits of the newest model and the test set, in the features "
    "of a LeNet; lower is better.",
    "Every generation is trained on real digits and on samples of the generation before: as they "
    "are, or corrected. The baseline continues with real digits alone.",
)


def mnist_report(folders: Sequence[Path], budget: float) -> Page:
    """Build the page on folders of MNIST arms that differ in the seed.

    Args:
        folders: such as exp_outputs/mnist; sheets of samples are those of the first.
        budget: bytes that the sheets may take in the page.

    Raises:
        CorruptFileError: an eval_dict.json does not read as one.
    """
    arms, records = shown_arms(folders), read_records(folders)
    own = [arm for arm in arms if arm.record.folder.parent == folders[0]]
    newest = max((record.generation for record in records), default=0)
    lead = f"MNIST digits, {len(own)} arm{'s' * (len(own) != 1)}, up to generation {newest}."
    sections = measured_sections(records, TEXTS, [("", panels_of(records))], PUBLISHED)
    sections += [_sheets(own, budget), run_section(arms, [])]
    return Page("Self-consuming loop: MNIST", lead, sections)


def panels_of(records: Sequence[Record]) -> list[Panel]:
    """Choose our panels and diversity; a published run has FID under its own name only."""
    measured = {record.metric for record in records}
    fid = Panel("FID", "FID", better="lower is better", from_zero=False)
    ours = [panel for panel in PANELS if panel.metric in measured]
    return [*(ours if "FID_all" in measured else [fid]), DIVERSITY]


def _sheets(arms: Sequence[ShownArm], budget: float) -> Section:
    """Show as many generations as fit the budget, the same for every arm."""
    title = "Samples over the generations"
    sheets = {
        arm.title: {
            generation: sheet
            for generation in arm.record.generations
            if (sheet := sheet_of(arm.record.generation(generation)))
        }
        for arm in arms
    }
    there = sorted({generation for mine in sheets.values() for generation in mine})
    if not there:
        text = "No sheets of samples (image_*.png) are kept."
        return Section("samples", title, warning(text, [""]))
    size = sum(path.stat().st_size * 4 / 3 for mine in sheets.values() for path in mine.values())
    shown = spread(there, max(2, int(len(there) * min(1.0, budget / size))))
    entries = [
        {
            "label": arm_label(arm.name.kind, arm.name.percent),
            "percent": None if arm.name.kind == BASELINE else arm.name.percent,
            "sheets": [
                {"generation": g, "source": data_uri(path.read_bytes(), "image/png")}
                for g, path in sheets[arm.title].items()
                if g in shown
            ],
        }
        for arm in arms
    ]
    shares = sorted({entry["percent"] for entry in entries if entry["percent"] is not None})
    html = ""
    if len(shown) < len(there):
        html += paragraph(f"{len(shown)} of {len(there)} generations are shown.", "note")
    html += widget("images", "samples") + _prototypes(arms)
    data = {"arms": entries, "shares": shares, "shareLabel": "Synthetic share"}
    return Section("samples", title, html, {"samples": data})


def _prototypes(arms: Sequence[ShownArm]) -> str:
    """Show the digits that the correction snaps to, where an arm drew them."""
    for arm in arms:
        path = arm.record.folder / "digit_clusters.png"
        if path.is_file():
            text = "The correction replaces each sample by the nearest prototype of its digit."
            prototypes = picture(path.read_bytes(), "image/png", "Prototypes")
            return figure("Prototypes", prototypes, caption=text, kind="sheet")
    return ""
