from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from loop.errors import CorruptFileError, MissingAssetError, StorageError
from loop.rundir.files import (
    make_folder,
    prepare_file,
    read_json,
    storage,
    write_bytes,
    write_json,
)


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


def test_a_device_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    for name in ("full", "null"):
        (tmp_path / name).symlink_to(f"/dev/{name}")
        prepare_file(tmp_path / name)
    with pytest.raises(StorageError, match="free some space"):
        write_bytes(tmp_path / "full", b"x")
    write_bytes(tmp_path / "null", b"x")
    assert all((tmp_path / name).is_char_device() for name in ("full", "null"))


def test_an_output_is_refused_before_the_work(tmp_path: Path) -> None:
    for path in (tmp_path, Path("/proc/a.csv"), tmp_path / f"{'n' * 250}.csv"):
        with pytest.raises(StorageError, match="choose another"):
            prepare_file(path)
    write_bytes(tmp_path / "file", b"")
    (tmp_path / "loop").symlink_to("loop")
    for folder in (Path("/proc"), tmp_path / "file", tmp_path / "loop" / "a"):
        with pytest.raises(StorageError, match="choose another"):
            make_folder(folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "loop"]


def test_unexpected_system_errors_pass_through(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), storage(tmp_path):
        (tmp_path / "none").read_bytes()


def test_missing_and_broken_json(tmp_path: Path) -> None:
    with pytest.raises(MissingAssetError, match=r"a\.json"):
        read_json(tmp_path / "a.json")
    (tmp_path / "a.json").write_text('{"x": ')
    with pytest.raises(CorruptFileError, match="not JSON"):
        read_json(tmp_path / "a.json")
