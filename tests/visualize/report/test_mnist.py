"""The report on MNIST arms in the published layout, complete and not."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.runs import evaluation_file
from visualize.curves.mnist import sheet_of
from visualize.report.build import make_report
from visualize.report.mnist import mnist_report

RAW, FIXED = "iterative_finetuning_1.5", "iterative_finetuning_with_correction_1.5"


def write_arm(folder: Path, generations: int, ours: bool = False) -> None:
    for generation in range(generations):
        file = evaluation_file(folder, generation)
        here = file.parent
        metrics = {"FID": 3.0 + generation, "Diversity": 8.0}
        if ours:
            metrics |= {"FID_all": 2.0 + generation, "FID_floor": 0.5, "Recall": 0.7,
                        "Recall_real": 0.9, "Copies": 0.0}  # fmt: skip
        stored = {"0": metrics} if generation else {"0": {"9": {"FID": 99.0}, "19": metrics}}
        file.write_text(json.dumps(stored))
        name = f"image_gen{generation}_w0.5.png" if generation else "image_ep19_w0.5.png"
        noise = np.random.default_rng(generation).integers(0, 255, (122, 302), dtype=np.uint8)
        Image.fromarray(noise).save(here / name)


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    folder = tmp_path / "mnist"
    write_arm(folder / "baseline_0.2", 4)
    write_arm(folder / RAW, 3)
    write_arm(folder / FIXED, 3)
    return folder


def titles(html: str) -> list[str]:
    """Headings of the charts."""
    return re.findall(r'<figure class="chart"><figcaption><strong>(.*?)</strong>', html)


def carried(path: Path, name: str):
    found = re.search(rf'id="data-{name}">(.*?)</script>', path.read_text(), re.DOTALL)
    assert found
    return json.loads(found[1])


def test_arms_and_curves_of_a_published_run(parent: Path) -> None:
    (parent / "graphs").mkdir()
    path = make_report([parent])
    html = path.read_text()
    assert titles(html) == ["FID", "Diversity"]
    assert "Newest: baseline 6, fine-tuned 5, corrected 5" in html
    assert "Iterative fine-tuning, 150%" in html and "Not complete" not in html


def test_our_own_metrics_stand_beside_their_floors(parent: Path) -> None:
    write_arm(parent / "iterative_finetuning_0.5", 2, ours=True)
    html = make_report([parent]).read_text()
    half = html.split("Synthetic share 50 %")[1].split("Synthetic share 150 %")[0]
    assert titles(half) == ["FID", "Recall", "Diversity", "Copies"]
    assert "Newest: fine-tuned 3, real data 0.5" in half
    assert "fine-tuned 0.7, real data 0.9" in half


def test_the_sheets_are_the_files(parent: Path) -> None:
    arms = carried(make_report([parent]), "samples")["arms"]
    assert [(len(arm["sheets"]), arm["percent"]) for arm in arms] == [(4, None), (3, 150), (3, 150)]
    sheet = arms[0]["sheets"][0]
    assert sheet["generation"] == 0
    content = (parent / "baseline_0.2" / "00" / "image_ep19_w0.5.png").read_bytes()
    assert base64.b64decode(sheet["source"].partition(",")[2]) == content


def test_the_newest_sheet_of_a_generation_counts(tmp_path: Path) -> None:
    for epoch in (9, 19, 3):
        (tmp_path / f"image_ep{epoch}_w0.5.png").touch()
    assert sheet_of(tmp_path) == tmp_path / "image_ep19_w0.5.png"
    assert sheet_of(tmp_path / "nowhere") is None


def test_fewer_generations_where_not_all_fit(parent: Path) -> None:
    sizes = sum(path.stat().st_size for path in parent.rglob("*.png")) * 4 / 3
    sections = mnist_report([parent], sizes / 2).sections
    samples = next(section for section in sections if section.name == "samples")
    assert "2 of 4 generations are shown" in samples.html
    assert [len(arm["sheets"]) for arm in samples.data["samples"]["arms"]] == [2, 1, 1]


def test_missing_arms_and_prototypes(parent: Path) -> None:
    (parent / "iterative_finetuning_0.5").mkdir()
    Image.new("L", (4, 4)).save(parent / FIXED / "digit_clusters.png")
    html = make_report([parent]).read_text()
    assert "no arm iterative_finetuning_with_correction_0.5" in html
    assert "fine-tuned 50%: no generation has been evaluated yet" in html
    assert 'alt="Prototypes"' in html


def test_an_arm_that_has_just_begun(tmp_path: Path) -> None:
    (tmp_path / "baseline_0.2").mkdir()
    html = make_report([tmp_path]).read_text()
    assert "No sheets of samples" in html
