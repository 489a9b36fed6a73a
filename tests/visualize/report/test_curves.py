"""Curves, final values and key figures against other ways to compute them."""

from __future__ import annotations

import re

import pytest
from scipy import stats

from loop.rundir.layout import BASELINE, FINETUNING, WITH_CORRECTION
from visualize.curves.axes import Panel
from visualize.curves.motion import PUBLISHED_PANELS
from visualize.curves.records import Record
from visualize.report.curves import (
    curves_html,
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


def alternatives(html: str) -> list[str]:
    """What pictures show, in words."""
    return re.findall(r'<img alt="(.*?)"', html)


def test_a_panel_for_each_share_with_the_baseline_in_all() -> None:
    found = records({0: [1.0], 1: [2.0]}) + records({0: [1.0], 1: [1.5]}, BASELINE)
    half = [r._replace(percent=50, digits="050", arm=WITH_CORRECTION) for r in found[:2]]
    html = curves_html([*found, *half], [("Models", [FID])])
    first, second = html.split("Synthetic share 100 %")
    assert "Synthetic share 50 %" in first and "<details open>" in first[-60:]
    assert "Newest: baseline 1.5, corrected 2" in first
    assert "Newest: baseline 1.5, fine-tuned 2" in second
    legend, chart = alternatives(second)
    assert legend.startswith("Legend: Baseline") and "with self-correction" not in legend
    assert chart == "FID over the generations"


def test_what_no_panel_shows_is_folded_away_and_not_lost() -> None:
    more = [
        Record(FINETUNING, 100, "100", 0, 1, metric, 0.5)
        for metric in ("Precision_test", "Clamp_correction", "Precision_ground truth", "FID_floor")
    ]
    html = curves_html(records({0: [1.0]}) + more, [("", [FID])])
    shown, folded = html.split("<details>")
    assert "Everything else that was measured (2)" in folded
    assert alternatives(shown)[1:] == ["FID over the generations"]
    assert alternatives(folded) == [
        "Clamp (correction) over the generations", "Precision over the generations",
    ]  # fmt: skip
    assert "Newest: fine-tuned 0.5, real data 0.5" in folded
    assert "not measured" in curves_html(records({0: [1.0]}), [("", PUBLISHED_PANELS)])


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


def test_copies_of_generation_0_are_no_repetitions() -> None:
    values = {0: [1.0, 2.5, 4.0], 1: [2.0, 3.0, 4.5]}
    arms = [records(values, arm) for arm in (BASELINE, FINETUNING, WITH_CORRECTION)]
    _, rows = final_values([record for arm in arms for record in arm], [FID])
    low, high = stats.t.interval(0.95, 2, loc=2.5, scale=stats.sem([1.0, 2.5, 4.0]))
    assert rows[0] == ["generation 0", "0", ("2.5", f"{number(low)} to {number(high)}")]
