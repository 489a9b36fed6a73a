"""What the CSVs of this folder say, as tables in Markdown.

Distances are in mm, slide in mm a frame, penetration and float in mm beyond 5 mm, jitter in mm per
frame cubed, forces in body weights.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eval.metrics.statistics import Blocks, bootstrap_interval
from loop.errors import CorruptFileError, MissingAssetError
from results.markdown import markdown
from uhc.corrupted import MOTIONS, RESAMPLES, by_clip, ratio_of_medians
from uhc.evaluate import Row
from uhc.trials import STAGES

Array = NDArray[np.float64]

WORDS = ("id", "reason", "method", "contacts", "corruption", "measure", "inside")
"""Columns that hold no numbers; neither do those that end with `outside`."""
RULE = 1.1
"""Simulated motion is to be at most this much farther from the clean one than kinematic motion."""
TARGETS = {
    "MPJPE to the input at most 30 mm": ("mpjpe_mm", 30.0),
    "root-aligned at most 20 mm": ("root_aligned_mm", 20.0),
    "residual force at most 5 % of body weight": ("residual_force_bw", 0.05),
    "no residual force": ("residual_force_bw", 0.0),
    "penetration at most 1 mm": ("penetrate_mm", 1.0),
    "float at most 5 mm": ("float_mm", 5.0),
    "the same, frames left out in which the input is in flight": ("grounded_float_mm", 5.0),
    "toe slide at most 3 mm a frame": ("slide_mm_per_frame", 3.0),
}
WITHIN_MM = (10.0, 30.0, 50.0)


def read(path: Path) -> list[Row]:
    """Read a CSV of measurements: numbers become floats, empty cells are left out.

    Raises:
        MissingAssetError: it is not there.
        CorruptFileError: text stands where a number should, or there is no row.
    """
    if not path.is_file():
        remedy = "bash exp_scripts/correction_evidence.sh BVH_DIR"
        raise MissingAssetError("a measurement is missing", path=path, remedy=remedy)
    with path.open(newline="") as file:
        lines = list(csv.DictReader(file))
    try:
        rows = [{name: _value(name, cell) for name, cell in line.items() if cell} for line in lines]
    except ValueError as error:
        raise CorruptFileError("no table of measurements", path=path, found=error) from error
    if not rows:
        raise CorruptFileError("no table of measurements", path=path, expected="a row or more")
    return rows


def fixed_point(rows: Sequence[Row]) -> str:
    """Write every measure of `uhc.fixed_point`, and which joints are outside the band."""
    lines = []
    for row in rows:
        low, high = (shown(row.get(end)) for end in ("low", "high"))
        band = f"{low} to {high}" if low else ""
        outside = [f"{stage}: {row[f'{stage} outside']}" for stage in STAGES
                   if f"{stage} outside" in row]  # fmt: skip
        values = [shown(row.get(name)) for name in ("floor", *STAGES)]
        power = [shown(row.get(f"{stage} ratio")) for stage in STAGES]
        powers = ", ".join(power) if any(power) else ""
        lines.append(
            [str(row["measure"]), values[0], band, *values[1:], "; ".join(outside), powers]
        )
    headings = ["measure", "floor", "band", *STAGES, "joints outside", "power over the input's"]
    return markdown(headings, lines)


def distances(rows: Sequence[Row]) -> str:
    """Write how far each stage is from the clean motion, and whether the 10 % rule holds.

    Medians over clips of the mean over draws; bootstrap over clips.
    """
    lines = []
    for kind, some in _by_kind(rows).items():
        done = tracked(some)
        cells = [
            kind,
            f"{len(done)} of {len(some)}",
            f"{sum(row['clamp_n'] == 0 for row in done)}",
            shown(float(np.mean(by_clip(some, "simulated_force_bw")))),
        ]
        for column in ("global", "aligned"):
            ratio, low, high = ratio_of_medians(some, column)
            rule = "yes" if high <= RULE else "no" if low > RULE else "open"
            cells += [
                _medians(some, column),
                f"{shown(ratio)} ({shown(low)} to {shown(high)})",
                rule,
            ]
        lines.append(cells)
    clips = len({row["id"] for row in rows})
    ratios = ["simulated / kinematic (95 %)", f"at most {RULE:g}"]
    stages = f"({' / '.join(MOTIONS)})"
    headings = [f"{clips} clips", "tracked", "without force", "mean force",
                f"global {stages}", *ratios, f"root-aligned {stages}", *ratios]  # fmt: skip
    return markdown(headings, lines)


def plausibility(rows: Sequence[Row]) -> str:
    """Write what a correction buys, as input / kinematic / refined / simulated."""
    columns = ("slide", "penetrate", "float", "jitter", "force_bw")
    lines = [
        [kind, *(_medians(some, column) for column in columns)]
        for kind, some in _by_kind(rows).items()
    ]
    return markdown(["corruption", *columns], lines)


def targets(sets: Mapping[str, Sequence[Row]]) -> str:
    """Write medians over clips that were tracked, and the share of all clips within each target."""
    done = {name: tracked(rows) for name, rows in sets.items()}
    lines = [["tracked", *(f"{len(done[name])} of {len(rows)}" for name, rows in sets.items())]]
    for title, (column, limit) in TARGETS.items():
        found = [numbers(done[name], column) for name in sets]
        lines.append([title, *(
            f"{shown(np.median(values))} ({np.sum(values <= limit) / len(rows):.0%})"
            if np.isfinite(values).all() else "not measured"
            for values, rows in zip(found, sets.values(), strict=True)
        )])  # fmt: skip
    jitter = [[numbers(done[name], f"{of}jitter") for of in ("", "input_")] for name in sets]
    lines.append(["jitter at most the input's", *(
        f"{shown(np.median(ours))}, input {shown(np.median(theirs))} "
        f"({np.sum(ours <= theirs) / len(rows):.0%})"
        for (ours, theirs), rows in zip(jitter, sets.values(), strict=True)
    )])  # fmt: skip
    return markdown(["target", *sets], lines)


def floor_work(feet: Sequence[Row], body: Sequence[Row]) -> str:
    """Write each clip with the feet alone, then with the whole body bearing load."""
    columns = ("mpjpe_mm", "root_aligned_mm", "refined_unexplained_force_bw", "residual_force_bw",
               "clamp_n", "grounded_float_mm")  # fmt: skip
    before = {row["id"]: row for row in feet}
    lines = [
        [
            str(row["id"]),
            *(f"{shown(before[row['id']].get(c))}, {shown(row.get(c))}" for c in columns),
        ]
        for row in body
        if row["id"] in before
    ]
    return markdown(["clip", "MPJPE", "root-aligned", "unexplained force", "residual force",
                     "its bound, N", "float, input not in flight"], lines)  # fmt: skip


def compared(arms: Mapping[str, Sequence[Row]]) -> str:
    """Write what controllers or contacts do to the same clips: medians over those tracked."""
    lines = []
    for name, rows in arms.items():
        done = tracked(rows)
        medians = (np.median(numbers(done, column)) for column in ("mpjpe_mm", "root_aligned_mm"))
        lines.append([
            name,
            f"{len(done)} of {len(rows)}",
            f"{sum(row['clamp_n'] == 0 for row in done)}",
            shown(numbers(done, "residual_force_bw").mean()),
            *map(shown, medians),
        ])  # fmt: skip
    return markdown(["", "tracked", "without force", "mean force", "MPJPE, median",
                     "root-aligned, median"], lines)  # fmt: skip


def unaided(arms: Mapping[str, Sequence[Row]]) -> str:
    """Write who comes to the end without force and how close; medians over those that do."""
    first = next(iter(arms.values()))
    control = [
        {"success": 1.0, "mpjpe_mm": row["kinematic_mpjpe_mm"],
         "slide_mm_per_frame": row["kinematic_slide_mm_per_frame"]}
        for row in first
    ]  # fmt: skip
    lines = []
    for name, rows in {"kinematic control (no physics)": control, **arms}.items():
        done = tracked(rows)
        far = numbers(done, "mpjpe_mm")
        lines.append([
            name,
            f"{len(done)} of {len(rows)}",
            *(str(np.sum(far <= limit)) for limit in WITHIN_MM),
            shown(np.median(far)),
            shown(np.median(numbers(done, "slide_mm_per_frame"))),
        ])  # fmt: skip
    within = (f"within {limit:g} mm" for limit in WITHIN_MM)
    return markdown(["", "to the end", *within, "MPJPE, median", "slide, median"], lines)


def in_pairs(arms: Mapping[str, Sequence[Row]]) -> str:
    """Write for each two how many clips only one brings to the end, and which is nearer.

    Nearer on clips that both bring there: median of the differences, bootstrap over clips.
    """
    lines = []
    for (name, rows), (other, theirs) in combinations(arms.items(), 2):
        ours, others = ({row["id"]: row for row in tracked(some)} for some in (rows, theirs))
        both = sorted(ours.keys() & others.keys(), key=str)
        one, two = (numbers([some[key] for key in both], "mpjpe_mm") for some in (ours, others))
        more, rng = two - one, np.random.default_rng(0)
        found = bootstrap_interval(
            lambda chosen, more=more: float(np.median(more[chosen])),
            [Blocks(len(more))],
            rng,
            resamples=RESAMPLES,
        )  # fmt: skip
        lines.append([
            f"{name}, {other}",
            str(len(ours.keys() - others.keys())),
            str(len(others.keys() - ours.keys())),
            str(len(both)),
            f"{np.sum(more > 0)}, {np.sum(more < 0)}",
            f"{shown(found.value)} ({shown(found.low)} to {shown(found.high)})",
        ])  # fmt: skip
    return markdown(["first, second", "only the first to the end", "only the second", "both",
                     "nearer: first, second", "second minus first, mm (95 %)"], lines)  # fmt: skip


def tracked(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of clips that were tracked to the end."""
    return [row for row in rows if row["success"] == 1]


def numbers(rows: Sequence[Row], column: str) -> Array:
    """Return a column (rows,), NaN where a cell is empty."""
    return np.array([row.get(column, np.nan) for row in rows], dtype=np.float64)


def shown(value: object) -> str:
    """Write a number with three significant digits; nothing where there is none."""
    if not isinstance(value, float) or np.isnan(value):
        return ""
    digits = np.format_float_positional(value, 3, unique=False, fractional=False, trim="-")
    return "0" if float(digits) == 0.0 else digits


def _medians(rows: Sequence[Row], column: str) -> str:
    found = (by_clip(rows, f"{motion}_{column}") for motion in MOTIONS)
    return " / ".join(shown(float(np.median(each))) if len(each) else "" for each in found)


def _by_kind(rows: Sequence[Row]) -> dict[str, list[Row]]:
    kinds: dict[str, list[Row]] = {}
    for row in rows:
        kinds.setdefault(str(row["corruption"]), []).append(row)
    return kinds


def _value(name: str, cell: str) -> object:
    return cell if name in WORDS or name.endswith("outside") else float(cell)
