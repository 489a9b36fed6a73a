"""The state of a sweep as tables for a terminal: arm x generation, with times and an estimate."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from loop.sweep.outcomes import Outcome
from loop.sweep.plan import Plan
from loop.sweep.status import Progress, paces, time_left

LEGEND = "generations: # done  > in progress  . waiting"


def duration(seconds: float | None) -> str:
    """Format seconds: 7.3 s, 12 min 05 s, 3 h 20 min, 2 d 04 h; ? where nobody knows."""
    if seconds is None:
        return "?"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02d} min"
    return f"{hours // 24} d {hours % 24:02d} h"


def strip(row: Progress) -> str:
    """Draw one sign a generation."""
    if row.job.run is None:
        return ""
    signs = dict.fromkeys(row.done, "#")
    if row.current is not None:
        signs[row.current] = ">"
    return "".join(signs.get(g, ".") for g in range(row.job.last + 1))


def tables(plan: Plan, rows: Sequence[Progress], slots: int, times: bool = False) -> Group:
    """Draw the tables of a sweep.

    Args:
        plan: the jobs.
        rows: how far each is.
        slots: jobs at a time, for the estimate.
        times: also the seconds of every generation.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("arm", "generations", "done", "now", "a generation", "left"):
        table.add_column(
            heading, justify="right" if heading in ("a generation", "left") else "left"
        )
    pace = paces(rows)
    for row in rows:
        each = pace[row.job.name]
        mark = "" if row.pace is not None or each is None else "~"  # measured on others of its kind
        table.add_row(
            row.job.title,
            strip(row),
            f"{len(row.done)}/{row.job.last + 1}" if row.job.run else "",
            Text(_now(row), style="bold red" if row.state == "failed" else ""),
            mark + duration(each) if row.job.run else "",
            duration(row.left(each)) if row.job.run else "",
        )
    parts = [table, Text(f"\n{LEGEND}   ~ measured on other arms")]
    parts += [Text("\nseconds of each generation"), _seconds(rows), Text()] if times else []
    left = time_left(plan, rows, slots)
    doing = f"with {slots} job{'s' * (slots != 1)} at a time"
    if all(row.finished for row in rows):
        parts.append(Text(f"finished; look at {plan.out or plan.folder}"))
    elif left is None:
        parts.append(Text("time left: unknown until the first generation of an arm is done"))
    else:
        parts.append(Text(f"time left: about {duration(left)} {doing}"))
    parts += [Text(line, style="red") for row in rows for line in _failure(row)]
    return Group(*parts)


def _now(row: Progress) -> str:
    where = f": generation {row.current}, {row.stage}" if row.current is not None else ""
    return row.state + where * (row.state not in ("finished", "waiting"))


def _failure(row: Progress) -> list[str]:
    if row.state not in ("failed", "stopped") or row.outcome is None:
        return []
    return [f"{row.job.title} {row.state}{_status(row.outcome)}; its log is {row.job.log}"]


def _status(outcome: Outcome) -> str:
    return "" if outcome.status is None else f" (exit status {outcome.status})"


def _seconds(rows: Sequence[Progress]) -> Table:
    """Tabulate seconds, generation x arm."""
    arms = [row for row in rows if row.job.run is not None]
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("generation", justify="right")
    for row in arms:
        table.add_column(row.job.title, justify="right")
    for generation in sorted({g for row in arms for g in row.seconds}):
        cells = [row.seconds.get(generation) for row in arms]
        table.add_row(str(generation), *("" if cell is None else f"{cell:.1f}" for cell in cells))
    return table
