"""What became of every arm, in words that its intervals decide.

A measure is better or worse than in generation 0 where the 95 % interval of the difference leaves
out 0. The difference is paired: over seeds that both have, else over resamples of the same prompts
and real samples; where neither is at hand, their own intervals have to lie apart. What is not
beyond the intervals says nothing, and is called so. Whether a worse arm collapsed or only went on
training, the baseline of real data decides.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich import box
from rich.table import Table

from eval.metrics.statistics import Interval, mean_interval, paired_difference
from loop.interfaces import INTERVAL
from loop.rundir.files import read_json
from loop.rundir.layout import BASELINE, FINETUNING, WITH_CORRECTION
from loop.rundir.read import find_arms
from visualize.arms import arm_title
from visualize.curves.records import Record, arms_in_order, seeds_of

FAILED, ATTEMPTED = "Failed imitations_correction", "Attempted imitations_correction"
REASON = "Failed: "
"""How the metric of a reason begins; it ends in `_correction`."""
UNRESOLVED = "nothing beyond the intervals"
Resamples = Mapping[tuple[str, int, int, int], Mapping[str, Sequence[float]]]
"""(kind of arm, percent, seed, generation) -> metric -> bootstrap resamples, less their mean."""


@dataclass(frozen=True)
class Measure:
    """A number whose change is judged.

    Attributes:
        title: heading of its column.
        metrics: as the records of motion name it, and those of digits; the first that is there.
        sign: 1 where more is better, -1 where less is.
        collapse: a collapsed model is worse in it; else it only says what else changed.
    """

    title: str
    metrics: tuple[str, ...]
    sign: int
    collapse: bool = True


MEASURES = (
    Measure("KID", ("KID_test", "KID"), -1),
    Measure("FID", ("FID_test", "FID_all"), -1),
    Measure("kinetic FID", ("FID kinetic_test",), -1),
    Measure("recall", ("Recall_test", "Recall"), 1),
    Measure("physics error", ("Phys-Err_test",), -1, collapse=False),
)


@dataclass(frozen=True)
class Figure:
    """A measure of one arm and generation.

    Attributes:
        interval: over seeds, else of the bootstrap.
        seeds: seed -> value.
    """

    interval: Interval
    seeds: Mapping[int, float] = field(default_factory=dict[int, float])

    def __str__(self) -> str:
        """Write the value, and its bounds to two digits of the width of the interval."""
        low, high = self.interval.bounds
        width = high - low
        digits = max(0, 1 - math.floor(math.log10(width))) if width > 0 else 2
        ends = (f"{round(x, digits) + 0.0:.{digits}f}" for x in (low, high))  # no negative zero
        text = f"{self.interval.value:.3g} [{' '.join(ends)}]"
        return re.sub(r"\b0\.", ".", text)


@dataclass(frozen=True)
class Outcome:
    """What became of an arm from generation 0 to its last one.

    Attributes:
        arm, percent: which.
        last: its newest generation.
        first_values, last_values: title of a measure -> its figure, where it has an interval.
        words: what happened.
        failed: failed of attempted corrections of all generations; empty where none was tried.
    """

    arm: str
    percent: int
    last: int
    first_values: dict[str, Figure]
    last_values: dict[str, Figure]
    words: str
    failed: str


def figure(
    records: Sequence[Record], metric: str, resamples: Mapping[str, Sequence[float]]
) -> Figure | None:
    """Return a metric of one arm and generation: over seeds, else with the interval it came with.

    `resamples`: of this arm and generation. None where it was not measured, or has no interval.
    """
    seeds = {record.seed: record.value for record in records if record.metric == metric}
    if len(seeds) > 1:
        return Figure(mean_interval(list(seeds.values())), seeds)
    stored = {record.metric: record.value for record in records}
    ends = [stored.get(f"{metric}{INTERVAL} {end}") for end in ("low", "high")]
    if not seeds or ends[0] is None or ends[1] is None:
        return None
    drawn = tuple(resamples.get(metric, ()))
    (value,) = seeds.values()
    return Figure(Interval(value, ends[0], ends[1], 0.95, len(drawn), drawn), seeds)


def change(before: Figure, after: Figure, sign: int) -> int:
    """Return 1 for better, -1 for worse, 0 where the difference is not beyond its interval."""
    shared = before.seeds.keys() & after.seeds.keys()
    resampled = before.interval.resamples and after.interval.resamples
    if len(shared) > 1:
        moved = mean_interval([after.seeds[seed] - before.seeds[seed] for seed in sorted(shared)])
    elif resampled and len(resampled) == len(before.interval.resamples):
        moved = paired_difference(before.interval, after.interval)
    else:
        low, high = before.interval.bounds
        return sign * ((after.interval.low > high) - (after.interval.high < low))
    return sign * ((moved.low > 0) - (moved.high < 0))


def read_resamples(folders: Sequence[Path]) -> Resamples:
    """Read the resamples of all arms in folders of runs that differ in the seed.

    Raises:
        CorruptFileError: a file of them does not read as one.
    """
    return {
        (arm.name.kind, arm.name.percent, seed, generation): found
        for folder, seed in zip(folders, seeds_of(folders), strict=True)
        for arm in find_arms(folder)
        if arm.name is not None
        for generation in arm.generations
        if (found := arm.resamples(generation))
    }


def outcomes(records: Sequence[Record], resamples: Resamples | None = None) -> list[Outcome]:
    """Judge every arm, in the usual order."""
    arms = {
        (arm, percent): [r for r in records if (r.arm, r.percent) == (arm, percent)]
        for arm, percent in arms_in_order(records)
    }
    baseline = next((mine for (arm, _), mine in arms.items() if arm == BASELINE), [])
    trained = _values(baseline, _last(baseline), resamples) if baseline else {}
    found: list[Outcome] = []
    for (arm, percent), mine in arms.items():
        first, last = (_values(mine, end, resamples) for end in (0, _last(mine)))
        compared = {} if arm == BASELINE else trained
        words = _words(first, last, compared) if _last(mine) else "generation 0 only"
        found.append(Outcome(arm, percent, _last(mine), first, last, words, _failures(mine)))
    return found


def _last(records: Sequence[Record]) -> int:
    return max(record.generation for record in records)


def _values(
    records: Sequence[Record], generation: int, resamples: Resamples | None
) -> dict[str, Figure]:
    here = [record for record in records if record.generation == generation]
    known = (resamples or {}).get(here[0][:2] + here[0][3:5], {}) if here else {}
    found: dict[str, Figure] = {}
    for measure in MEASURES:
        values = (figure(here, metric, known) for metric in measure.metrics)
        if (value := next(filter(None, values), None)) is not None:
            found[measure.title] = value
    return found


def _words(first: dict[str, Figure], last: dict[str, Figure], baseline: dict[str, Figure]) -> str:
    """Say what happened, with the measures that changed beyond the intervals."""
    judged = [m for m in MEASURES if m.title in first and m.title in last]
    if not any(measure.collapse for measure in judged):
        return "not judged: no intervals"
    found = {m: change(first[m.title], last[m.title], m.sign) for m in judged}
    worse, better = ([m for m, way in found.items() if way == sign] for sign in (-1, 1))
    fell = [m for m in worse if m.collapse]
    own = [  # beyond what the same training does on real data alone
        m
        for m in fell
        if m.title not in baseline or change(baseline[m.title], last[m.title], m.sign) < 0
    ]
    if own:
        word = "collapsed"
    elif fell:
        word = "worse, but not beyond the baseline"
    elif any(measure.collapse for measure in better):
        word = "improved"
    else:
        word = "no collapse seen"
    parts = [f"{', '.join(m.title for m in group)} {name}" for group, name in
             ((worse, "worse"), (better, "better")) if group]  # fmt: skip
    return f"{word}: {'; '.join(parts)}" if parts else word


def _failures(records: Sequence[Record]) -> str:
    failed, attempted = (
        sum(r.value for r in records if r.metric == name) for name in (FAILED, ATTEMPTED)
    )
    return f"{failed:.0f}/{attempted:.0f}" if attempted else ""


def reasons(records: Sequence[Record]) -> dict[tuple[str, int], Counter[str]]:
    """Count failed corrections of every arm by reason, over all generations and seeds."""
    found: dict[tuple[str, int], Counter[str]] = {}
    for record in records:
        if record.metric.startswith(REASON):
            reason = record.metric.removeprefix(REASON).removesuffix("_correction")
            counts = found.setdefault((record.arm, record.percent), Counter())
            counts[reason] += round(record.value)
    return found


def comparisons(records: Sequence[Record], resamples: Resamples | None = None) -> list[str]:
    """Compare each corrected arm with the raw one of its share, in their last common generation."""
    lines: list[str] = []
    arms = arms_in_order(records)
    for arm, percent in arms:
        if arm != WITH_CORRECTION or (FINETUNING, percent) not in arms:
            continue
        raw, corrected = (
            [r for r in records if (r.arm, r.percent) == (kind, percent)]
            for kind in (FINETUNING, WITH_CORRECTION)
        )
        generation = min(_last(raw), _last(corrected))
        before, after = (_values(mine, generation, resamples) for mine in (raw, corrected))
        shared = [m for m in MEASURES if m.title in before and m.title in after]
        if generation and shared:
            lines.append(_compared(percent, generation, shared, before, after))
    return lines


def _compared(
    percent: int,
    generation: int,
    shared: Sequence[Measure],
    raw: dict[str, Figure],
    corrected: dict[str, Figure],
) -> str:
    ways = {m: change(raw[m.title], corrected[m.title], m.sign) for m in shared}
    parts = [
        f"{m.title} {corrected[m.title]} against {raw[m.title]}, {'better' if way > 0 else 'worse'}"
        for m, way in ways.items()
        if way
    ]
    alike = [m.title for m, way in ways.items() if not way]
    if alike:
        parts.append(f"{', '.join(alike)}: {UNRESOLVED}")
    told = f"{percent} % corrected against raw, generation {generation}: {'; '.join(parts)}."
    if not any(way > 0 for m, way in ways.items() if m.collapse):
        told += " That corrected samples keep the model better, this run does not show."
    return told


def outcome_rows(
    records: Sequence[Record], resamples: Resamples | None = None
) -> tuple[list[str], list[list[object]]]:
    """Make headings and rows: an arm, what happened, measures of first and last generation.

    A cell of a measure is a pair (first, last).
    """
    found = outcomes(records, resamples)
    shown = [m for m in MEASURES if any(m.title in each.last_values for each in found)]
    failed = any(each.failed for each in found)
    rows: list[list[object]] = []
    for each in found:
        cells: list[object] = [arm_title(each.arm, each.percent), each.words]
        for measure in shown:
            ends = (each.first_values.get(measure.title), each.last_values.get(measure.title))
            cells.append(tuple("-" if end is None else str(end) for end in ends))
        rows.append([*cells, *([each.failed or "-"] if failed else [])])
    headings = ["arm", "what happened", *(m.title for m in shown), *(["failed"] if failed else [])]
    return headings, rows


def tried_in(folders: Sequence[Path]) -> dict[tuple[str, int], str]:
    """Read what the correction of each arm tries on a motion, where it was recorded."""
    found: dict[tuple[str, int], str] = {}
    for arm in (arm for folder in folders for arm in find_arms(folder)):
        if arm.name is not None and arm.last:
            path = arm.generation(arm.last) / "correction.json"
            stored = read_json(path) if path.is_file() else {}
            if tried := stored.get("tried"):
                found[arm.name.kind, arm.name.percent] = tried
    return found


def outcome_table(
    records: Sequence[Record], title: str, resamples: Resamples | None = None
) -> Table:
    """Tabulate the arms for a terminal, at most eight columns; `notes` belong below it."""
    headings, rows = outcome_rows(records, resamples)
    table = Table(
        title=title, title_justify="left", header_style="bold", box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0), show_lines=True,
    )  # fmt: skip
    # Arm and words share a column, which a terminal of 80 columns has room for; and no least
    # width: rich would draw beyond the terminal to keep it.
    table.add_column("arm, and what\nhappened", overflow="fold")
    for heading in headings[2:]:
        table.add_column(heading.replace(" ", "\n"), no_wrap=True)
    for arm, words, *measured in rows:
        cells = ("\n".join(one) if isinstance(one, tuple) else str(one) for one in measured)
        table.add_row(f"{arm}\n{words}", *(cell.replace(" [", "\n[") for cell in cells))
    return table


def notes(
    records: Sequence[Record],
    tried: Mapping[tuple[str, int], str] | None = None,
    resamples: Resamples | None = None,
) -> list[str]:
    """Say how to read the table, how arms compare, and why corrections failed."""
    lines = [
        "Above generation 0, below the last one, each with its 95 % interval; words stand on the "
        "intervals of their differences, over the same prompts and real samples."
    ]
    lines += comparisons(records, resamples)
    for (arm, percent), counts in reasons(records).items():
        told = "; ".join(f"{count} {reason}" for reason, count in counts.most_common() if count)
        if told:
            order = (tried or {}).get((arm, percent))
            told += f" (tried: {order})" if order else ""
            lines.append(f"Failed corrections, {arm_title(arm, percent)}: {told}.")
    return lines
