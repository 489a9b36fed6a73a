"""What a run directory says about records that are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from loop.errors import CorruptFileError
from loop.rundir.directory import RunDirectory
from tests.runs import write_settings


@pytest.mark.parametrize("settings", [[], None, 3, "seed", [{"seed": 1}]])
def test_settings_that_are_none_are_reported(tmp_path: Path, settings: object) -> None:
    path = write_settings(tmp_path / "arm", settings)
    with pytest.raises(CorruptFileError, match="not the settings") as damaged:
        RunDirectory(tmp_path / "arm", {"seed": 1}, renamed={"old": "new"}).__enter__()
    assert damaged.value.path == path and damaged.value.expected and damaged.value.remedy
    (tmp_path / "arm").rename(tmp_path / "away")  # as the message says
    with RunDirectory(tmp_path / "arm", {"seed": 1}) as run:
        write_settings(tmp_path / "arm", settings)
        with pytest.raises(CorruptFileError, match="not the settings"):
            run.add_settings({"evaluator": "a"})
