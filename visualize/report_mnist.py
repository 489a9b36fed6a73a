"""The report of the MNIST experiment: metrics, and sheets of samples over the generations."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from loop.atomic import read_json
from loop.errors import CorruptFileError
from loop.layout import EVALUATION, Layout
from visualize.curves import Panel, arm_label
from visualize.records import BASELINE, CORRECTED, FINETUNING, Record
from visualize.report_curves import chart_data, final_values, key_figures, other_panels
from visualize.report_motions import spread
from visualize.report_page import Section, data_uri, paragraph, table, warning, widget
from visualize.report_runs import (
    ArmState,
    read_arm,
    settings_section,
    state_section,
    versions_section,
)
from visualize.table import arm_name

logger = logging.getLogger("scsc")

LAYOUT = Layout(prefix="", digits=2)
PANELS = (
    Panel("FID", "FID", ("FID_ground truth", "FID floor"), from_zero=False),
    Panel("Diversity", "Diversity", ("Diversity_ground truth",), from_zero=False),
)
_ARM = re.compile(r"(baseline|iterative_finetuning\w*)_(\d+(?:\.\d+)?)")
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
    records = [
        record
        for seed, folder in enumerate(folders)
        for path in mnist_arms(folder)
        for record in read_mnist_arm(path, seed)
    ]
    last = max((record.generation for record in records), default=0)
    sections: list[Section] = []
    if records:
        curves = {"curves": chart_data(records, (("Metrics", PANELS),))}
        panels = [*PANELS, *other_panels(records, {panel.metric for panel in PANELS})]
        sections += [
            Section("outcome", "Where it ended", key_figures(records, PANELS[0])),
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
    lead = f"MNIST digits, {len(own)} arms, up to generation {last}."
    return "Self-consuming loop: MNIST", lead, sections


def _name(arm: Path) -> str:
    kind, ratio = parse_mnist_arm(arm.name) or (arm.name, 0.0)
    return arm_name(kind, round(100 * ratio))


def read_mnist_arm(folder: Path, seed: int) -> Iterable[Record]:
    """Metrics of every finished generation of an arm.

    Raises CorruptFileError for an eval_dict.json that does not read as one.
    """
    parsed = parse_mnist_arm(folder.name)
    assert parsed is not None
    arm, ratio = parsed
    percent = 0 if arm == BASELINE else round(100 * ratio)
    for path in sorted(folder.iterdir()):
        generation = LAYOUT.number(path.name)
        if generation is None or not (path / EVALUATION).is_file():
            continue
        for metric, value in newest_metrics(path / EVALUATION).items():
            for name, number in _numbers(metric, value, path / EVALUATION):
                digits = "" if arm == BASELINE else f"{percent:03d}"
                yield Record(arm, percent, digits, seed, generation, name, number)


def newest_metrics(path: Path) -> dict[str, Any]:
    """The metrics in an eval_dict.json, however deep: of several checkpoints, the highest number's.

    Published files nest them as {"0": {"19": {"FID": ...}}}. Raises CorruptFileError.
    """
    found = read_json(path)
    while isinstance(found, dict) and found and all(isinstance(v, dict) for v in found.values()):
        numbers = {key: re.findall(r"\d+", key) for key in found}
        found = found[max(found, key=lambda key: int(numbers[key][-1]) if numbers[key] else -1)]
    if not isinstance(found, dict) or not found:
        raise CorruptFileError(
            "evaluation file does not read as one", path=path, expected="{...: {metric: number}}"
        )
    return found


def _numbers(metric: str, value: object, path: Path) -> Iterable[tuple[str, float]]:
    values = value if isinstance(value, list) else [value]
    for place, entry in enumerate(values, start=1):
        if entry is None:  # does not exist for this generation
            continue
        if (
            isinstance(entry, bool)
            or not isinstance(entry, int | float)
            or not math.isfinite(entry)
        ):
            raise CorruptFileError(
                "a metric is no finite number", path=path, found=f"{metric}: {entry!r}"
            )
        yield (f"{metric} {place}" if isinstance(value, list) else metric), float(entry)


def sheet_of(folder: Path) -> Path | None:
    """The picture of a generation's samples: the one with the highest number in its name."""
    found = list(folder.glob("image_*.png"))
    numbers = {path: int(re.findall(r"\d+", path.name)[0]) for path in found}
    return max(found, key=lambda path: numbers[path]) if found else None


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
        found = [parse_mnist_arm(path.name) for path in mnist_arms(folder)]
        if not any(arm and arm[0] == BASELINE for arm in found):
            lines.append(f"{folder.name}: no arm {BASELINE}_<fraction>.")
        ratios = sorted({arm[1] for arm in found if arm and arm[0] != BASELINE})
        lines += [
            f"{folder.name}: no arm {kind}_{ratio:g}."
            for ratio in ratios
            for kind in (FINETUNING, CORRECTED)
            if (kind, ratio) not in found
        ]
    return lines + [
        f"{arm.name}: no generation has been evaluated yet." for arm in arms if not arm.generations
    ]
