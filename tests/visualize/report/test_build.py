"""Whole reports: what they are about, what they need, and runs that are not complete."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from domains.gaussian.domain import GaussianSettings, run_gaussian
from domains.gaussian.results import write_result
from domains.gaussian.theory import measure_contraction
from loop.errors import CorruptFileError, MissingAssetError
from visualize.report.build import main, make_report

ARM = "synthetic_percent_100_iterative_finetuning"


def carried(path: Path, name: str):
    """The data that a page carries under a name."""
    found = re.search(rf'id="data-{name}">(.*?)</script>', path.read_text(), re.DOTALL)
    assert found
    return json.loads(found[1])


def test_a_whole_run(runs) -> None:
    runs.fill_all(3)
    path = make_report([runs.folder])
    html = path.read_text()
    assert path == runs.folder / "report.html"
    assert "0064: no arm" not in html and "<h1>Self-consuming loop: 0064</h1>" in html
    charts = carried(path, "curves")["groups"]
    assert [chart["title"] for chart in charts[0]["charts"]] == [
        "FID", "Diversity", "Matching Score",
    ]  # fmt: skip
    assert {line["arm"] for line in charts[0]["charts"][0]["series"]} == {
        "baseline", "iterative_finetuning", "iterative_finetuning_with_correction",
    }  # fmt: skip
    assert "There are no synthetic motions in this folder" in html  # none were made up
    assert make_report([runs.folder]).read_text() == html


def test_several_seeds_are_averaged(runs, tmp_path: Path) -> None:
    folders = []
    for seed in (3, 11):
        other = type(runs)(tmp_path / f"dataset_0064_seed_{seed}")
        other.fill_all(1, seed=seed)
        (other.folder / "baseline" / "args.json").write_text(json.dumps({"seed": seed}))
        folders.append(other.folder)
    path = make_report(folders, tmp_path / "new" / "both.html")
    assert "seeds 3, 11." in path.read_text()
    (line, *_) = carried(path, "curves")["groups"][0]["charts"][0]["series"]
    assert all(low < value < high for low, value, high in zip(
        line["low"], line["y"], line["high"], strict=True
    ))  # fmt: skip
    assert len(line["raw"]) == 4


def test_a_run_in_progress_says_what_is_missing(runs) -> None:
    runs.fill("baseline", 2)
    runs.fill(ARM, 1)
    (runs.folder / ARM / "generation_2.partial").mkdir()
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
    (line, *_) = carried(path, "distance")["groups"][0]["charts"][0]["series"]
    assert line["x"] == [0, 1, 2, 3] and len(line["low"]) == 4
    arms = {arm["key"]: arm["color"] for arm in carried(path, "distance")["arms"]}
    again = {arm["key"]: arm["color"] for arm in carried(path, "contraction")["arms"]}
    assert len(arms) == 3 and again.items() <= arms.items()
    stored = json.loads((gaussian / "gaussian_toy_example.json").read_text())
    dots = [
        line for line in carried(path, "contraction")["groups"][0]["charts"][0]["series"]
        if (line["arm"], line["kind"]) == ("0.0", "points")
    ]  # fmt: skip
    measured = [e["measured"]["mean"] for e in stored["contraction"] if e["gamma"] == 0.0]
    assert dots[0]["y"] == pytest.approx(measured, rel=1e-5)


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
