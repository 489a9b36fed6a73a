"""The training loss in the report: drawn where it was recorded, and never in the way."""

from __future__ import annotations

import base64
import logging
import re
from pathlib import Path

import pytest

from domains.motion.training_loss import FILE, write_losses
from visualize.arms import STYLES
from visualize.report.build import make_report

RAW = "synthetic_percent_100_iterative_finetuning"


def drawn(runs) -> tuple[str, str]:
    """The part of the page, and the SVG in it; both empty where there is none."""
    html = make_report([runs.folder]).read_text()
    part = re.search(r"<details><summary>Training loss</summary>(.*?)</details>", html, re.DOTALL)
    if part is None:
        return "", ""
    (picture,) = re.findall(r'src="data:image/svg\+xml;base64,([^"]*)"', part[1])
    return part[1], base64.b64decode(picture).decode()


def test_every_generation_that_recorded_its_loss_is_drawn(runs) -> None:
    runs.fill_all(2)
    assert drawn(runs) == ("", "")  # runs of older versions
    write_losses([(50, 0.8), (100, 0.25)], runs.folder / "baseline/generation_0")
    part, svg = drawn(runs)
    assert "generation 0: 0.25" in part and STYLES["baseline"].color.lower() not in svg
    for arm, last in (("baseline", 0.125), (RAW, 0.5)):
        for generation in (1, 2):
            folder = runs.folder / arm / f"generation_{generation}"
            write_losses([(1, 0.9), (2, last * generation)], folder)
    part, svg = drawn(runs)
    assert "generation 0: 0.25, baseline: 0.25, fine-tuned 100%: 1." in part
    assert all(style.color.lower() in svg for style in list(STYLES.values())[:2])
    assert list(STYLES.values())[2].color.lower() not in svg  # of an arm that recorded none
    (runs.folder / "baseline/generation_0" / FILE).unlink()
    assert "Generation 0 was not trained here" in drawn(runs)[0]


def test_a_damaged_table_costs_its_curve_and_not_the_page(
    runs, caplog: pytest.LogCaptureFixture
) -> None:
    runs.fill_all(1)
    for arm in ("baseline", RAW):
        write_losses([(1, 0.9), (2, 0.5)], runs.folder / arm / "generation_1")
    Path(runs.folder / RAW / "generation_1" / FILE).write_text("step,loss\n1,?\n")
    with caplog.at_level(logging.WARNING):
        part, _ = drawn(runs)
    assert "baseline: 0.5." in part and FILE in caplog.text
