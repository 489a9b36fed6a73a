"""The tables of the correction: from small CSVs, computed independently; words that fit them."""

from __future__ import annotations

import csv
import re
import statistics
import subprocess
from pathlib import Path

import pytest

from loop.errors import CorruptFileError, MissingAssetError
from results.uhc import tables
from results.uhc.__main__ import main, text
from uhc.evaluate import Row

FOLDER = Path(__file__).resolve().parents[3] / "results" / "uhc"
STAGES = ("input", "kinematic", "refined", "simulated")


def lines(table: str) -> dict[str, list[str]]:
    """Every line of a table by its first cell."""
    cells = [[cell.strip() for cell in line[1:-1].split("|")] for line in table.splitlines()]
    return {first: rest for first, *rest in cells}


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def clip(name: str, mpjpe: float, success: int = 1, **more: object) -> dict[str, object]:
    return {
        "id": name, "upright": 1, "success": success, "reason": "", "clamp_n": 0,
        "mpjpe_mm": mpjpe, "root_aligned_mm": mpjpe / 2, "residual_force_bw": 0,
        "slide_mm_per_frame": 1, "penetrate_mm": 0, "float_mm": 6, "grounded_float_mm": 4,
        "jitter": 7, "input_jitter": 8, "kinematic_mpjpe_mm": 5, "kinematic_slide_mm_per_frame": 3,
        "refined_unexplained_force_bw": 0.02,
    } | more  # fmt: skip


def read(tmp_path: Path, *rows: dict[str, object]) -> list[Row]:
    return tables.read(write(tmp_path / "rows.csv", list(rows)))


def corrupted(kind: str, ratios: list[float]) -> list[dict[str, object]]:
    """Two draws a clip; the kinematic control is 1, 3, 5, ... mm off, on average 2, 4, 6, ..."""
    rows = []
    for number, ratio in enumerate(ratios):
        for draw in (0, 1):
            off = 2.0 * number + 1 + 2 * draw
            far = {"input": 100.0, "kinematic": off, "refined": off / 2, "simulated": ratio * off}
            rows.append({
                "id": f"{number:06d}", "corruption": kind, "seed": draw, "success": 1,
                "clamp_n": 25 * (number == 0),
                **{f"{stage}_{c}": far[stage] for stage in STAGES
                   for c in ("global", "aligned", "slide", "penetrate", "float", "jitter")},
                **{f"{stage}_force_bw": 0.5 for stage in STAGES[1:]},
            })  # fmt: skip
    return rows


def test_numbers_are_read_and_names_kept(tmp_path: Path) -> None:
    (row,) = read(tmp_path, clip("000080", 12.5, reason="fell", grounded_float_mm=""))
    assert row["id"] == "000080" and row["mpjpe_mm"] == 12.5 and row["reason"] == "fell"
    assert "grounded_float_mm" not in row
    with pytest.raises(CorruptFileError, match="twelve"):
        read(tmp_path, clip("a", 1.0, jitter="twelve"))
    (tmp_path / "empty.csv").write_text("id,success\n")
    with pytest.raises(CorruptFileError, match="row"):
        tables.read(tmp_path / "empty.csv")
    with pytest.raises(MissingAssetError, match="correction_evidence"):
        tables.read(tmp_path / "none.csv")


def test_the_rule_of_ten_percent_has_three_verdicts(tmp_path: Path) -> None:
    kinds = {"noise": [1.05] * 9, "clean": [3.0] * 9, "shake": [0.5, 3.0, 0.9] * 3}
    rows = read(
        tmp_path, *(row for kind, ratios in kinds.items() for row in corrupted(kind, ratios))
    )
    table = lines(tables.distances(rows))
    assert table["9 clips"][:3] == ["tracked", "without force", "mean force"]
    off = [2.0 * number + 2 for number in range(9)]
    for kind, verdict in (("noise", "yes"), ("clean", "no"), ("shake", "open")):
        simulated = [ratio * far for ratio, far in zip(kinds[kind], off, strict=True)]
        tracked, unaided, force, far, interval, rule = table[kind][:6]
        assert (tracked, unaided, force, rule) == ("18 of 18", "16", "0.5", verdict)
        medians = [100.0, statistics.median(off), 5.0, statistics.median(simulated)]
        assert [float(cell) for cell in far.split(" / ")] == pytest.approx(medians)
        expected = statistics.median(simulated) / statistics.median(off)
        assert float(interval.split(" (")[0]) == pytest.approx(expected, rel=0.005)
    bought = lines(tables.plausibility(rows))["noise"]
    assert bought[0] == "100 / 10 / 5 / 10.5" and bought[4] == " / 0.5 / 0.5 / 0.5".strip()


def test_shares_count_clips_that_fell(tmp_path: Path) -> None:
    rows = read(tmp_path, clip("a", 10), clip("b", 20), clip("c", 60, residual_force_bw=0.2),
                clip("d", 5, success=0))  # fmt: skip
    table = lines(tables.targets({"all": rows, "two": rows[:2]}))
    assert table["tracked"] == ["3 of 4", "2 of 2"]
    assert table["MPJPE to the input at most 30 mm"] == ["20 (50%)", "15 (100%)"]
    assert table["root-aligned at most 20 mm"] == ["10 (50%)", "7.5 (100%)"]
    assert table["no residual force"] == ["0 (50%)", "0 (100%)"]
    assert table["float at most 5 mm"] == ["6 (0%)", "6 (0%)"]
    assert table["jitter at most the input's"] == ["7, input 8 (75%)", "7, input 8 (100%)"]
    assert table["the same, frames left out in which the input is in flight"][0] == "4 (75%)"
    old = read(tmp_path, clip("a", 10, grounded_float_mm=""))
    assert "not measured" in tables.targets({"old": old})


