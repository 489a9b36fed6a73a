"""Graphs by the name of an experiment: what is there is drawn, what is missing is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from loop.errors import InvalidOptionError, MissingAssetError
from tests.runs import write_settings
from visualize.curves.experiment import generate_graphs
from visualize.curves.motion import PUBLISHED_PANELS, draw_seeds, explanation
from visualize.curves.records import read_folder, read_runs

ARM = "synthetic_percent_{}_iterative_finetuning"


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty exp_outputs in the working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "exp_outputs").mkdir()
    return tmp_path / "exp_outputs"


@pytest.fixture
def make(outputs: Path, runs):
    """make("dataset_0064") -> an empty folder of runs in exp_outputs."""

    def folder(name: str):
        made = type(runs)(outputs / name)
        made.folder.mkdir()
        return made

    return folder


def test_a_running_experiment_is_drawn_as_far_as_it_is(make, caplog) -> None:
    runs = make("dataset_2794")
    runs.fill("baseline", 3)
    runs.fill(ARM.format("05"), 1)
    with caplog.at_level("INFO", "scsc"):
        written = generate_graphs("2794")
    folder = Path("exp_outputs/dataset_2794/graphs")
    assert folder / "2794_05_iterative_finetuning_graphs.png" in written
    assert all(path.is_file() and path.parent == folder for path in written)
    assert "baseline 3" in caplog.text and f"{ARM.format('05')} 1" in caplog.text
    missing = caplog.text.split("not there yet: ")[1].splitlines()[0].split(", ")
    assert len(missing) == 9 and f"{ARM.format('05')}_with_correction" in missing


def test_published_outputs_are_drawn(make) -> None:
    """As the published code leaves them: only its keys, several checkpoints in generation 0."""
    runs = make("dataset_0064")
    for arm in ("baseline", ARM.format("025"), ARM.format("025") + "_with_correction"):
        for generation in range(13):
            metrics = {
                "Matching Score_ground truth": 3.0,
                "Matching Score_test": 4.0,
                "R_precision_ground truth": [0.5, 0.6, 0.7],
                "R_precision_test": [0.4, 0.5, 0.6],
                "FID_ground truth": 0.01,
                "FID_test": 5.0 + generation,
                "Diversity_ground truth": 9.0,
                "Diversity_test": 8.0,
            }
            stored = {f"model{1000 + g:09d}.pt": metrics for g in range(1 if generation else 3)}
            runs.write(arm, generation, stored)
            write_settings(runs.folder / arm / f"generation_{generation}", {"layers": 8})
    written = generate_graphs("0064")
    assert [path.name for path in written] == [
        f"0064_025_iterative_finetuning_graphs.{kind}" for kind in ("png", "pdf")
    ]
    with Image.open(written[0]) as image:
        assert np.asarray(image.convert("L")).std() > 10


def test_repetitions_are_drawn_together_and_a_missing_one_is_named(make, outputs, caplog) -> None:
    for seed in (10, 42):
        make(f"dataset_0064_seed_{seed}").fill_all(1, "025", seed=seed)
    written = generate_graphs("0064", (10, 42, 47))
    names = {path.name for path in written if path.suffix == ".png"}
    assert names == {
        "0064_025_combined_graphs.png",
        "0064_025_iterative_finetuning_graphs.png",
        "0064_025_iterative_finetuning_distance_graphs.png",
        "0064_025_iterative_finetuning_plausibility_graphs.png",
    }
    assert {path.parent for path in written} == {Path("exp_outputs/dataset_0064_aggregated/graphs")}
    assert "seed 47 is not there yet" in caplog.text
    with pytest.raises(MissingAssetError, match="--seeds 10 42"):
        generate_graphs("0064")
    with pytest.raises(MissingAssetError, match="seeds 10 42"):
        generate_graphs("0064", (1, 2))


def test_a_row_for_each_seed_on_equal_scales(make) -> None:
    folders = []
    for seed, generations in ((10, 2), (42, 4), (47, 3)):
        runs = make(f"dataset_0064_seed_{seed}")
        runs.fill_all(generations, "025", seed=seed)
        folders.append(runs.folder)
    figure = draw_seeds(read_runs(folders), PUBLISHED_PANELS, "title")
    axes = np.array(figure.axes).reshape(3, 3)
    titles = [[place.get_title().split("  ")[0] for place in row] for row in axes]
    assert titles[1] == ["Seed 42: FID", "Seed 42: Diversity", "Seed 42: Matching Score"]
    for column in axes.T:
        assert len({(*place.get_xlim(), *place.get_ylim()) for place in column}) == 1
        low, high = column[0].get_ylim()
        for place in column:
            for line in place.lines:
                values = np.asarray(line.get_ydata(), float)
                assert low <= values.min() and values.max() <= high
    assert "seeds" not in explanation(read_folder(folders[0]), seeds=1)


def test_the_recorded_preset_tells_which_arms_to_expect(make, caplog) -> None:
    runs = make("dataset_mine")
    runs.fill("baseline", 0)
    with pytest.raises(InvalidOptionError, match="--preset"):
        generate_graphs("mine")
    write_settings(runs.folder / "baseline", {"preset": {"name": "smoke"}})
    generate_graphs("mine")
    assert f"{ARM.format('100')}_with_correction" in caplog.text


def test_no_runs_and_no_names(outputs) -> None:
    with pytest.raises(MissingAssetError, match="dataset_0256"):
        generate_graphs("0256")
    with pytest.raises(InvalidOptionError, match="say 2794"):
        generate_graphs("2974")
