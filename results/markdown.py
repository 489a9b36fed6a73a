"""What the tables of all evidence have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from eval.metrics.statistics import Interval, mean_interval


def markdown(headings: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Write a table."""
    rows = [f"| {' | '.join(row)} |" for row in (headings, *lines)]
    return "\n".join([rows[0], "|---" * len(headings) + "|", *rows[1:]])


def over_seeds(values: Mapping[int, float]) -> Interval | None:
    """Average over seeds with its 95 % interval; None without any."""
    return mean_interval([values[seed] for seed in sorted(values)]) if values else None


def written(found: Interval, digits: int) -> str:
    """Write a mean and, of several values, half the width of its interval."""
    half = f" ± {found.high - found.value:.{digits}f}" if found.count > 1 else ""
    return f"{found.value:.{digits}f}{half}"


def minus(one: Mapping[int, float], other: Mapping[int, float]) -> dict[int, float]:
    """Subtract seed by seed, where both have a value."""
    return {seed: one[seed] - other[seed] for seed in one.keys() & other.keys()}
