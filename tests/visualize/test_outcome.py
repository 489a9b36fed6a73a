"""Words stand on intervals alone."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from eval.metrics.statistics import Interval
from loop.errors import CorruptFileError
from loop.rundir.layout import EvaluationFile
from visualize.curves.records import Record, read_folder
from visualize.outcome import (
    Figure,
    change,
    comparisons,
    notes,
    outcome_rows,
    outcome_table,
    outcomes,
    read_resamples,
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


def figure(value: float, low: float, high: float, *resamples: float) -> Figure:
    interval = Interval(value, float(low), float(high), 0.95, len(resamples), resamples)
    return Figure(interval, {0: value})


@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS, st.sampled_from([-1, 1]))
def test_only_disjoint_intervals_change(a: float, b: float, c: float, d: float, sign: int) -> None:
    (low, high), (other_low, other_high) = sorted((a, b)), sorted((c, d))
    before, after = figure(low, low, high), figure(other_low, other_low, other_high)
    apart = max(low, other_low) > min(high, other_high)
    found = change(before, after, sign)
    assert bool(found) == apart and change(after, before, sign) == -found
    if apart:
        assert found == (sign if other_low > high else -sign)


@given(st.floats(-1, 1), st.floats(0.01, 0.2), st.integers(0, 2**32))
def test_what_resamples_share_goes_out_of_the_difference(shift: float, own: float, seed: int):
    """As a paired t-test sees what a test of two groups does not."""
    rng = np.random.default_rng(seed)
    shared, noise = rng.normal(size=1000), own * rng.normal(size=(2, 1000))
    draws = [part - part.mean() for part in shared + noise]
    before, after = (
        figure(value, *(value + np.quantile(part, [0.025, 0.975])), *part)
        for value, part in zip((1.0, 1.0 + shift), draws, strict=True)
    )
    reach = 1.96 * own * np.sqrt(2)
    if abs(shift) > 1.25 * reach:
        assert change(before, after, 1) == (1 if shift > 0 else -1)
    elif abs(shift) < 0.75 * reach:
        assert change(before, after, 1) == 0
    bare = figure(after.interval.value, *after.interval.bounds)
    assert change(before, bare, 1) == 0  # their own intervals overlap


def test_a_difference_is_that_of_each_seed() -> None:
    before = [Record(RAW, 100, "100", s, 0, "KID_test", value) for s, value in enumerate((1, 5, 9))]
    after = [r._replace(generation=5, value=r.value + 0.1) for r in before]
    after[0] = after[0]._replace(value=1.11)
    assert outcomes([*before, *after])[0].words == "collapsed: KID worse"
    far = [r._replace(value=r.value + (3, -2, 1)[r.seed]) for r in after]
    assert outcomes([*before, *far])[0].words == "no collapse seen"


def test_resamples_of_an_arm_decide(tmp_path: Path) -> None:
    """KID 1 -> 1.3, whose intervals overlap, while each resample rises by about as much."""
    folder = tmp_path / "synthetic_percent_100_iterative_finetuning"
    common = np.random.default_rng(0).normal(0, 0.3, size=100)
    for generation, value in ((0, 1.0), (5, 1.3)):
        drawn = common + 0.02 * np.random.default_rng(generation).normal(size=100)
        low, high = value + np.quantile(drawn, [0.025, 0.975])
        interval = Interval(value, low, high, 0.95, 100, tuple(drawn - drawn.mean()))
        metrics = {"KID_test": value, **interval.entries("KID_test")}
        EvaluationFile(["model.pt"]).save(metrics, make(folder / f"generation_{generation}"))
    (folder / "args.json").write_text("{}")
    records = read_folder(tmp_path)
    assert not any("resample" in record.metric for record in records)
    assert outcomes(records)[0].words == "no collapse seen"
    found = outcomes(records, read_resamples([tmp_path]))
    assert found[0].words == "collapsed: KID worse"
    (folder / "generation_5" / "eval_resamples.json").write_text('{"KID_test": "many"}')
    with pytest.raises(CorruptFileError, match="not lists of resamples"):
        read_resamples([tmp_path])


def make(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize(
    ("baseline", "kid", "words"),
    [
        ((1.0, 0.9, 1.1), (3.0, 2.5, 3.5), "collapsed: KID worse"),
        (
            (1.0, 0.9, 1.1),
            (3.0, 1.2, 4.8),
            "no collapse seen",
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
    assert "KID: nothing beyond the intervals" in line and "does not show" in line
    (line,) = comparisons([*arm(RAW, (3.0, 2.6, 3.4)), *arm(CORRECTED, (1.5, 0.5, 2.5))])
    assert "KID 1.5 [.5 2.5] against 3 [2.60 3.40], better" in line and "not show" not in line
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
    assert found.last_values["KID"].interval.high == pytest.approx(3.0 + 0.24841, abs=1e-4)


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
    assert sum("[.40 .60]" in line for line in lines) == 4 and max(map(len, lines)) <= 80
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
        assert "[.01" in shown and "failed" in shown
