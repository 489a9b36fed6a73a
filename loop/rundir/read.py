"""Reading a run directory: what an arm was asked for, what is finished, what is in progress.

Everything here only reads, so it may run while the arm does; what is not there, or half written,
counts as not there yet.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from loop.errors import CorruptFileError, MissingAssetError
from loop.interfaces import INTERVAL
from loop.rundir.files import Json, read_json
from loop.rundir.layout import (
    ARGUMENTS,
    EVALUATION,
    RESAMPLES_FILE,
    TIMES,
    ArmName,
    Layout,
    parse_arm,
    read_metrics,
)
from loop.rundir.stage import PARTIAL, WORK
from loop.rundir.versions import VERSIONS

Kind = TypeVar("Kind")


@dataclass(frozen=True)
class ArmRecord:
    """State of one arm on disk.

    Attributes:
        folder: its run directory.
        name: what the name of the folder says; None where it does not follow the pattern.
        layout: names of its generations.
        generations: the finished ones, ascending.
        current: the generation in progress (or interrupted); None without one.
        stages: finished stages of `current`.
        seconds: generation -> stage -> seconds that it took, the last time where it was repeated.
        settings: args.json; empty where there is none.
        versions: entries of versions.json, oldest first.
        faults: what is damaged or incomplete, one sentence each.
    """

    folder: Path
    name: ArmName | None = None
    layout: Layout = field(default_factory=Layout)
    generations: tuple[int, ...] = ()
    current: int | None = None
    stages: frozenset[str] = frozenset()
    seconds: Mapping[int, Mapping[str, float]] = field(default_factory=dict[int, dict[str, float]])
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    versions: Sequence[Mapping[str, Any]] = ()
    faults: tuple[str, ...] = ()

    @property
    def last(self) -> int | None:
        """The newest finished generation; None before generation 0."""
        return self.generations[-1] if self.generations else None

    def generation(self, generation: int) -> Path:
        """Return the folder of a generation."""
        return self.folder / self.layout.name(generation)

    def finished_at(self, generation: int) -> float:
        """Return when a finished generation was evaluated, in seconds since the epoch."""
        return (self.generation(generation) / EVALUATION).stat().st_mtime

    def metrics(self, generation: int) -> dict[str, float]:
        """Read the numbers of a finished generation from its eval_dict.json.

        A list becomes a metric for each entry: bounds ("FID_test interval low", "... high"), or
        ranks ("R_precision_test top-1", ...). Null stands for a metric that does not exist for
        this generation and is left out.

        Raises:
            CorruptFileError: the file does not read as one, or holds something else than numbers.
        """
        folder = self.generation(generation)
        found: dict[str, float] = {}
        for name, value in cast(Mapping[str, Json], read_metrics(folder)).items():
            if isinstance(value, list):
                ranks = [f"top-{k}" for k in range(1, len(value) + 1)]
                names = ["low", "high"] if name.endswith(INTERVAL) else ranks
                if len(names) != len(value):
                    raise _not_a_metric(
                        folder, "an interval has other than two bounds", name, value, "[low, high]"
                    )
                entries = {f"{name} {n}": entry for n, entry in zip(names, value, strict=True)}
            else:
                entries = {} if value is None else {name: value}
            for metric, entry in entries.items():
                if (
                    not isinstance(entry, int | float)
                    or isinstance(entry, bool)
                    or not math.isfinite(entry)
                ):
                    expected = "a finite number, or null"
                    raise _not_a_metric(folder, "a metric is not a number", metric, entry, expected)
                found[metric] = float(entry)
        return found

    def resamples(self, generation: int) -> dict[str, list[float]]:
        """Read {metric: its bootstrap resamples, less their mean} of a finished generation.

        Empty where none were kept, as by older versions and by evaluations without intervals.

        Raises:
            CorruptFileError: the file does not read as one, or holds something else.
        """
        path = self.generation(generation) / RESAMPLES_FILE
        if not path.is_file():
            return {}
        found: Json = read_json(path)
        lists: list[Json] = list(found.values()) if isinstance(found, dict) else [found]
        if not all(isinstance(v, list) and all(isinstance(x, float) for x in v) for v in lists):
            raise CorruptFileError(
                "not lists of resamples",
                path=path,
                expected="{metric: [number, ...]}",
                remedy="remove the file: figures are then judged by their own intervals",
            )
        return cast(dict[str, list[float]], found)


def read_arm(folder: Path, layout: Layout | None = None) -> ArmRecord:
    """Read the state of an arm; damaged files become `faults`, never errors.

    Args:
        folder: run directory; it need not exist.
        layout: names of its generations; default: those that go with the folder's name.
    """
    name = parse_arm(folder.name)
    layout = layout or (name.layout if name else Layout())
    if not folder.is_dir():
        return ArmRecord(folder, name, layout)
    faults: list[str] = []
    present = sorted(path.name for path in folder.iterdir())
    numbers = sorted(g for g in map(layout.number, present) if g is not None)
    done = [g for g in numbers if (folder / layout.name(g) / EVALUATION).is_file()]
    missing = [g for g in numbers if g not in done]
    faults += [f"{folder / layout.name(g)} has no {EVALUATION} and is left out" for g in missing]
    begun = [
        layout.number(entry.removesuffix(PARTIAL)) for entry in present if entry.endswith(PARTIAL)
    ]
    begun += [_work_number(entry) for entry in present]
    current = max((g for g in begun if g is not None and g not in done), default=None)
    markers = (folder / f"{WORK}{current}" / "stages").glob("*.json")
    versions = _read(folder / VERSIONS, list[Json](), faults)
    return ArmRecord(
        folder,
        name,
        layout,
        tuple(done),
        current,
        frozenset(path.stem for path in markers),
        _read_times(folder / TIMES),
        _read(folder / ARGUMENTS, dict[str, Json](), faults),
        [entry for entry in versions if isinstance(entry, dict)],
        tuple(faults),
    )


def find_arms(parent: Path) -> list[ArmRecord]:
    """Read all arms in a folder: baselines first, then by percentage, raw before corrected."""
    if not parent.is_dir():
        return []
    names = [name for path in parent.iterdir() if path.is_dir() and (name := parse_arm(path.name))]
    names.sort(key=lambda name: (name.digits != "", name.percent, name.kind, name.folder))
    return [read_arm(parent / name.folder) for name in names]


def arm_containing(path: Path) -> Path | None:
    """Find the run directory that a file lies in; None outside of any."""
    parents = path.resolve().parents
    return next((folder for folder in parents if (folder / ARGUMENTS).is_file()), None)


def read_settings(arm: Path) -> dict[str, Any]:
    """Read args.json of an arm.

    Raises:
        MissingAssetError, CorruptFileError: there is none, or it holds no settings.
    """
    found: Json = read_json(arm / ARGUMENTS)
    if not isinstance(found, dict):
        raise CorruptFileError(
            "not the settings of an arm",
            path=arm / ARGUMENTS,
            found=repr(found)[:80],
            expected="{setting: value}",
            remedy="restore the file, or move this folder away to start anew",
        )
    return found


def newest(arms: Iterable[ArmRecord]) -> tuple[ArmRecord, int] | None:
    """Find the generation that was finished last; None where no arm has any."""
    finished = ((arm, arm.last) for arm in arms if arm.last is not None)
    return max(finished, key=lambda pair: pair[0].finished_at(pair[1]), default=None)


def _not_a_metric(
    folder: Path, message: str, name: str, value: Json, expected: str
) -> CorruptFileError:
    return CorruptFileError(
        message,
        path=folder / EVALUATION,
        found=f"{name}: {value!r}",
        expected=expected,
        remedy="remove the folder of this generation and run the arm again",
    )


def _work_number(name: str) -> int | None:
    digits = name.removeprefix(WORK)
    return int(digits) if digits != name and digits.isdigit() else None


def _read_times(path: Path) -> dict[int, dict[str, float]]:
    found: dict[int, dict[str, float]] = {}
    try:
        rows = list(csv.reader(path.read_text("utf-8", errors="replace").splitlines()))
    except (OSError, csv.Error):
        return found
    for row in rows:
        try:
            generation, stage, seconds = int(row[0]), row[1], float(row[2])
        except (ValueError, IndexError):
            continue  # a head line, or a line that is being written
        if math.isfinite(seconds) and seconds >= 0:
            found.setdefault(generation, {})[stage] = seconds
    return found


def _read(path: Path, empty: Kind, faults: list[str]) -> Kind:
    """Return what a file holds; `empty` where there is none, or it holds another type."""
    try:
        value = read_json(path)
    except MissingAssetError:
        return empty
    except CorruptFileError as error:
        faults.append(f"{path}: {str(error).splitlines()[0]}")
        return empty
    if not isinstance(value, type(empty)):
        faults.append(f"{path} does not hold what it should")
        return empty
    return value
