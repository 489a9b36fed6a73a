"""Titles in letters that the font has, and in others."""

from __future__ import annotations

import numpy as np
import pytest

from visualize.video.labels import drawn_title, title_strips


@pytest.mark.parametrize(
    "title", ["Ένας άνθρωπος περπατά", "человек идёт", "\u201chop\u201d \u2192 λ\u2082 = 0.5"]
)
def test_what_the_font_has_is_drawn(title: str, caplog: pytest.LogCaptureFixture) -> None:
    assert drawn_title(title) == title
    assert not caplog.records


def test_what_the_font_lacks_is_a_box_and_said(caplog: pytest.LogCaptureFixture) -> None:
    assert drawn_title("走 a man 🏃\nwalks\t") == "□ a man □ walks"
    assert "走" in caplog.text and "🏃" in caplog.text and "cannot draw" in caplog.text
    drawn, boxes = title_strips(["一个人 walks", "□□□ walks"], 200)
    assert np.array_equal(drawn, boxes)
    assert np.asarray(drawn).min() < 100


def test_accents_in_two_code_points_are_one_letter(caplog: pytest.LogCaptureFixture) -> None:
    assert drawn_title("cafe\N{COMBINING ACUTE ACCENT}") == "caf\N{LATIN SMALL LETTER E WITH ACUTE}"
    assert not caplog.records
