from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from loop.errors import CorruptFileError, MissingAssetError, StorageError
from loop.rundir.files import read_json, storage, write_bytes, write_json


def test_what_is_written_reads_back(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"x": 0.1 + 0.2})
    assert read_json(tmp_path / "a.json") == {"x": 0.1 + 0.2}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "a.bin"
    write_bytes(path, b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match=r"(?s)No space left.*free some space"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


def test_a_really_full_disk_is_a_typed_error() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full on this system")
    with (
        pytest.raises(StorageError, match="free some space"),
        storage(full),
        full.open("wb", buffering=0) as file,
    ):
        file.write(b"x")


def test_unexpected_system_errors_pass_through(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), storage(tmp_path):
        (tmp_path / "none").read_bytes()


def test_missing_and_broken_json(tmp_path: Path) -> None:
    with pytest.raises(MissingAssetError, match=r"a\.json"):
        read_json(tmp_path / "a.json")
    (tmp_path / "a.json").write_text('{"x": ')
    with pytest.raises(CorruptFileError, match="not JSON"):
        read_json(tmp_path / "a.json")
