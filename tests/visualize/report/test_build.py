"""Whole reports: what they are about, what they need, and runs that are not complete."""

from __future__ import annotations

import base64
import json
import re
import shutil
from pathlib import Path

import pytest

from domains.gaussian.domain import GaussianSettings, run_gaussian
from domains.gaussian.results import write_result
from domains.gaussian.theory import measure_contraction
from loop.errors import CorruptFileError, MissingAssetError
from loop.rundir.read import read_arm
from tests.runs import begin_generation, write_settings
from tests.visualize.conftest import ARMS
from visualize.curves.gaussian import COLORS
from visualize.report.build import main, make_report
from visualize.report.curves import number

ARM = "synthetic_percent_100_iterative_finetuning"


def test_a_whole_run(runs) -> None:
    runs.fill_all(3)
    path = make_report([runs.folder])
    html = path.read_text()
    assert path == runs.folder / "report.html"
    assert "0064: no arm" not in html and "<h1>Self-consuming loop: 0064</h1>" in html
    assert re.findall(r'<figure class="chart"><figcaption><strong>(.*?)</strong>', html)[:3] == [
        "FID", "Diversity", "Matching Score",
    ]  # fmt: skip
    newest = [read_arm(runs.folder / arm.format("100")).metrics(3)["FID_test"] for arm in ARMS]
    values = [number(value) for value in newest]
    caption = "Newest: baseline {}, fine-tuned {}, corrected {}, ".format(*values)
    caption += "real data 1.5, real training data 2.25"
    assert caption in html
    assert "There are no synthetic motions in this folder" in html  # none were made up
    assert make_report([runs.folder]).read_text() == html


def test_several_seeds_are_averaged(runs, tmp_path: Path) -> None:
    folders = []
    for seed in (3, 11):
        other = type(runs)(tmp_path / f"dataset_0064_seed_{seed}")
        other.fill_all(1, seed=seed)
        write_settings(other.folder / "baseline", {"seed": seed})
        folders.append(other.folder)
    path = make_report(folders, tmp_path / "new" / "both.html")
    html = path.read_text()
    assert "seeds 3, 11." in html and "95% interval of the mean of 2 seeds" in html


def test_a_run_in_progress_says_what_is_missing(runs) -> None:
    runs.fill("baseline", 2)
    runs.fill(ARM, 1)
    begin_generation(runs.folder / ARM, 2)
    html = make_report([runs.folder]).read_text()
    assert f"no arm {ARM}_with_correction" in html
    assert "no motions are kept of generation 1" in html
    assert "2 (0 to 1)" in html


def test_a_run_that_has_just_begun_gives_a_page(runs) -> None:
    (runs.folder / "baseline").mkdir()
    html = make_report([runs.folder]).read_text()
    assert "Nothing has been evaluated yet" in html
    assert "no generation has been evaluated yet" in html


def test_what_is_no_run_is_refused(tmp_path: Path, caplog) -> None:
    with pytest.raises(MissingAssetError, match="no run to report on"):
        make_report([tmp_path])
    with pytest.raises(SystemExit, match="1"):
        main([tmp_path / "nowhere"])
    assert "no run to report on" in caplog.text


def test_a_damaged_evaluation_is_no_page(runs) -> None:
    runs.write("baseline", 0, {"model.pt": {"FID_test": "many"}})
    with pytest.raises(CorruptFileError):
        make_report([runs.folder])


@pytest.fixture(scope="module")
def gaussian(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short Gaussian experiment."""
    out = tmp_path_factory.mktemp("gaussian")
    settings = GaussianSettings(gammas=(0.0, 1.0, float("inf")), generations=3, seeds=3)
    contraction = measure_contraction((0.0, 1.0), dimension=2, seeds=3, seed=0)
    write_result(out / "gaussian_toy_example", run_gaussian(settings), contraction)
    return out


def test_the_gaussian_experiment(gaussian: Path) -> None:
    path = make_report([gaussian])
    assert path == gaussian / "gaussian_toy_example.html"
    assert make_report([gaussian / "gaussian_toy_example.json"]) == path
    html = path.read_text()
    assert make_report([gaussian]).read_text() == html
    pictures = re.findall(r'src="data:image/svg\+xml;base64,([^"]*)"', html)
    assert len(pictures) == 4  # distance, its two parts, contraction
    drawn = [base64.b64decode(picture).decode() for picture in pictures]
    # The same strength has the same colour in all of them; infinity was not measured again.
    for color in COLORS[:2]:
        assert all(color.lower() in svg for svg in drawn)
    assert COLORS[2].lower() in drawn[0] and COLORS[2].lower() not in drawn[3]
    stored = json.loads((gaussian / "gaussian_toy_example.json").read_text())
    for entry in stored["final_w2"]:
        assert f"<td>{number(entry['mean'])}</td>" in html


def test_a_gaussian_result_without_its_curves_or_of_another_kind(
    gaussian: Path, tmp_path: Path
) -> None:
    copied = shutil.copy(gaussian / "gaussian_toy_example.json", tmp_path)
    with pytest.raises(MissingAssetError, match="curves"):
        make_report([Path(copied)])
    shutil.copy(gaussian / "gaussian_toy_example.csv", tmp_path)
    Path(copied).write_text("{}")
    with pytest.raises(CorruptFileError, match="Gaussian"):
        make_report([tmp_path])
    (tmp_path / "gaussian_toy_example.csv").write_text("gamma\nx\n")
    with pytest.raises(CorruptFileError, match="numbers"):
        make_report([tmp_path])
