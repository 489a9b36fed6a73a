"""The printed table and summary.csv."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from rich.console import Console

from visualize.curves.records import read_folder, read_runs
from visualize.table import main, summary_table, write_summary

ARM = "synthetic_percent_100_iterative_finetuning_with_correction"


def printed(records, width: int = 80) -> str:
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(summary_table(records, "Runs of 0064"))
    return console.export_text()


def test_one_row_a_generation_that_fits_80_columns(runs) -> None:
    runs.fill_all(2)
    text = printed(read_folder(runs.folder))
    assert "…" not in text
    lines = text.splitlines()
    rows = [line for line in lines if " 0.500 " in line]  # KID stands in each
    assert len(rows) == 9
    halves, training = (
        next(line.split()[3:] for line in lines if f"real {name} data" in line)
        for name in ("test", "training")
    )
    assert halves[:3] == ["1.50", "0.030", "9.00"] and training[:3] == ["2.25", "0.050", "-"]
    starts = [line.split()[0] for line in rows if not line.startswith("   ")]
    assert starts == ["baseline", "fine-tuned", "corrected"]
    assert sum("6/24" in line for line in rows) == 2
    assert rows[0].split()[-2:] == ["-", "-"]


def test_cells_are_means_over_seeds(runs, tmp_path: Path) -> None:
    folders = []
    for seed, value in ((1, 2.0), (2, 4.0)):
        other = type(runs)(tmp_path / f"dataset_0064_seed_{seed}")
        other.write("baseline", 0, {"model.pt": {"FID_test": value, "Float_test": 123.4}})
        folders.append(other.folder)
    row = next(line for line in printed(read_runs(folders)).splitlines() if "baseline" in line)
    assert row.split() == ["baseline", "0", "3.00", "-", "-", "-", "-", "123", "-", "-", "-"]


@pytest.mark.parametrize(
    ("more", "shown"), [({}, "0.250"), ({"FID halves_ground truth": 0.75}, "0.750")]
)
def test_the_floor_is_that_of_halves_else_the_published_one(runs, more, shown: str) -> None:
    runs.write("baseline", 0, {"model.pt": {"FID_test": 5.0, "FID_ground truth": 0.25} | more})
    lines = printed(read_folder(runs.folder)).splitlines()
    assert next(line for line in lines if "real test data" in line).split()[3] == shown


def test_csv_reads_back_exactly(runs, tmp_path: Path) -> None:
    runs.write("baseline", 0, {"model.pt": {"FID_test": 1 / 3}})
    runs.write(ARM, 1, {"model.pt": {"Skate_test": 2.5}})
    write_summary(read_folder(runs.folder, seed=5), tmp_path / "new" / "summary.csv")
    with (tmp_path / "new" / "summary.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["arm"] for row in rows] == ["baseline", "iterative_finetuning_with_correction"]
    assert float(rows[0]["FID_test"]) == 1 / 3 and rows[0]["Skate_test"] == ""
    assert (rows[1]["percent"], rows[1]["seed"], rows[1]["generation"]) == ("100", "5", "1")


def test_command_writes_beside_the_graphs(runs, capsys) -> None:
    runs.fill_all(1)
    main([runs.folder])
    assert "corrected 100%" in capsys.readouterr().out
    assert (runs.folder / "graphs" / "summary.csv").is_file()


def test_nothing_there_is_an_error_in_words(tmp_path: Path, caplog) -> None:
    with pytest.raises(SystemExit, match="1"):
        main([tmp_path / "nowhere"])
    assert "no such folder of runs" in caplog.text
