"""Text of any editor and system reads alike, or ends in an error with its line."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.errors import CorruptFileError, MissingAssetError
from loop.text import decode_text, read_lines, read_text

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32")
ENDS = ("\n", "\r\n", "\r")
WORDS = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1).filter(
    lambda text: text == text.strip()
)


@given(st.lists(WORDS, min_size=1, max_size=5), st.sampled_from(ENCODINGS), st.sampled_from(ENDS))
def test_encodings_and_line_ends(lines: list[str], encoding: str, end: str) -> None:
    data = end.join(lines).encode(encoding)
    assert decode_text(data, "x").split("\n") == lines


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_other_scripts(encoding: str) -> None:
    text = "一个人\tläuft 🏃\nжизнь\u2028"
    assert decode_text(text.encode(encoding), "x") == text


def test_punctuation_of_windows_is_certain_and_letters_are_not(tmp_path: Path) -> None:
    path = tmp_path / "a friend's prompts.txt"
    path.write_bytes("the person\u2019s arm \u2013 up\u2026\n".encode("cp1252"))
    assert read_lines(path) == ["the person\u2019s arm \u2013 up\u2026"]
    path.write_bytes("walk\r\n\r\nun pas chass\u00e9\r\n".encode("cp1252"))
    with pytest.raises(CorruptFileError, match="line 3") as refused:
        read_text(path)
    remedy = str(refused.value.remedy).partition(": ")[2]
    subprocess.run(remedy, shell=True, check=True)  # as it is printed
    assert read_lines(path) == ["walk", "un pas chass\u00e9"]


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n",  # two files with marks, by cat
        b"\xef\xbb\xbf\xef\xbb\xbfa\nb\n",
        b"a\r\nb\r\n\x1a",  # the end of file of DOS
        b"a\r\rb\r",
        "a\nb".encode("utf-16-be"),
        b"\xfe\xff" + "a\r\nb".encode("utf-16-be"),
        "\ta\u00a0\n \nb".encode(),
    ],
)
def test_lines_of_other_programs(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes(data)
    assert read_lines(tmp_path / "list.txt") == ["a", "b"]


@pytest.mark.parametrize("data", [b"a\0b", b"\xff\xfea", bytes(9), b"\xef\xbb\xbf\xff"])
def test_no_text(data: bytes) -> None:
    with pytest.raises(CorruptFileError):
        decode_text(data, "x")


def test_missing_folder_and_gzip(tmp_path: Path) -> None:
    with pytest.raises(MissingAssetError):
        read_text(tmp_path / "absent")
    with pytest.raises(CorruptFileError):
        read_text(tmp_path)
    (tmp_path / "a.gz").write_bytes(b"no gzip")
    with pytest.raises(CorruptFileError):
        read_text(tmp_path / "a.gz")
