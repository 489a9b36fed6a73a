"""The report of the MNIST experiment: metrics, and sheets of samples over the generations."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path

from loop.errors import MissingAssetError
from loop.rundir.layout import Layout
from visualize.curves.axes import Panel, arm_label
from visualize.curves.mnist import PANELS
from visualize.curves.mnist_records import read_parents, sheet_of
from visualize.curves.records import BASELINE, CORRECTED, FINETUNING, Record
from visualize.report.curves import chart_data, final_values, key_figures
from visualize.report.page import Section, data_uri, paragraph, table, warning, widget
from visualize.report.player import spread
from visualize.report.runs import (
    ArmState,
    read_arm,
    settings_section,
    state_section,
    versions_section,
)
from visualize.table import arm_name

logger = logging.getLogger("scsc")

LAYOUT = Layout(prefix="", digits=2)
DIVERSITY = Panel("Diversity", "Diversity", from_zero=False)
PUBLISHED = {"FID", "Diversity"}
"""Keys that repeat others of ours, or are the only ones of a published run."""
OUTCOME = (
    "Fréchet distance (FID) between digits of the newest model and the test set, in the features "
    "of a LeNet; lower is better."
)
_ARM = re.compile(rf"({BASELINE}|{CORRECTED}|{FINETUNING})_(\d+(?:\.\d+)?)")
Page = tuple[str, str, list[Section]]


def parse_mnist_arm(name: str) -> tuple[str, float] | None:
    """(kind of arm, number behind it) of a folder such as iterative_finetuning_1.5, or None.

    The number is lambda, but for the baseline the share of MNIST that it trains on.
    """
    match = _ARM.fullmatch(name)
    return (match[1], float(match[2])) if match else None


def mnist_arms(folder: Path) -> list[Path]:
    """Folders of arms in exp_outputs/mnist, baseline first, by lambda, raw before corrected."""
    if not folder.is_dir():
        return []
    found = [
        (arm[0] != BASELINE, arm[1], arm[0], path)
        for path in folder.iterdir()
        if path.is_dir() and (arm := parse_mnist_arm(path.name))
    ]
    return [path for *_, path in sorted(found)]


def mnist_report(folders: Sequence[Path], budget: float) -> Page:
    """The page about folders of MNIST arms that differ in the seed.

    Raises CorruptFileError for an eval_dict.json that does not read as one.
    """
    arms = [
        read_arm(path, LAYOUT, ("" if len(folders) == 1 else f"{folder.name}: ") + _name(path))
        for folder in folders
        for path in mnist_arms(folder)
    ]
    records = _records(folders)
    last = max((record.generation for record in records), default=0)
    sections: list[Section] = []
    if records:
        panels = panels_of(records)
        known = PUBLISHED | {panel.metric for panel in panels}
        curves = {"curves": chart_data(records, (("Metrics", panels),), known)}
        sections += [
            Section(
                "outcome", "Where it ended", paragraph(OUTCOME) + key_figures(records, panels[0])
            ),
            Section("curves", "Over the generations", widget("charts", "curves"), curves),
            Section(
                "table",
                "Final values",
                table(*final_values(records, panels), "Newest generation of every arm."),
            ),
        ]
    own = [arm for arm in arms if arm.folder.parent == folders[0]]
    sections += [
        _sheets(own, budget),
        Section(
            "run",
            "What was run",
            state_section(arms, _missing(folders, arms))
            + settings_section(arms)
            + versions_section(arms),
        ),
    ]
    lead = f"MNIST digits, {len(own)} arm{'s' * (len(own) != 1)}, up to generation {last}."
    return "Self-consuming loop: MNIST", lead, sections


def _name(arm: Path) -> str:
    kind, ratio = parse_mnist_arm(arm.name) or (arm.name, 0.0)
    return arm_name(kind, round(100 * ratio))


def _records(folders: Sequence[Path]) -> list[Record]:
    try:
        return read_parents(folders)
    except MissingAssetError as error:  # a run that has just begun
        logger.warning("%s", error)
        return []


def panels_of(records: Sequence[Record]) -> list[Panel]:
    """The panels of our graphs, and diversity; published runs have FID under its own name only."""
    measured = {record.metric for record in records}
    fid = Panel("FID", "FID", better="lower is better", from_zero=False)
    ours = [panel for panel in PANELS if panel.metric in measured]
    return [*(ours if "FID_all" in measured else [fid]), DIVERSITY]


def _sheets(arms: Sequence[ArmState], budget: float) -> Section:
    """Sheets of samples, as many generations as fit the budget, the same for every arm."""
    title = "Samples over the generations"
    sheets = {
        arm.name: {
            g: sheet for g in arm.generations if (sheet := sheet_of(arm.folder / LAYOUT.name(g)))
        }
        for arm in arms
    }
    there = sorted({generation for mine in sheets.values() for generation in mine})
    if not there:
        return Section(
            "samples", title, warning("No sheets of samples (image_*.png) are kept.", [""])
        )
    size = sum(path.stat().st_size * 4 / 3 for mine in sheets.values() for path in mine.values())
    shown = spread(there, max(2, int(len(there) * min(1.0, budget / size))))
    entries = []
    for arm in arms:
        kind, ratio = parse_mnist_arm(arm.folder.name) or ("", 0.0)
        percent = None if kind == BASELINE else round(100 * ratio)
        entries.append(
            {
                "label": arm_label(kind, percent or 0),
                "percent": percent,
                "sheets": [
                    {"generation": g, "source": data_uri(path.read_bytes(), "image/png")}
                    for g, path in sheets[arm.name].items()
                    if g in shown
                ],
            }
        )
    shares = sorted({entry["percent"] for entry in entries if entry["percent"] is not None})
    html = ""
    if len(shown) < len(there):
        html += paragraph(f"{len(shown)} of {len(there)} generations are shown.", "note")
    html += widget("images", "samples") + _prototypes(arms)
    data = {"arms": entries, "shares": shares, "shareLabel": "Synthetic share"}
    return Section("samples", title, html, {"samples": data})


def _prototypes(arms: Sequence[ArmState]) -> str:
    """The digits that the correction snaps to, where an arm drew them."""
    for arm in arms:
        path = arm.folder / "digit_clusters.png"
        if path.is_file():
            source = data_uri(path.read_bytes(), "image/png")
            text = (
                "The correction makes of each sample the nearest of these prototypes of its digit."
            )
            return paragraph(text) + f'<img class="sheet" alt="Prototypes" src="{source}">'
    return ""


def _missing(folders: Sequence[Path], arms: Sequence[ArmState]) -> list[str]:
    lines = []
    for folder in folders:
        names = [path.name for path in mnist_arms(folder)]
        if not any(name.startswith(BASELINE) for name in names):
            lines.append(f"{folder.name}: no arm {BASELINE}_<fraction>.")
        # As spelled in the folders: 1 or 1.0.
        ratios = sorted({n.rpartition("_")[2] for n in names if not n.startswith(BASELINE)})
        wanted = [f"{kind}_{ratio}" for ratio in ratios for kind in (FINETUNING, CORRECTED)]
        lines += [f"{folder.name}: no arm {name}." for name in wanted if name not in names]
    return lines + [
        f"{arm.name}: no generation has been evaluated yet." for arm in arms if not arm.generations
    ]
