"""The evidence of the MNIST experiment as tables: read from its runs, whichever are there.

Every number in results/mnist comes from here or from `results.mnist.corrected_sets`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from domains.mnist.presets import MnistPreset
from eval.metrics.statistics import Interval, mean_interval
from loop.errors import MissingAssetError
from loop.rundir.read import read_arm
from results.markdown import markdown, minus, over_seeds, written
from results.mnist.plan import CORRECTIONS, LATER, MIXINGS, RATES, ArmKey, arms
from visualize.curves.records import write_csv

METRICS = (
    "FID_all", "FID_published", "Precision", "Recall", "Density", "Coverage", "Class entropy",
    "Accuracy", "Memorisation", "Copies", "FID_sampled", "FID_corrected", "Recall_corrected",
    "Memorisation_corrected", "FID_floor", "FID_floor low", "FID_floor high", "FID_real",
    "Recall_real",
)  # fmt: skip
SHOWN = ("FID_all", "Recall", "Precision", "Coverage", "Accuracy", "Memorisation")
TITLES = {"FID_all": "FID"}
OTHERS = ("raw", "baseline", "grey_values")
"""Arms that corrected ones are compared with: no correction, no loop, the control."""
RATE_DIFFERENCES = {"FID": "FID_all", "recall": "Recall", "FID of 100 samples": "FID_published"}
ORDER = ("baseline", "raw", *CORRECTIONS, *LATER)


class Point(NamedTuple):
    """One number of one arm at one generation."""

    key: ArmKey
    generation: int
    metric: str
    value: float


def read_evidence(root: Path, seeds: Sequence[int], preset: MnistPreset) -> list[Point]:
    """Read all numbers of the arms that have begun.

    Raises:
        MissingAssetError: none has.
        CorruptFileError: an eval_dict.json does not read as one.
    """
    points = []
    for key in arms(tuple(seeds), preset.ratios):
        arm = read_arm(key.folder(root, preset.fraction))
        for generation in arm.generations:
            found = arm.metrics(generation)
            points += [Point(key, generation, metric, value) for metric, value in found.items()]
    if not points:
        raise MissingAssetError(
            "no arm of the evidence has begun", path=root, remedy="see results/mnist/plan.py"
        )
    return points


def write_points(points: Sequence[Point], path: Path) -> None:
    """Write a CSV file with a line for each arm, seed and generation.

    Raises StorageError when the file cannot be written.
    """
    numbers = (
        ((key.mixing, key.ratio, key.correction, key.seed, generation), metric, value)
        for key, generation, metric, value in points
    )
    places = ("mixing", "ratio", "correction", "seed", "generation")
    write_csv(path, places, METRICS, numbers, ".6g")


def values(
    points: Sequence[Point],
    mixing: str,
    ratio: float,
    correction: str,
    metric: str,
    generation: int,
) -> dict[int, float]:
    """Return seed -> value; baselines belong to every mixing and ratio."""
    place = ("", 0.0) if correction == "baseline" else (mixing, ratio)
    return {
        p.key.seed: p.value
        for p in points
        if (p.key.mixing, p.key.ratio) == place
        and (p.key.correction, p.metric, p.generation) == (correction, metric, generation)
    }


def comparisons(points: Sequence[Point]) -> list[tuple[str, float]]:
    """List (mixing, ratio) of which the raw and a corrected arm have begun, mixing by mixing."""
    begun = {(p.key.mixing, p.key.ratio, p.key.correction) for p in points if p.generation}
    found = {
        (mixing, ratio)
        for mixing, ratio, correction in begun
        if correction not in ("raw", "baseline") and (mixing, ratio, "raw") in begun
    }
    return sorted(found, key=lambda place: (MIXINGS.index(place[0]), place[1]))


def last_reached(points: Sequence[Point], mixing: str, ratio: float, correction: str) -> int:
    """Return the last generation that any seed of an arm has reached, 0 where none has begun."""
    place = ("", 0.0) if correction == "baseline" else (mixing, ratio)
    return max(
        (
            p.generation
            for p in points
            if (p.key.mixing, p.key.ratio, p.key.correction) == (*place, correction)
        ),
        default=0,
    )


def overview(points: Sequence[Point], metric: str, over: str | None = None) -> str:
    """Write in Markdown a metric of every arm at its last generation, by mixing and ratio.

    Args:
        points: of all arms.
        metric: its name.
        over: divide by this arm, seed by seed; the mean is the geometric one then.
    """
    places = comparisons(points)
    titles = [f"{mixing}, lambda = {ratio:g}" for mixing, ratio in places]
    lines = []
    for arm in ORDER:
        cells = [_seen(points, mixing, ratio, arm, metric, over) for mixing, ratio in places]
        if any(cells) and arm != over:
            lines.append([arm, *cells])
    return markdown(["arm", *titles], lines)


def _seen(
    points: Sequence[Point], mixing: str, ratio: float, arm: str, metric: str, over: str | None
) -> str:
    """Return a cell of the overview; says where fewer seeds or generations stand behind it."""
    reached = [last_reached(points, mixing, ratio, name) for name in (arm, over or arm, "raw")]
    generation = min(reached)
    found = values(points, mixing, ratio, arm, metric, generation) if generation else {}
    if not found:
        return ""
    if over is None:
        shown, seeds = cell(over_seeds(found)), len(found)
    else:
        other = values(points, mixing, ratio, over, metric, generation)
        quotients = {seed: found[seed] / other[seed] for seed in found.keys() & other.keys()}
        if not quotients:
            return ""
        shown, seeds = _ratio(quotients), len(quotients)
    known = len(values(points, "", 0.0, "baseline", metric, 0))
    notes = [f"{seeds} of {known} seeds"] if seeds < known else []
    notes += [f"generation {generation}"] if generation < max(reached) else []
    return shown + (f" [{', '.join(notes)}]" if notes else "")


def outcome_table(points: Sequence[Point], mixing: str, ratio: float) -> str:
    """Write in Markdown each arm at the last generation that it and the raw arm reached."""
    raw_last = last_reached(points, mixing, ratio, "raw")
    start = [over_seeds(values(points, "", 0.0, "baseline", metric, 0)) for metric in SHOWN]
    lines = [_row("generation 0", 0, start)]
    for arm in ORDER:
        generation = min(raw_last, last_reached(points, mixing, ratio, arm))
        found = [over_seeds(values(points, mixing, ratio, arm, m, generation)) for m in SHOWN]
        if found[0] is not None and generation:
            lines.append(_row(arm, generation, found))
    titles = [TITLES.get(metric, metric) for metric in SHOWN]
    return markdown(["arm", "seeds", "generation", *titles], lines)


def difference_table(points: Sequence[Point], mixing: str, ratio: float) -> str:
    """Write in Markdown: paired differences to `OTHERS`, with 95 % intervals."""
    lines = []
    for name, other in ((name, other) for name in ORDER[2:] for other in OTHERS):
        last = min(last_reached(points, mixing, ratio, arm) for arm in (name, other))
        (ours, theirs), (recall, their_recall) = (
            [values(points, mixing, ratio, arm, metric, last) for arm in (name, other)]
            for metric in ("FID_all", "Recall")
        )
        pairs = [over_seeds(minus(ours, theirs)), over_seeds(minus(recall, their_recall))]
        if name != other and pairs[0] is not None and last:
            quotient = _ratio({seed: ours[seed] / theirs[seed] for seed in minus(ours, theirs)})
            lines.append([*_row(f"{name} - {other}", last, pairs), quotient])
    titles = ["difference", "seeds", "generation", "FID", "recall", "ratio of FIDs (interval)"]
    return markdown(titles, lines)


def rate_table(points: Sequence[Point]) -> str:
    """Write in Markdown: FID at both rates by generation, and paired differences over seeds."""
    lines = []
    for generation in sorted({p.generation for p in points if p.key.mixing in RATES}):
        both = [values(points, rate, 1.0, "raw", "FID_all", generation) for rate in RATES]
        shared = both[0].keys() & both[1].keys()
        cells = [cell(over_seeds({seed: line[seed] for seed in shared})) for line in both]
        for metric in RATE_DIFFERENCES.values():
            moved = rate_difference(points, generation, metric)
            cells.append(cell(over_seeds(moved)) if generation else "")
        if shared:
            lines.append([f"{generation}", f"{len(shared)}", *cells])
    titles = [f"FID at {rate:g}" for rate in RATES.values()]
    titles += [f"{name}: difference" for name in RATE_DIFFERENCES]
    return markdown(["generation", "seeds", *titles], lines)


def rate_difference(points: Sequence[Point], generation: int, metric: str) -> dict[int, float]:
    """Return seed -> value at the published rate minus that at rate 0, whose noise is equal."""
    moved, still = (values(points, rate, 1.0, "raw", metric, generation) for rate in RATES)
    return minus(moved, still)


def _ratio(found: dict[int, float]) -> str:
    """Write the geometric mean of ratios, with its 95 % interval."""
    logs = mean_interval([math.log(found[seed]) for seed in sorted(found)])
    mean, low, high = (math.exp(value) for value in (logs.value, logs.low, logs.high))
    return f"{mean:.2f}" + (f" ({low:.2f} to {high:.2f})" if logs.count > 1 else "")


def _row(name: str, generation: int, cells: Sequence[Interval | None]) -> list[str]:
    seeds = max((cell.count for cell in cells if cell is not None), default=0)
    return [name, f"{seeds}", f"{generation}", *map(cell, cells)]


def cell(found: Interval | None) -> str:
    """Return a mean and half the width of its interval, as a table shows them."""
    if found is None:
        return ""
    return written(found, 1 if max(abs(found.value), abs(found.high)) >= 2 else 3)
