"""The record of the software behind a run."""

from __future__ import annotations

import json
import platform
from importlib import metadata
from pathlib import Path

import pytest

from loop.errors import CorruptFileError
from loop.rundir import versions
from loop.rundir.directory import RunDirectory
from loop.rundir.versions import installed_versions, record_versions


def entries(folder: Path) -> list[dict]:
    return json.loads((folder / "versions.json").read_text())


def test_versions_are_those_of_this_interpreter() -> None:
    found = installed_versions()
    assert found["python"] == platform.python_version()
    assert found["packages"]["numpy"] == metadata.version("numpy")
    assert "pytest" not in found["packages"]  # optional, not what a run needs


def test_a_run_records_them_once_and_again_when_they_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunDirectory(tmp_path, {"seed": 1})
    for _ in range(2):
        with run:
            pass
    (first,) = entries(tmp_path)
    assert first == {"first_generation": 0, **installed_versions()}
    (tmp_path / "generation_0").mkdir()
    changed = installed_versions() | {"python": "3.99.0"}
    monkeypatch.setattr(versions, "installed_versions", lambda: changed)
    with run:
        pass
    assert entries(tmp_path) == [first, {"first_generation": 1, **changed}]


def test_another_number_of_threads_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for threads in ("1", "2"):
        changed = installed_versions() | {"threads": threads}
        monkeypatch.setattr(versions, "installed_versions", lambda now=changed: now)
        record_versions(tmp_path, 0)
    assert "goes on with OMP_NUM_THREADS 2, it began with 1" in caplog.text
    assert [entry["threads"] for entry in entries(tmp_path)] == ["1", "2"]


def test_without_git_and_installation_there_is_still_a_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(_: str) -> str:
        raise metadata.PackageNotFoundError

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(metadata, "version", absent)
    monkeypatch.setattr(metadata, "requires", absent)
    installed_versions.cache_clear()
    try:
        record_versions(tmp_path, 0)
        (entry,) = entries(tmp_path)
        assert (entry["scsc"], entry["packages"]) == ("unknown", {})
    finally:
        installed_versions.cache_clear()


@pytest.mark.parametrize("text", ['{"a": 1}', "null", "3", "[3]", '[{"python": "3"}, null]'])
def test_a_record_that_is_none_is_reported_and_may_be_removed(tmp_path: Path, text: str) -> None:
    (tmp_path / "versions.json").write_text(text)
    with pytest.raises(CorruptFileError, match="not the versions") as damaged:
        record_versions(tmp_path, 0)
    assert damaged.value.path == tmp_path / "versions.json"
    assert "remove it" in (damaged.value.remedy or "")
    (tmp_path / "versions.json").unlink()
    record_versions(tmp_path, 0)
    assert len(entries(tmp_path)) == 1
