"""The table of samplers: which differences the draws resolve."""

from __future__ import annotations

from benchmarks.samplers import SHOWN, _rows
from diffusion.samplers import Sampling


def row(whole: list[float], fewer: list[float]) -> str:
    """The line of differences, of draws that are alike in all metrics."""
    first, found = ([dict.fromkeys(SHOWN, value) for value in values] for values in (whole, fewer))
    return _rows(Sampling("ddim", 12), found, first, 1.0, 50)[1]


def test_a_star_marks_what_the_draws_resolve() -> None:
    assert row([1.0, 2.0, 3.0], [2.0, 3.1, 4.0]).count("*") == len(SHOWN)
    assert "*" not in row([1.0, 2.0, 3.0], [2.0, 1.0, 4.0])


def test_one_draw_resolves_nothing() -> None:
    line = row([1.0], [2.0])
    assert line.count("+1") == len(SHOWN) and "*" not in line and "±" not in line
