"""The published layout, read back as a tidy list."""

from __future__ import annotations

from pathlib import Path

import pytest

from loop.errors import CorruptFileError, InvalidOptionError, MissingAssetError
from tests.runs import begin_generation
from visualize.curves.records import Record, read_folder, read_runs, seeds_of, size_name

ARM = "synthetic_percent_025_iterative_finetuning"


def test_every_number_of_every_arm_is_read(runs) -> None:
    runs.write("baseline", 0, {"model.pt": {"FID_test": 3.5, "FID_test interval": [3.0, 4.0]}})
    runs.write(ARM, 2, {"model.pt": {"FID_test": 4, "R_precision_test": [0.1, 0.2]}})
    runs.write(ARM + "_with_correction", 1, {"model.pt": {"FID_test": 5.0, "MPJPE": None}})
    kind = "iterative_finetuning"
    assert set(read_folder(runs.folder, seed=7)) == {
        Record("baseline", 0, "", 7, 0, "FID_test", 3.5),
        Record("baseline", 0, "", 7, 0, "FID_test interval low", 3.0),
        Record("baseline", 0, "", 7, 0, "FID_test interval high", 4.0),
        Record(kind, 25, "025", 7, 2, "FID_test", 4.0),
        Record(kind, 25, "025", 7, 2, "R_precision_test top-1", 0.1),
        Record(kind, 25, "025", 7, 2, "R_precision_test top-2", 0.2),
        Record(kind + "_with_correction", 25, "025", 7, 1, "FID_test", 5.0),
    }


def test_the_numerically_latest_checkpoint_counts(runs) -> None:
    evaluations = {"model0200.pt": {"a": 2}, "model01000.pt": {"a": 3}, "model9.pt": {"a": 1}}
    runs.write("baseline", 0, evaluations)
    assert [record.value for record in read_folder(runs.folder)] == [3.0]


def test_what_is_not_a_finished_generation_is_left_out(runs, caplog) -> None:
    runs.fill("baseline", 1)
    begin_generation(runs.folder / "baseline", 2)
    (runs.folder / "baseline" / "generation_3").mkdir()
    (runs.folder / "graphs").mkdir()
    (runs.folder / "visualization" / "generation_0").mkdir(parents=True)
    assert {record.generation for record in read_folder(runs.folder)} == {0, 1}
    assert "generation_3" in caplog.text


@pytest.mark.parametrize(
    ("names", "seeds"),
    [
        (("dataset_0064_seed_42", "dataset_0064_seed_10", "other"), [42, 10, 0]),
        (("dataset_demo", "dataset_demo_seed_0"), [1, 0]),
        (("seed_3", "more", "another"), [3, 0, 1]),
    ],
)
def test_seeds_come_from_folder_names_and_never_twice(names, seeds, tmp_path: Path, runs) -> None:
    folders = []
    for name in names:
        other = type(runs)(tmp_path / name)
        other.write("baseline", 0, {"model.pt": {"FID_test": 1.0}})
        folders.append(other.folder)
    assert [record.seed for record in read_runs(folders)] == seeds


@pytest.mark.parametrize("names", [("a_seed_3", "b_seed_3"), ("a", "a")])
def test_one_seed_twice_is_not_averaged(names, tmp_path: Path) -> None:
    with pytest.raises(InvalidOptionError, match="differ in the seed"):
        seeds_of([tmp_path / name for name in names])


def test_names_of_sizes() -> None:
    assert size_name(Path("exp_outputs/dataset_0064")) == "0064"
    assert size_name(Path("exp_outputs/dataset_0064_seed_42")) == "0064"
    assert size_name(Path("exp_outputs/dataset_demo/")) == "demo"
    assert size_name(Path("exp_outputs/mnist_evidence/seed_42")) == "seed_42"


def test_missing_folders_say_what_was_expected(tmp_path: Path, runs) -> None:
    with pytest.raises(MissingAssetError, match="no such folder"):
        read_folder(tmp_path / "nowhere")
    with pytest.raises(MissingAssetError, match="nothing has been evaluated"):
        read_folder(runs.folder)
    with pytest.raises(InvalidOptionError):
        read_runs([])


@pytest.mark.parametrize(
    "stored",
    [
        '{"model.pt": {"FID_te',
        "[1, 2]",
        "{}",
        '{"model.pt": 3}',
        '{"model.pt": {"FID_test": NaN}}',
        '{"model.pt": {"FID_test": Infinity}}',
        '{"model.pt": {"FID_test": "3.5"}}',
        '{"model.pt": {"FID_test": true}}',
        '{"model.pt": {"R_precision_test": [0.1, null]}}',
    ],
)
def test_a_broken_evaluation_is_refused_with_its_path(runs, stored: str) -> None:
    path = runs.write("baseline", 0, stored)
    with pytest.raises(CorruptFileError) as caught:
        read_folder(runs.folder)
    assert caught.value.path == path
