"""The caption format: what the published files look like, and every way to spoil one."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset.captions import Caption, format_captions, read_captions
from loop.errors import InvalidCaptionError

REAL_LINES = (
    "a man kicks something or someone with his left leg.#a/DET man/NOUN kick/VERB something/PRON "
    "or/CCONJ someone/PRON with/ADP his/DET left/ADJ leg/NOUN#0.0#0.0\n"
    "he kicks#he/PRON kick/VERB#1.5#4.25\n"
)


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "000021.txt"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_real_lines_read_as_published(tmp_path: Path) -> None:
    first, second = read_captions(write(tmp_path, REAL_LINES))
    assert first[0].text == "a man kicks something or someone with his left leg."
    assert first[0].tokens[1] == "man/NOUN" and len(first[0].tokens) == 10
    assert first[1:] == (0.0, 0.0)
    assert second == (Caption("he kicks", ("he/PRON", "kick/VERB")), 1.5, 4.25)


def test_times_that_are_not_numbers_count_as_whole_clip(tmp_path: Path) -> None:
    assert read_captions(write(tmp_path, "he kicks#he/PRON#nan#nan\n"))[0][1:] == (0.0, 0.0)


def test_blank_lines_are_no_captions(tmp_path: Path) -> None:
    assert len(read_captions(write(tmp_path, "\n" + REAL_LINES + "\n  \n"))) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("\n \n", "empty"),
        ("#a/DET#0.0#0.0\n", "Caption text is empty"),
        ("  #a/DET#0.0#0.0\n", "Caption text is empty"),
        ("a man#a/DET man/NOUN#0.0\n", "four fields"),
        ("a #1 man#a/DET man/NOUN#0.0#0.0\n", "four fields"),
        ("a man#a/DET man/NOUN#start#0.0\n", "not a number"),
        (b"\xff\xfe\x00", "UTF-8"),
    ],
)
def test_spoiled_files_name_themselves_and_the_remedy(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InvalidCaptionError, match=message) as error:
        read_captions(path)
    assert str(path) in str(error.value)
    assert "what to do" in str(error.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidCaptionError, match="missing"):
        read_captions(tmp_path / "000000.txt")


WORD = st.text(
    st.characters(codec="utf-8", exclude_characters="#", exclude_categories=("C", "Z")), min_size=1
)
TIME = st.floats(0, 10)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(WORD, st.lists(WORD), TIME, TIME), min_size=1))
def test_written_captions_read_back(lines: list[tuple[str, list[str], float, float]]) -> None:
    captions = [(Caption(text, tuple(tokens)), start, end) for text, tokens, start, end in lines]
    with tempfile.TemporaryDirectory() as folder:
        assert read_captions(write(Path(folder), format_captions(captions))) == captions
