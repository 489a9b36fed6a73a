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
        ("a man#a/DET man/NOUN#0.0#inf\n", "out of range"),
        ("a man#a/DET man/NOUN#-1.0#2.0\n", "out of range"),
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


def test_files_of_any_system_read_alike(tmp_path: Path) -> None:
    expected = read_captions(write(tmp_path, REAL_LINES))
    spaced = "\n".join(f"  {line}  \t" for line in REAL_LINES.splitlines())
    for text in (
        REAL_LINES.replace("\n", "\r\n"),
        REAL_LINES.replace("\n", "\r"),
        "\ufeff" + REAL_LINES,
        REAL_LINES.rstrip("\n"),
        spaced,
    ):
        assert read_captions(write(tmp_path, text)) == expected


def test_only_line_ends_end_lines(tmp_path: Path) -> None:
    """str.splitlines would make two lines of each of these."""
    for sign in "\u2028\x85\x0b\x0c\x1c":
        ((caption, _, _),) = read_captions(write(tmp_path, f"he{sign}kicks#he/PRON#0.0#0.0\n"))
        assert caption.text == f"he{sign}kicks"


@settings(deadline=None, max_examples=100)
@given(st.one_of(st.binary(max_size=60), st.text("a#/ \r\n0.5nanif\ufeff\u2028", max_size=60)))
def test_any_file_gives_captions_or_our_error(content: bytes | str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), content)
        try:
            captions = read_captions(path)
        except InvalidCaptionError as error:
            assert str(path) in str(error)
        else:
            assert captions and all(c.text.strip() for c, _, _ in captions)
            assert all(0 <= t < float("inf") for _, *times in captions for t in times)


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
