"""Graphs of the MNIST experiment from the published layout, also of a run that is not finished."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter1d

from loop.errors import CorruptFileError, MissingAssetError
from tests.runs import begin_generation, evaluation_file
from visualize.curves.mnist import draw_graphs, draw_published, entering
from visualize.curves.records import read_folder, read_runs

ARMS = ("baseline_0.2", "iterative_finetuning_1.0", "iterative_finetuning_with_correction_1.0")


def _write(parent: Path, arm: str, generation: int, metrics: dict[str, float]) -> None:
    path = evaluation_file(parent / arm, generation)
    content: object = {"0": metrics}
    if generation == 0:  # as published: every epoch of generation 0, the last one counts
        content = {"0": {"9": metrics | {"FID": -1.0}, "19": metrics, "3": {"FID": -2.0}}}
    path.write_text(json.dumps(content))


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    for place, arm in enumerate(ARMS):
        for generation in range(7 - place):
            more = {"FID_sampled": 30.0} if place and generation else {}
            more |= {"FID_corrected": 20.0} if place == 2 and generation else {}
            _write(tmp_path, arm, generation, {"FID": 10.0 + place * generation, **more})
    begin_generation(tmp_path / ARMS[0], 7)
    (tmp_path / ARMS[0] / "08").mkdir()  # a published run between its folder and its file
    return tmp_path


def test_records_of_the_published_layout(parent: Path) -> None:
    records = read_folder(parent, seed=3)
    fid = {(r.arm, r.generation): r.value for r in records if r.metric == "FID"}
    assert fid["baseline", 0] == 10.0 and fid["iterative_finetuning_with_correction", 4] == 18.0
    assert len(fid) == 7 + 6 + 5
    assert {(r.percent, r.digits) for r in records} == {(0, ""), (100, "1.0")}
    assert {r.seed for r in records} == {3}


def test_what_enters_training_is_the_corrected_set_where_there_is_one(parent: Path) -> None:
    found = [r for r in entering(read_folder(parent)) if r.metric == "FID_entering"]
    assert {r.value for r in found if r.arm == "iterative_finetuning"} == {30.0}
    assert {r.value for r in found if r.arm.endswith("correction")} == {20.0}


def test_published_graph_shows_smoothed_and_raw_curves(parent: Path) -> None:
    axes = draw_published(read_folder(parent)).axes[0]
    labels = axes.get_legend_handles_labels()[1]
    assert labels == [
        "Generation-0",
        "Baseline (continue training on gt data), 0%",
        "Iterative fine-tuning, 100%",
        "Iterative fine-tuning with self-correction, 100%",
    ]
    raw = 10.0 + np.arange(6)
    smooth = gaussian_filter1d(raw, 4, mode="nearest")
    drawn = [np.asarray(line.get_ydata()) for line in axes.lines]
    np.testing.assert_allclose(drawn[3], smooth)
    np.testing.assert_allclose(drawn[4], raw)
    assert axes.get_title().endswith("100% Synthetic Augmentation")
    low, high = axes.get_ylim()
    smooth_2 = gaussian_filter1d(10.0 + 2 * np.arange(5), 4, mode="nearest")
    assert low == pytest.approx(10.0) and high == pytest.approx((18.0 + smooth_2.max()) / 2)


def test_files_have_the_published_names_and_repeat(parent: Path, tmp_path: Path) -> None:
    written = draw_graphs(read_runs([parent]), tmp_path / "graphs")
    assert [path.name for path in written] == [
        "aug_percent_1.0_graphs.png",
        "aug_percent_1.0_metrics.png",
        "aug_percent_1.0_metrics.pdf",
    ]
    with Image.open(written[0]) as picture:
        assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    first = [path.read_bytes() for path in written]
    draw_graphs(read_runs([parent]), tmp_path / "graphs")
    assert first == [path.read_bytes() for path in written]


def test_a_lone_baseline_has_its_graph(tmp_path: Path) -> None:
    _write(tmp_path, "baseline_0.2", 0, {"FID": 10.0})
    written = draw_graphs(read_runs([tmp_path]), tmp_path / "graphs")
    assert written[0].name == "aug_percent_0_graphs.png"


def test_bad_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingAssetError, match="no such folder"):
        read_folder(tmp_path / "nowhere")
    evaluation_file(tmp_path / "baseline_0.2", 1).write_text('{"0": 3}')
    with pytest.raises(CorruptFileError, match="no metrics"):
        read_folder(tmp_path)
