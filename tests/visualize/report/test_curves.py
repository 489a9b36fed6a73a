"""Curves, final values and key figures against other ways to compute them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from visualize.curves.axes import Panel
from visualize.curves.graphs import PUBLISHED_PANELS
from visualize.curves.records import BASELINE, CORRECTED, FINETUNING, Record
from visualize.report.curves import (
    chart_data,
    direction,
    every_value,
    final_values,
    key_figures,
    number,
    other_panels,
    real_data_keys,
)

FID = PUBLISHED_PANELS[0]


def records(values: dict[int, list[float]], arm: str = FINETUNING) -> list[Record]:
    """FID of generation: one value a seed."""
    return [
        Record(arm, 0 if arm == BASELINE else 100, "100", seed, generation, "FID_test", value)
        for generation, seeds in values.items()
        for seed, value in enumerate(seeds)
    ]


def test_a_curve_is_mean_and_t_interval_over_seeds() -> None:
    seeds = [1.0, 2.5, 4.0]
    chart = chart_data(records({0: [1.0] * 3, 1: seeds}), [("", [FID])])["groups"][0]["charts"][0]
    (line,) = chart["series"]
    low, high = stats.t.interval(0.95, 2, np.mean(seeds), stats.sem(seeds))
    assert line["x"] == [0, 1] and line["y"] == [1.0, 2.5]
    assert (line["low"][1], line["high"][1]) == pytest.approx((low, high), rel=1e-5)
    assert line["raw"] == [[0, 1.0]] * 3 + [[1, value] for value in seeds]
    assert chart["better"] == "lower is better"


def test_references_are_generation_0_and_the_real_data() -> None:
    floor = [Record(BASELINE, 0, "", 0, 0, "FID_ground truth", 0.25)]
    data = chart_data(records({0: [2.0], 1: [3.0]}) + floor, [("", [FID])])
    references = {r["kind"]: r["value"] for r in data["groups"][0]["charts"][0]["references"]}
    assert references == {"start": 2.0, "real": 0.25}


def test_long_curves_are_smoothed_and_their_values_are_not() -> None:
    wave = {generation: [float(generation % 2)] for generation in range(12)}
    (line,) = chart_data(records(wave), [("", [FID])])["groups"][0]["charts"][0]["series"]
    assert line["y"] == [0.0, 1.0] * 6
    assert max(np.abs(np.diff(line["trend"]))) < 0.2
    short = {generation: values for generation, values in wave.items() if generation < 10}
    (line,) = chart_data(records(short), [("", [FID])])["groups"][0]["charts"][0]["series"]
    assert line["trend"] == line["y"]


def test_the_baseline_stands_beside_every_share() -> None:
    all_arms = records({0: [1.0]}) + records({0: [1.0]}, BASELINE) + records({0: [1.0]}, CORRECTED)
    data = chart_data(all_arms, [("", [FID])])
    assert data["shares"] == [100]
    series = data["groups"][0]["charts"][0]["series"]
    assert {line["arm"]: line["percent"] for line in series} == {
        BASELINE: None, FINETUNING: 100, CORRECTED: 100,
    }  # fmt: skip


def test_what_no_panel_shows_is_folded_away_and_not_lost() -> None:
    more = [
        Record(FINETUNING, 100, "100", 0, 1, metric, 0.5)
        for metric in ("Precision_test", "Clamp_correction", "Precision_ground truth", "FID_floor")
    ]
    data = chart_data(records({0: [1.0]}) + more, [("", [FID])])
    (shown, rest) = data["groups"]
    assert (shown["folded"], rest["folded"]) == (False, True)
    assert [chart["title"] for chart in rest["charts"]] == ["Clamp (correction)", "Precision"]
    assert rest["charts"][1]["references"] == [
        {"kind": "real", "label": "real data", "value": 0.5},
    ]


def test_directions_are_said_where_they_are_known() -> None:
    panels = {panel.metric: panel for panel in other_panels(
        [Record(BASELINE, 0, "", 0, 0, metric, 1.0) for metric in
         ("R_precision_test top-1", "Root-aligned MPJPE_correction", "Unheard of_test")], set()
    )}  # fmt: skip
    assert direction(panels["R_precision_test top-1"]) == "higher is better"
    assert direction(panels["Root-aligned MPJPE_correction"]).startswith("lower")
    assert direction(panels["Unheard of_test"]) == ""
    assert direction(Panel("", "FID", better="as said")) == "as said"


@pytest.mark.parametrize(
    ("metric", "key"),
    [
        ("Recall_test", "Recall_ground truth"),
        ("R_precision_test top-2", "R_precision_ground truth top-2"),
        ("Recall_sampled", "Recall_real"),
        ("FID_corrected", "FID_floor"),
        ("FID_published", "FID_published floor"),
    ],
)
def test_where_domains_keep_what_real_data_read(metric: str, key: str) -> None:
    assert key in real_data_keys(metric)


def test_final_values_are_those_of_the_newest_generation() -> None:
    found = records({0: [1.0, 3.0], 2: [4.0, 6.0]}) + records({0: [2.0], 1: [7.0]}, BASELINE)
    headings, rows = final_values(found, [FID, PUBLISHED_PANELS[1]])
    assert headings == ["arm", "generation", "FID"]  # diversity was not measured
    low, high = stats.t.interval(0.95, 1, 5.0, stats.sem([4.0, 6.0]))
    assert rows[0][:2] == ["generation 0", "0"]
    assert rows[1] == ["baseline", 1, "7"]
    assert rows[2] == ["fine-tuned 100%", 2, ("5", f"{number(low)} to {number(high)}")]
    assert len(rows) == 3  # no real data without a value of it


def test_the_whole_table_has_a_row_for_every_generation() -> None:
    headings, rows = every_value(records({0: [1.0], 1: [2.0], 5: [3.0]}))
    assert len(headings) == len(rows[0])
    assert [row[1:3] for row in rows] == [[0, "1.00"], [1, "2.00"], [5, "3.00"]]


def test_key_figures_name_where_each_arm_began_and_ended() -> None:
    html = key_figures(records({0: [1.0], 3: [2.5]}), FID)
    assert "2.5<small>after generation 3; generation 0: 1<" in html
    assert "real data" not in html


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (1234.4, "1234"), (12.345, "12.3"), (-0.00123, "−0.00123")],  # noqa: RUF001
)
def test_numbers_have_three_significant_digits(value: float, text: str) -> None:
    assert number(value) == text
