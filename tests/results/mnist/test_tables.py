"""Tables and figures of the evidence, from runs of which some are not finished."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from domains.mnist.presets import preset_named
from loop.errors import MissingAssetError
from results.mnist.figures import draw_curves, draw_sheets
from results.mnist.plan import ArmKey
from results.mnist.tables import (
    difference_table,
    last_reached,
    outcome_table,
    overview,
    rate_difference,
    rate_table,
    read_evidence,
    values,
    write_points,
)
from results.mnist.text import reduction_table, write_tables
from tests.runs import finish_generation

PRESET = preset_named("evidence")
FID = {
    ("", "baseline", 0.0): [[10.0, 11.0, 12.0], [20.0, 19.0, 18.0], [12.0, 13.0, 14.0]],
    ("replace", "raw", 1.0): [[10.0, 50.0, 90.0], [20.0, 70.0, 110.0], [12.0, 60.0, 95.0]],
    ("replace", "kmeans", 1.0): [[10.0, 20.0, 30.0], [20.0, 30.0, 45.0], [12.0, 25.0]],
    ("latest", "raw", 1.0): [[10.0]],
}


def _write(folder: Path, fid: list[float]) -> None:
    for generation, value in enumerate(fid):
        found = {"FID_all": value, "Recall": 1 / value, "Accuracy": 0.9, "FID_floor": 1.0}
        found |= {"Precision": 0.8, "Coverage": 0.7, "Memorisation": 0.5, "Recall_real": 0.9}
        sheet = Image.fromarray(np.full((112, 280), 255 - 10 * generation, np.uint8))
        name = f"image_gen{generation}_w0.5.png"
        finish_generation(
            folder,
            generation,
            found,
            save=lambda here, sheet=sheet, name=name: sheet.save(here / name),
        )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for (mixing, correction, ratio), lines in FID.items():
        for seed, fid in enumerate(lines):
            _write(ArmKey(seed, mixing, correction, ratio).folder(tmp_path, 0.2), fid)
    for seed, still, moved in (
        (0, [10.0, 10.5], [10.0, 10.625, 11.0]),
        (1, [20.0, 21.0], [20.0, 21.5]),
    ):
        for rate, line in (("rate_0", still), ("rate_2.5e-07", moved)):
            _write(tmp_path / f"seed_{seed}" / rate / "iterative_finetuning_1.0", line)
    return tmp_path


def test_numbers_of_seeds_that_are_there(root: Path) -> None:
    points = read_evidence(root, (0, 1, 2), PRESET)
    assert values(points, "replace", 1.0, "kmeans", "FID_all", 2) == {0: 30.0, 1: 45.0}
    assert values(points, "replace", 1.0, "baseline", "FID_all", 0) == {0: 10.0, 1: 20.0, 2: 12.0}
    assert last_reached(points, "replace", 1.0, "kmeans") == 2
    assert last_reached(points, "replace", 1.0, "nearest") == 0
    assert last_reached(points, "latest", 1.0, "raw") == 0


def test_tables_show_means_and_paired_differences(root: Path) -> None:
    points = read_evidence(root, (0, 1, 2), PRESET)
    rows = {
        line.split(" | ")[0].strip("| "): line
        for line in outcome_table(points, "replace", 1.0).splitlines()[2:]
    }
    assert list(rows) == ["generation 0", "baseline", "raw", "kmeans"]
    raw = np.array([90.0, 110.0, 95.0])
    half = stats.t.ppf(0.975, 2) * raw.std(ddof=1) / np.sqrt(3)
    assert f"| raw | 3 | 2 | {raw.mean():.1f} ± {half:.1f} |" in rows["raw"]
    difference = difference_table(points, "replace", 1.0).splitlines()[2]
    half = stats.t.ppf(0.975, 1) * np.std([-60.0, -65.0], ddof=1) / np.sqrt(2)
    assert difference.startswith(f"| kmeans - raw | 2 | 2 | -62.5 ± {half:.1f} |")
    assert f"| {np.sqrt(30 / 90 * 45 / 110):.2f} (" in difference


def test_the_overview_says_how_much_stands_behind_a_number(root: Path) -> None:
    points = read_evidence(root, (0, 1, 2), PRESET)
    head, _, *rows = overview(points, "FID_all").splitlines()
    assert head == "| arm | replace, lambda = 1 |"  # the only pair of a raw and a corrected arm
    assert [row.split(" | ")[0] for row in rows] == ["| baseline", "| raw", "| kmeans"]
    half = stats.t.ppf(0.975, 1) * np.std([30.0, 45.0], ddof=1) / np.sqrt(2)
    assert rows[2] == f"| kmeans | 37.5 ± {half:.1f} [2 of 3 seeds] |"
    *_, row = overview(points, "FID_all", over="raw").splitlines()
    assert row.startswith(f"| kmeans | {np.sqrt(30 / 90 * 45 / 110):.2f} (")
    half = stats.t.ppf(0.975, 2) * np.std([12.0, 18.0, 14.0], ddof=1) / np.sqrt(3)
    assert rows[0] == f"| baseline | {44 / 3:.1f} ± {half:.1f} |"


def test_rates_are_compared_generation_by_generation(root: Path) -> None:
    points = read_evidence(root, (0, 1, 2), PRESET)
    assert rate_difference(points, 1, "FID_all") == {0: 0.125, 1: 0.5}
    half = stats.t.ppf(0.975, 1) * np.std([0.125, 0.5], ddof=1) / np.sqrt(2)
    first, second = rate_table(points).splitlines()[2:]  # generation 2 has no other to compare
    assert first.startswith("| 0 | 2 | 15.0 ± ") and first.endswith("|  |  |  |")
    assert f"| {(0.125 + 0.5) / 2:.1f} ± {half:.1f} |" in second


def test_what_was_reduced_comes_from_the_presets() -> None:
    table = reduction_table(PRESET, 3)
    assert "| seeds | 1, not fixed | 3 |" in table
    assert "| real images | 12,000 | 2,000 |" in table
    assert "| a later generation | 1 epochs at 2.5e-07 | 2 epochs at 0.0001 |" in table


def test_files(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "results"
    out.mkdir()
    points = read_evidence(root, (0, 1, 2), PRESET)
    write_points(points, out / "arms.csv")
    with (out / "arms.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 9 + 9 + 8 + 1 + (3 + 2) + (2 + 2)
    assert {row["mixing"] for row in rows[-9:]} == {"rate_0", "rate_2.5e-07"}
    assert rows[-1]["FID_all"] == "21" and rows[-1]["FID_corrected"] == ""
    (out / "corrected_sets.csv").write_text(
        "correction,seed,FID,Precision,Recall,Coverage,Accuracy,Memorisation,Copies\n"
        "nearest,0,2,.9,.8,.7,1,1,1\nnearest,1,4,.9,.8,.7,1,1,1\n"
    )
    write_tables(points, PRESET, out)
    assert "| nearest | 3.0 ± 12.7 | 0.90 ± 0.00 |" in (out / "tables.md").read_text()
    written = [*draw_curves(points, out), *draw_sheets(points, root, PRESET, out)]
    assert {path.name for path in written} == {
        "curves_replace.png",
        "curves_replace.pdf",
        "samples_replace_100.png",
    }


def test_nothing_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(MissingAssetError, match="no arm"):
        read_evidence(tmp_path, (0,), PRESET)
