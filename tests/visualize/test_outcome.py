"""Words stand on intervals alone."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from visualize.curves.records import Record
from visualize.outcome import (
    Bounds,
    change,
    comparisons,
    notes,
    outcome_rows,
    outcome_table,
    outcomes,
)

RAW, CORRECTED = "iterative_finetuning", "iterative_finetuning_with_correction"
NUMBERS = st.floats(-1e6, 1e6)


def measured(arm: str, generation: int, seed: int = 0, **values: tuple[float, float, float]):
    """Records of KID, Recall, ...: (value, low, high)."""
    place = (arm, 0 if arm == "baseline" else 100, "", seed, generation)
    for name, (value, low, high) in values.items():
        metric = f"{name}_test"
        yield Record(*place, metric, value)
        yield Record(*place, f"{metric} interval low", low)
        yield Record(*place, f"{metric} interval high", high)


def arm(kind: str, kid: tuple[float, float, float], last: int = 5, **more) -> list[Record]:
    start = dict.fromkeys(more, (0.5, 0.4, 0.6))
    return [
        *measured(kind, 0, KID=(1.0, 0.8, 1.2), **start),
        *measured(kind, last, KID=kid, **more),
    ]


@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS, st.sampled_from([-1, 1]))
def test_only_disjoint_intervals_change(a: float, b: float, c: float, d: float, sign: int) -> None:
    (low, high), (other_low, other_high) = sorted((a, b)), sorted((c, d))
    before, after = Bounds(low, low, high), Bounds(other_low, other_low, other_high)
    apart = max(low, other_low) > min(high, other_high)
    found = change(before, after, sign)
    assert bool(found) == apart and change(after, before, sign) == -found
    if apart:
        assert found == (sign if other_low > high else -sign)


@pytest.mark.parametrize(
    ("baseline", "kid", "words"),
    [
        ((1.0, 0.9, 1.1), (3.0, 2.5, 3.5), "collapsed: KID worse"),
        (
            (1.0, 0.9, 1.1),
            (3.0, 1.2, 4.8),
            "no collapse seen: intervals overlap",
        ),  # touching is no change
        ((2.8, 2.4, 3.2), (3.0, 2.5, 3.5), "worse, but not beyond the baseline: KID worse"),
        ((1.0, 0.9, 1.1), (0.2, 0.1, 0.3), "improved: KID better"),
    ],
)
def test_what_happened(baseline, kid, words: str) -> None:
    found = {
        each.arm: each.words for each in outcomes([*arm("baseline", baseline), *arm(RAW, kid)])
    }
    assert found[RAW] == words


def test_physics_alone_is_no_collapse() -> None:
    kid = (1.0, 0.9, 1.1)
    records = arm(RAW, kid, **{"Phys-Err": (9.0, 8.0, 10.0), "Recall": (0.5, 0.4, 0.6)})
    assert outcomes(records)[0].words == "no collapse seen: physics error worse"
    records = arm(RAW, kid, **{"Phys-Err": (0.1, 0.0, 0.2), "Recall": (0.1, 0.0, 0.2)})
    assert outcomes(records)[0].words == "collapsed: recall worse; physics error better"


def test_a_run_that_shows_nothing_says_so() -> None:
    same = [*arm(RAW, (2.0, 1.0, 3.0)), *arm(CORRECTED, (1.5, 0.5, 2.5))]
    (line,) = comparisons(same)
    assert "KID: intervals overlap" in line and "does not show" in line
    (line,) = comparisons([*arm(RAW, (3.0, 2.6, 3.4)), *arm(CORRECTED, (1.5, 0.5, 2.5))])
    assert "KID 1.5 [0.5 2.5] against 3 [2.6 3.4], better" in line and "not show" not in line
    # Arms that are not equally far are compared where both are.
    early = [*arm(RAW, (3.0, 2.6, 3.4), last=4), *measured(RAW, 5, KID=(9.0, 8.0, 10.0))]
    (line,) = comparisons([*early, *arm(CORRECTED, (1.5, 0.5, 2.5), last=4)])
    assert "generation 4" in line and "9 [" not in line


def test_seeds_make_the_interval() -> None:
    records = [
        record
        for seed, value in enumerate((2.9, 3.0, 3.1))
        for generation, kid in ((0, value - 2), (5, value))
        for record in measured(RAW, generation, seed, KID=(kid, -100.0, 100.0))
    ]
    (found,) = outcomes(records)
    assert found.words == "collapsed: KID worse"
    # Student's t, 2 degrees of freedom: 4.3027 x 0.1 / sqrt(3)
    assert found.last_values["KID"].high == pytest.approx(3.0 + 0.24841, abs=1e-4)


def test_digits_are_judged_under_their_own_names() -> None:
    motion = [*arm("baseline", (1.0, 0.9, 1.1)), *arm(RAW, (3.0, 2.5, 3.5))]
    digits = [r._replace(metric=r.metric.replace("_test", "")) for r in motion]
    assert outcomes(digits) == outcomes(motion)
    assert outcomes(digits)[1].words == "collapsed: KID worse"


def test_without_intervals_nothing_is_judged() -> None:
    records = [Record(RAW, 100, "100", 0, g, "KID_test", float(g)) for g in range(3)]
    assert outcomes(records)[0].words == "not judged: no intervals"


def test_the_table_has_at_most_eight_columns_and_counts_failures_by_reason() -> None:
    more = {"FID": (0.5, 0.4, 0.6), "Recall": (0.5, 0.4, 0.6), "Phys-Err": (0.5, 0.4, 0.6)}
    records = [*arm(RAW, (3.0, 2.6, 3.4), **more), *arm(CORRECTED, (1.5, 0.5, 2.5), **more)]
    for generation, counts in ((4, (1, 84)), (5, (2, 84))):
        place = (CORRECTED, 100, "100", 0, generation)
        for name, count in zip(("Failed imitations", "Attempted imitations"), counts, strict=True):
            records.append(Record(*place, f"{name}_correction", count))
        records.append(Record(*place, "Failed: the simulation diverged_correction", 1.0))
    headings, rows = outcome_rows(records)
    assert len(headings) <= 8 and {len(row) for row in rows} == {len(headings)}
    console = Console(width=80, file=io.StringIO(), record=True)
    console.print(outcome_table(records, "demo"))
    lines = console.export_text(clear=False).splitlines()
    assert sum("[0.4 0.6]" in line for line in lines) == 4 and max(map(len, lines)) <= 80
    text = " ".join(console.export_text().split())
    assert "3/168" in text and "corrected 100%: 2 the simulation diverged." in " ".join(
        notes(records)
    )
    assert "collapsed" in text and "…" not in text


def test_a_terminal_of_80_columns_cuts_nothing_off() -> None:
    wide = {
        "FID": (1.75, 0.805, 3.36),
        "Recall": (0.486, 0.327, 0.645),
        "Phys-Err": (49.4, 38.0, 63.5),
    }
    records = arm(CORRECTED, (0.0635, 0.00886, 0.147), **wide)
    for name, count in (("Failed", 2.0), ("Attempted", 420.0)):
        records.append(Record(CORRECTED, 100, "100", 0, 5, f"{name} imitations_correction", count))
    for width in (80, 120):
        console = Console(width=width, file=io.StringIO(), record=True)
        console.print(outcome_table(records, "demo"))
        shown = console.export_text()
        assert max(map(len, shown.splitlines())) <= width and "2/420" in shown
        assert "[0.0089" in shown and "failed" in shown
