"""The test of a correction: distances that are fair, draws that repeat, a table that adds up."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from loop.errors import InvalidOptionError, MissingAssetError
from uhc.clips import MotionClip
from uhc.corrupted import by_clip, main, ratio_of_medians, summary
from uhc.trials import STAGES, Row, Trials, run_trials

Joints = NDArray[np.float32]


@pytest.fixture(scope="module")
def rows(walk: Joints) -> list[Row]:
    return run_trials(MotionClip("walk", walk[:30]), Trials(("clean", "height", "noise"), seeds=2))


def test_a_row_a_corruption_and_seed(rows: list[Row]) -> None:
    drawn = [(row["corruption"], row["seed"]) for row in rows]
    assert drawn == [("clean", 0), ("height", 0), ("height", 1), ("noise", 0), ("noise", 1)]
    for stage in STAGES:
        assert all(np.isfinite(row[f"{stage}_global"]) for row in rows)
    assert all(row["success"] and row["frames"] == 30 for row in rows)


def test_inputs_are_as_far_as_the_corruption_moved_them(rows: list[Row]) -> None:
    clean, first, second, noise, _ = (row["input_global"] for row in rows)
    assert clean == 0.0
    assert 50.0 <= first <= 150.0 and 50.0 <= second <= 150.0 and first != second
    # Mean length of a vector of three normal numbers of 30 mm.
    assert noise == pytest.approx(30.0 * np.sqrt(8.0 / np.pi), rel=0.05)


def test_a_wrong_height_costs_no_distance_once_it_is_repaired(rows: list[Row]) -> None:
    clean = rows[0]
    for row in rows[1:3]:
        for stage in STAGES:
            assert row[f"{stage}_global"] == pytest.approx(clean[f"{stage}_global"], abs=0.5)
    assert clean["kinematic_global"] < 8.0


def test_what_is_no_motion_gives_no_rows() -> None:
    assert run_trials(MotionClip("bad", np.full((20, 22, 3), np.nan, np.float32)), Trials()) == []


def test_ratio_and_interval_are_those_of_the_rows() -> None:
    numbers = np.random.default_rng(1).uniform(10.0, 50.0, 40)
    made: list[Row] = [
        {"id": k // 2, "kinematic_global": x, "simulated_global": 1.25 * x}
        for k, x in enumerate(numbers)
    ]
    np.testing.assert_allclose(
        by_clip(made, "kinematic_global"), numbers.reshape(20, 2).mean(axis=1)
    )
    ratio, low, high = ratio_of_medians(made, "global")
    assert ratio == pytest.approx(1.25) and low == pytest.approx(1.25) == high
    mixed = [row | {"simulated_global": y} for row, y in zip(made, numbers[::-1], strict=True)]
    ratio, low, high = ratio_of_medians(mixed, "global")
    assert low < ratio < high and high - low > 0.1


def test_the_command_writes_what_it_shows(walk: Joints, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    np.save(tmp_path / "in" / "walk.npy", walk[:16])
    out = tmp_path / "out.csv"
    main(tmp_path / "in", out, corruptions=("shake",), seeds=1, workers=1)
    with out.open() as file:
        (row,) = csv.DictReader(file)
    lines = {line[1]: line for line in summary([dict(row) | {"success": int(row["success"])}])}
    assert row["corruption"] == "shake" and lines["success"][5] == "1 of 1"
    assert 0.0 < float(row["input_global"]) < 20.0
    with pytest.raises(InvalidOptionError, match="corruption"):
        main(tmp_path / "in", out, corruptions=("rain",))
    np.save(tmp_path / "in" / "walk.npy", np.zeros((3, 5)))
    with pytest.raises(MissingAssetError, match="motion"):
        main(tmp_path / "in", out, workers=1)
