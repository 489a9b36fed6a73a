"""What was run: settings, versions, and how far every arm has come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loop.errors import CorruptFileError
from loop.rundir.files import read_json
from loop.rundir.layout import EVALUATION, Layout
from loop.rundir.versions import VERSIONS, installed_versions
from visualize.report.page import ABSENT, details, paragraph, table, warning


@dataclass(frozen=True)
class ArmState:
    """One arm on disk.

    Attributes:
        name: what readers call it, unique on a page.
        folder: where it is.
        generations: those that were evaluated, ascending.
        unfinished: the generation in progress (or interrupted), None without one.
        settings: args.json, flat ("preset.layers"); empty where there is none.
        versions: what was installed when it was run, newest entry of versions.json.
        seconds: time of each stage, summed over generations.
        faults: what could not be read.
    """

    name: str
    folder: Path
    generations: tuple[int, ...]
    unfinished: int | None
    settings: Mapping[str, str]
    versions: Mapping[str, str]
    seconds: Mapping[str, float]
    faults: tuple[str, ...]


def read_arm(folder: Path, layout: Layout, name: str) -> ArmState:
    """State of an arm's folder; what cannot be read becomes a fault of it, never an error."""
    numbers = {layout.number(path.name): path for path in folder.iterdir() if path.is_dir()}
    finished = [g for g, path in numbers.items() if g is not None and (path / EVALUATION).is_file()]
    partial = [
        layout.number(path.name.removesuffix(".partial")) for path in folder.glob("*.partial")
    ]
    faults: list[str] = []
    settings = _read(folder / "args.json", faults, dict)
    versions = _read(folder / VERSIONS, faults, list)
    return ArmState(
        name=name,
        folder=folder,
        generations=tuple(sorted(finished)),
        unfinished=max((g for g in partial if g is not None), default=None),
        settings=flatten(settings or {}),
        versions=flatten(versions[-1]) if versions and isinstance(versions[-1], dict) else {},
        seconds=_read_times(folder / "times.csv"),
        faults=tuple(faults),
    )


def flatten(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """{"preset": {"layers": 3}} as {"preset.layers": "3"}."""
    flat: dict[str, str] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value if isinstance(value, str) else _text(value)
    return flat


def state_section(arms: Sequence[ArmState], missing: Sequence[str]) -> str:
    """Arms and generations that are there, and a warning about those that are not."""
    rows = [
        [
            (arm.name, arm.folder.name),
            f"{len(arm.generations)} ({spans(arm.generations)})" if arm.generations else "0",
            arm.settings.get("preset.generations", ABSENT),
            ABSENT if arm.unfinished is None else arm.unfinished,
            _duration(sum(arm.seconds.values())) if arm.seconds else ABSENT,
            ", ".join(f"{stage} {_duration(s)}" for stage, s in arm.seconds.items()) or ABSENT,
        ]
        for arm in arms
    ]
    unfinished = [
        f"{arm.name}: generation {arm.unfinished} has begun and is not finished."
        for arm in arms
        if arm.unfinished is not None
    ]
    faults = [fault for arm in arms for fault in arm.faults]
    headings = [
        "arm",
        "generations evaluated",
        "last one planned",
        "unfinished",
        "time",
        "of which",
    ]
    return warning("Not complete:", [*missing, *unfinished, *faults]) + table(
        headings, rows, text=True
    )


def settings_section(arms: Sequence[ArmState]) -> str:
    """args.json of all arms: where they differ as a table, what they share folded away."""
    known = [arm for arm in arms if arm.settings]
    if not known:
        return paragraph("No args.json in these folders: the settings were not recorded.", "note")
    common, differing = split_settings(known)
    html = ""
    if differing:
        rows = [[arm.name, *(arm.settings.get(key, ABSENT) for key in differing)] for arm in known]
        html += table(["arm", *differing], rows, "Settings in which the arms differ", text=True)
    html += details(
        f"The {len(common)} settings that all arms share",
        table(["setting", "value"], [list(item) for item in common.items()], text=True),
    )
    return html


def split_settings(arms: Sequence[ArmState]) -> tuple[dict[str, str], list[str]]:
    """(settings that are the same in all arms, names of the others)."""
    names = list(dict.fromkeys(name for arm in arms for name in arm.settings))
    values = {name: {arm.settings.get(name) for arm in arms} for name in names}
    common = {name: arms[0].settings[name] for name in names if len(values[name]) == 1}
    return common, [name for name in names if name not in common]


def versions_section(arms: Sequence[ArmState]) -> str:
    """Versions with which each arm was run, and with which this report was made."""
    here = flatten(installed_versions())
    counted = Counter(tuple(sorted(arm.versions.items())) for arm in arms if arm.versions)
    columns: list[tuple[str, dict[str, str]]] = []
    for place, (items, count) in enumerate(counted.most_common(), start=1):
        same = len(counted) == 1
        columns.append((f"run ({'all' if same else f'set {place}: {count}'} arms)", dict(items)))
    columns.append(("this report", here))
    names = list(dict.fromkeys(name for _, column in columns for name in column))
    names = [name for name in names if name != "first_generation"]
    rows = [[name, *(column.get(name, ABSENT) for _, column in columns)] for name in names]
    unknown = [arm.name for arm in arms if not arm.versions]
    note = ""
    if unknown:
        which = "any arm" if len(unknown) == len(arms) else ", ".join(unknown)
        note = paragraph(f"No {VERSIONS} in {which}: run before it existed.", "note")
    headings = ["", *(name for name, _ in columns)]
    return note + details("Versions of the software", table(headings, rows, text=True))


def _read(path: Path, faults: list[str], kind: type) -> Any:
    if not path.exists():
        return None
    try:
        value = read_json(path)
    except CorruptFileError as error:
        faults.append(str(error).splitlines()[0] + f": {path}")
        return None
    if not isinstance(value, kind):
        faults.append(f"not what this file should hold: {path}")
        return None
    return value


def _read_times(path: Path) -> dict[str, float]:
    """Seconds of each stage; a line that was cut off when a run was killed is left out."""
    seconds: dict[str, float] = {}
    lines = path.read_text().splitlines() if path.is_file() else []
    for fields in (line.split(",") for line in lines):
        try:
            _, stage, value = fields
            seconds[stage] = seconds.get(stage, 0.0) + float(value)
        except ValueError:
            continue
    return seconds


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(_text(entry) for entry in value)
    return (
        {True: "yes", False: "no", None: "none"}.get(value, str(value))
        if isinstance(  # type: ignore[call-overload]
            value, bool | None
        )
        else str(value)
    )


def spans(numbers: Sequence[int]) -> str:
    """[0, 1, 2, 5] as "0 to 2, 5"."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][-1] + 1:
            spans[-1].append(number)
        else:
            spans.append([number])
    return ", ".join(f"{s[0]} to {s[-1]}" if len(s) > 1 else f"{s[0]}" for s in spans)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
