"""Ids of clips: what a list may hold, and what is a mirror image."""

from __future__ import annotations

from pathlib import Path

import pytest

from loop.errors import CorruptFileError, MissingAssetError
from translation.layout import MARKER, listed_ids, mirror_partner, mirrored_ids, read_ids


def test_marks_blanks_and_repeats(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    text = "000000 \r\n\r\nM000000\t\r\naist/Dance_1.npy\r\n000000\r\n"
    for encoding in ("utf-8-sig", "utf-16"):
        (tmp_path / "train.txt").write_bytes(text.encode(encoding))
        assert listed_ids(tmp_path, "train")[0] == "000000"
        assert read_ids(tmp_path, "train") == ["000000", "M000000", "aist/Dance_1"]
        assert "1 ids again" in caplog.text
    with pytest.raises(MissingAssetError, match="demo_clips"):
        read_ids(tmp_path, "val")


@pytest.mark.parametrize("clip", ["../x", "/etc/passwd", "a\\b", "a/../../b", "a\x07"])
def test_ids_that_lead_elsewhere(clip: str, tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text(f"000000\n{clip}\n")
    with pytest.raises(CorruptFileError, match="no file of the data set"):
        read_ids(tmp_path, "train")


def test_a_name_that_begins_with_m_is_no_mirror_image(tmp_path: Path) -> None:
    ids = ["Male2_A1", "ale2_A1", "Mike_run", "M12", "000001", "M000001", "M000002", "x/3", "x/M3"]
    assert mirrored_ids(tmp_path, ids) == {"M000001", "x/M3"}
    (tmp_path / MARKER).write_text("{}")  # a drawn subset may hold one clip of a pair
    assert mirrored_ids(tmp_path, ids) == {"M000001", "M000002", "x/M3"}
    assert [mirror_partner(clip) for clip in ("000001", "M000001", "x/M3", "Mike")] == [
        "M000001", "000001", "x/3", None
    ]  # fmt: skip


def test_one_file_has_one_id(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "train.txt").write_text("./000001\n000001.npy\na//b\na/./b\n")
    assert read_ids(tmp_path, "train") == ["000001", "a/b"]
    assert "2 ids again" in caplog.text


@pytest.mark.parametrize("name", ["x" * 300, "走" * 90, "a/" + "y" * 260, ".", "a\x0cb", "C:\\a"])
def test_ids_that_no_file_can_have(name: str, tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text(f"{name}\n")
    with pytest.raises(CorruptFileError, match="names no file"):
        read_ids(tmp_path, "train")
