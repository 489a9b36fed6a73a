"""The sections on what was run: settings, versions, and how far every arm has come."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from loop.errors import MissingAssetError
from loop.rundir.layout import BASELINE, FINETUNING, WITH_CORRECTION, ArmName
from loop.rundir.read import ArmRecord, find_arms
from loop.rundir.versions import installed_versions
from visualize.arms import arm_title
from visualize.curves.records import Record, read_runs
from visualize.report.page import ABSENT, Section, details, paragraph, table, warning

logger = logging.getLogger("scsc")


@dataclass(frozen=True)
class ShownArm:
    """An arm of a page: what it is called there, what its name says, and its state on disk."""

    title: str
    name: ArmName
    record: ArmRecord

    @cached_property
    def settings(self) -> dict[str, str]:
        """Return args.json, flat ("preset.layers"); empty where there is none."""
        return flatten(self.record.settings)

    @cached_property
    def versions(self) -> dict[str, str]:
        """Return versions of the software that worked on it last; empty where not recorded."""
        return flatten(self.record.versions[-1]) if self.record.versions else {}


def shown_arms(folders: Sequence[Path]) -> list[ShownArm]:
    """Read the arms of folders that differ in the seed; titles are unique."""
    return [
        ShownArm(
            ("" if len(folders) == 1 else f"{folder.name}: ")
            + arm_title(record.name.kind, record.name.percent),
            record.name,
            record,
        )
        for folder in folders
        for record in find_arms(folder)
        if record.name
    ]


def read_records(folders: Sequence[Path]) -> list[Record]:
    """Read what was measured; empty for a run that has just begun."""
    try:
        return read_runs(folders)
    except MissingAssetError as error:
        logger.warning("%s", error)
        return []


def flatten(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Flatten {"preset": {"layers": 3}} to {"preset.layers": "3"}."""
    flat: dict[str, str] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = _text(value)
    return flat


def run_section(arms: Sequence[ShownArm], missing: Sequence[str]) -> Section:
    """Build the last section of a page; `missing` says what else a reader will not find."""
    html = state_html(arms, missing) + settings_html(arms) + versions_html(arms)
    return Section("run", "What was run", html)


def state_html(arms: Sequence[ShownArm], missing: Sequence[str]) -> str:
    """List arms and generations that are there, and warn about those that are not."""
    rows = []
    for arm in arms:
        record = arm.record
        stages = Counter[str]()
        for seconds in record.seconds.values():
            stages.update(seconds)  # type: ignore[arg-type]  (adds floats as well)
        done = record.generations
        rows.append(
            [
                (arm.title, record.folder.name),
                f"{len(done)} ({spans(done)})" if done else "0",
                arm.settings.get("preset.generations", ABSENT),
                ABSENT if record.current is None else record.current,
                _duration(sum(stages.values())) if stages else ABSENT,
                ", ".join(f"{stage} {_duration(s)}" for stage, s in stages.items()) or ABSENT,
            ]
        )
    unfinished = [
        f"{arm.title}: generation {arm.record.current} has begun and is not finished."
        for arm in arms
        if arm.record.current is not None
    ]
    lines = [*missing, *missing_arms(arms), *unfinished]
    lines += [fault for arm in arms for fault in arm.record.faults]
    headings = "arm", "generations evaluated", "last one planned", "unfinished", "time", "of which"
    return warning("Not complete:", lines) + table(headings, rows, text=True)


def missing_arms(arms: Sequence[ShownArm]) -> list[str]:
    """Name the arms that a reader expects beside those that are there."""
    lines = []
    for parent in dict.fromkeys(arm.record.folder.parent for arm in arms):
        names = [arm.name for arm in arms if arm.record.folder.parent == parent]
        there = {name.folder for name in names}
        if not any(name.kind == BASELINE for name in names):
            lines.append(f"{parent.name}: no arm {BASELINE}.")
        published = [name for name in names if name.kind in (FINETUNING, WITH_CORRECTION)]
        wanted = {n.of_kind(kind) for n in published for kind in (FINETUNING, WITH_CORRECTION)}
        lines += [f"{parent.name}: no arm {name}." for name in sorted(wanted - there)]
    return lines + [
        f"{arm.title}: no generation has been evaluated yet."
        for arm in arms
        if not arm.record.generations
    ]


def settings_html(arms: Sequence[ShownArm]) -> str:
    """Tabulate the settings in which arms differ; fold away those that they share."""
    known = [arm for arm in arms if arm.settings]
    if not known:
        return paragraph("The settings of these arms were not recorded.", "note")
    common, differing = split_settings(known)
    html = ""
    if differing:
        rows = [[arm.title, *(arm.settings.get(key, ABSENT) for key in differing)] for arm in known]
        html += table(["arm", *differing], rows, "Settings in which the arms differ", text=True)
    return html + details(
        f"The {len(common)} settings that all arms share",
        table(["setting", "value"], [list(item) for item in common.items()], text=True),
    )


def split_settings(arms: Sequence[ShownArm]) -> tuple[dict[str, str], list[str]]:
    """Split settings into those that are the same in all arms, and the names of the others."""
    names = list(dict.fromkeys(name for arm in arms for name in arm.settings))
    values = {name: {arm.settings.get(name) for arm in arms} for name in names}
    common = {name: arms[0].settings[name] for name in names if len(values[name]) == 1}
    return common, [name for name in names if name not in common]


def versions_html(arms: Sequence[ShownArm]) -> str:
    """Tabulate the versions with which arms were run, and with which this report was made."""
    counted = Counter(tuple(sorted(arm.versions.items())) for arm in arms if arm.versions)
    columns: list[tuple[str, dict[str, str]]] = []
    for place, (items, count) in enumerate(counted.most_common(), start=1):
        same = len(counted) == 1
        columns.append((f"run ({'all' if same else f'set {place}: {count}'} arms)", dict(items)))
    columns.append(("this report", flatten(installed_versions())))
    names = list(dict.fromkeys(name for _, column in columns for name in column))
    names = [name for name in names if name != "first_generation"]
    rows = [[name, *(column.get(name, ABSENT) for _, column in columns)] for name in names]
    unknown = [arm.title for arm in arms if not arm.versions]
    note = ""
    if unknown:
        which = "any arm" if len(unknown) == len(arms) else ", ".join(unknown)
        note = paragraph(f"Versions were not recorded in {which}.", "note")
    headings = ["", *(name for name, _ in columns)]
    return note + details("Versions of the software", table(headings, rows, text=True))


def spans(numbers: Sequence[int]) -> str:
    """Write [0, 1, 2, 5] as "0 to 2, 5"."""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][-1] + 1:
            found[-1].append(number)
        else:
            found.append([number])
    return ", ".join(f"{s[0]} to {s[-1]}" if len(s) > 1 else f"{s[0]}" for s in found)


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(_text(entry) for entry in value)
    if value is None or isinstance(value, bool):
        return "none" if value is None else "yes" if value else "no"
    return str(value)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
