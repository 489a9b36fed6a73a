from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from domains.gaussian.domain import GaussianResult, GaussianSettings, run_gaussian
from domains.gaussian.results import band, final_distance, order_by_gamma, write_map, write_result
from domains.gaussian.theory import Contraction, measure_contraction, stability_map

SETTINGS = GaussianSettings(gammas=(1.0, 0.0, float("inf")), generations=4, seeds=5)


@pytest.fixture(scope="module")
def result() -> GaussianResult:
    return run_gaussian(SETTINGS)


@pytest.fixture(scope="module")
def contraction() -> Contraction:
    return measure_contraction((0.0, np.inf), (0.5, 1.5), n=50, seeds=5)


def strict(path: Path):
    """JSON without the NaN and Infinity that Python would let pass."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(path.read_text(), parse_constant=refuse)


def test_the_table_holds_every_strength_and_generation(tmp_path: Path, result, contraction) -> None:
    table, _ = write_result(tmp_path / "out", result, contraction)
    rows = list(csv.DictReader(table.open()))
    assert len(rows) == 3 * 5
    row = next(r for r in rows if r["gamma"] == "0.0" and r["generation"] == "4")
    assert float(row["w2_median"]) == np.median(result.distance[4, 1])
    assert float(row["w2_low"]) <= float(row["w2_median"]) <= float(row["w2_high"])


def test_the_numbers_are_valid_json(tmp_path: Path, result, contraction) -> None:
    _, path = write_result(tmp_path / "out", result, contraction)
    stored = strict(path)
    assert stored["settings"]["gammas"] == [1.0, 0.0, "inf"]
    final = {each["gamma"]: each for each in stored["final_w2"]}
    assert final[0.0]["mean"] == pytest.approx(result.distance[1:, 1].mean())
    assert final["inf"]["low"] < final["inf"]["mean"] < final["inf"]["high"]
    applies = {(e["lambda"], e["gamma"]): e["theorem_applies"] for e in stored["contraction"]}
    assert applies == {
        (0.5, 0.0): False,
        (0.5, "inf"): True,
        (1.5, 0.0): False,
        (1.5, "inf"): False,
    }


def test_neighbours_are_compared_in_the_order_of_their_strength(result) -> None:
    steps = order_by_gamma(result)
    assert [(step["from"], step["to"]) for step in steps] == [(0.0, 1.0), (1.0, "inf")]
    final = final_distance(result)
    assert steps[0]["mean"] == pytest.approx((final[1] - final[0]).mean())


def test_the_band_holds_95_percent() -> None:
    found = band(np.arange(1001.0))
    assert (found.low, found.median, found.high) == (25.0, 500.0, 975.0)


def test_maps_are_written_row_by_row(tmp_path: Path) -> None:
    found = stability_map(SETTINGS, (0.5, 1.0), np.array([0.0, 1.0]))
    table, numbers = write_map(tmp_path / "map", [found])
    rows = list(csv.DictReader(table.open()))
    assert [(row["lambda"], row["gamma"]) for row in rows] == [
        ("0.5", "0.0"),
        ("0.5", "inf"),
        ("1.0", "0.0"),
        ("1.0", "inf"),
    ]
    assert [row["inside_border"] for row in rows] == ["False", "True", "False", "False"]
    assert strict(numbers)[0]["w2_generation_0"]["mean"] == pytest.approx(found.start.mean())