def test_controllers_are_compared_on_what_both_bring_to_the_end(tmp_path: Path) -> None:
    one = read(tmp_path, *(clip(f"{n}", 10 + n, success=int(n != 0)) for n in range(7)))
    two = read(tmp_path, *(clip(f"{n}", 13 + n, success=int(n not in (1, 2))) for n in range(7)))
    table = lines(tables.unaided({"one": one, "two": two}))
    assert table["kinematic control (no physics)"] == ["7 of 7", "7", "7", "7", "5", "3"]
    assert table["one"] == ["6 of 7", "0", "6", "6", "13.5", "1"]
    assert table["two"] == ["5 of 7", "0", "5", "5", "17", "1"]
    pairs = lines(tables.in_pairs({"one": one, "two": two}))
    assert pairs["one, two"] == ["2", "1", "4", "4, 0", "3 (3 to 3)"]
    ends = lines(tables.compared({"one": one}))["one"]
    assert ends == ["6 of 7", "6", "0", "13.5", "6.75"]


def test_floor_work_is_paired_by_clip(tmp_path: Path) -> None:
    feet = read(tmp_path, clip("roll", 70, residual_force_bw=0.2), clip("crawl", 64, clamp_n=200))
    body = read(tmp_path, clip("crawl", 42), clip("roll", 45), clip("spin", 1))
    table = lines(tables.floor_work(feet, body))
    assert list(table)[2:] == ["crawl", "roll"]
    assert table["crawl"] == ["64, 42", "32, 21", "0.02, 0.02", "0, 0", "200, 0", "4, 4"]
    assert table["roll"][:4] == ["70, 45", "35, 22.5", "0.02, 0.02", "0.2, 0"]


def test_the_fixed_point_names_band_and_joints(tmp_path: Path) -> None:
    row = {"measure": "speed", "floor": "", "low": "", "high": "", "kinematic": 22, "refined": 22,
           "simulated": 18, "inside": "kinematic refined", "simulated outside": "12 13",
           "kinematic ratio": 0.5, "refined ratio": 0.25, "simulated ratio": 0.125}  # fmt: skip
    kid: dict[str, object] = {
        **dict.fromkeys(row, ""), "measure": "KID", "floor": 0.5, "low": -0.25, "high": 1,
        "kinematic": -0.0001, "refined": 0, "simulated": 2,
    }  # fmt: skip
    table = lines(tables.fixed_point(read(tmp_path, row, kid)))
    assert table["speed"] == ["", "", "22", "22", "18", "simulated: 12 13", "0.5, 0.25, 0.125"]
    assert table["KID"] == ["0.5", "-0.25 to 1", "-0.0001", "0", "2", "", ""]


def test_tables_are_those_of_the_csvs(tmp_path: Path) -> None:
    for file in FOLDER.glob("*.csv"):
        (tmp_path / file.name).symlink_to(file)
    main(tmp_path)
    assert (tmp_path / "tables.md").read_text() == text(FOLDER)
    assert (FOLDER / "tables.md").read_text() == text(FOLDER), "python -m results.uhc"


def test_tables_without_their_csv_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(MissingAssetError, match="correction_evidence"):
        text(tmp_path)
    for name in ("corrupted_floor", "tracker_demo", "clean_demo"):
        (tmp_path / f"{name}.csv").symlink_to(FOLDER / f"{name}.csv")
    whole = text(FOLDER)
    caplog.clear()
    head, *found = text(tmp_path).split("## ")
    assert head == whole.split("## ")[0] and found[0].strip() in whole
    assert [part.split("\n")[0] for part in found] == ["Floor work, corrupted"]
    assert "left out: Controllers, demo; there is no" in caplog.text
    assert "search_demo.csv" in caplog.text


def test_figures_of_the_words_stand_in_the_tables() -> None:
    """Decimals and counts of README.md, but aims and what was tried, are those of tables.md."""
    said, _, _ = (FOLDER / "README.md").read_text().partition("## What was tried")
    said = re.sub(r"```.*?```|\(aims?[^)]*\)", "", said, flags=re.DOTALL)
    figure = re.compile(r"\d+ of \d+|\d*\.\d+")
    known = set(figure.findall((FOLDER / "tables.md").read_text()))
    found = figure.findall(said)
    assert len(found) > 30 and not set(found) - known


def test_the_script_explains_itself_and_makes_every_csv() -> None:
    line = ["bash", "exp_scripts/correction_evidence.sh"]
    told = subprocess.run(line, cwd=FOLDER.parents[1], capture_output=True, text=True, check=True)
    assert told.stdout.startswith("What the correction does")
    assert "download_cmu.sh" in told.stdout.splitlines()[-1]
    script = (FOLDER.parents[1] / line[1]).read_text()
    made = set(re.findall(r"^measure (\w+)", script, re.MULTILINE))
    assert made == {file.stem for file in FOLDER.glob("*.csv")} - {"policy_training"}
