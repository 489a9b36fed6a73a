"""Loggers hold what the run directory says, and never stand in a run's way."""

from __future__ import annotations

import dataclasses
import json
import logging
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import loop.loggers
from loop.cycle import run_generations
from loop.errors import MissingAssetError
from loop.loggers import LoggerName, check_loggers, open_loggers
from loop.rundir.directory import RunDirectory
from tests.loop.folders import SETTINGS, results, run
from tests.loop.toy import MeanModel, toy_domain


def run_with(folder: Path, names: Sequence[LoggerName], last: int = 2) -> None:
    settings = dataclasses.replace(SETTINGS, generations=last)
    with (
        RunDirectory(folder, {"seed": SETTINGS.seed}) as directory,
        open_loggers(names, directory) as report,
    ):
        run_generations(toy_domain(MeanModel()), settings, directory, report)


def truth(folder: Path) -> list[dict[str, float]]:
    files = [folder / f"generation_{g}" / "eval_dict.json" for g in range(3)]
    return [json.loads(file.read_text())["model.txt"] for file in files]


def shown_by_tensorboard(folder: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    return {
        tag: [(e.step, float(e.tensor_proto.float_val[0])) for e in events.Tensors(tag)]
        for tag in events.Tags()["tensors"]
    }


@pytest.mark.parametrize("attempts", [(2,), (0, 1, 2)], ids=["unbroken", "three starts"])
def test_tensorboard_shows_each_generation_once(tmp_path: Path, attempts: Sequence[int]) -> None:
    for last in attempts:
        run_with(tmp_path, ["tensorboard"], last)
    shown = shown_by_tensorboard(tmp_path)
    for name in ("mean", "noise", "corrected"):
        expected = [
            (g, metrics[name]) for g, metrics in enumerate(truth(tmp_path)) if name in metrics
        ]
        assert shown[name] == [(g, pytest.approx(value, rel=1e-6)) for g, value in expected]


def test_a_logger_can_be_filled_after_the_run(tmp_path: Path) -> None:
    run(tmp_path)
    before = results(tmp_path)
    run_with(tmp_path, ["tensorboard"])
    assert [step for step, _ in shown_by_tensorboard(tmp_path)["mean"]] == [0, 1, 2]
    after = results(tmp_path)
    assert {name: after[name] for name in before} == before


def log_records(data: bytes) -> Iterator[bytes]:
    """Records of a file of wandb's: a header of 7 bytes, then LevelDB's log format."""
    position, record = 7, b""
    while position < len(data):
        rest = 32_768 - position % 32_768
        if rest < 7:  # a record's head is not split over blocks
            position += rest
            continue
        length, kind = (
            int.from_bytes(data[position + 4 : position + 6], "little"),
            data[position + 6],
        )
        record += data[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):  # a whole record, or the last part of one
            yield record
            record = b""


@pytest.mark.slow  # wandb's own service needs seconds to minutes, and loses rows on a busy machine
def test_wandb_keeps_the_run_offline_where_there_is_no_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb", reason="SKIPPED LOUDLY: wandb is not installed")
    from wandb.proto import wandb_internal_pb2

    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    arm = tmp_path / "demo" / "baseline"
    run_with(arm, ["wandb"])
    (file,) = arm.glob("wandb/offline-run-*/run-*.wandb")
    logged = []
    for data in log_records(file.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        if record.HasField("history"):
            row = {i.key or ".".join(i.nested_key): i.value_json for i in record.history.item}
            logged.append({name: json.loads(value) for name, value in row.items()})
    assert [row["_step"] for row in logged] == [0, 1, 2]
    for row, metrics in zip(logged, truth(arm), strict=True):
        assert metrics.items() <= row.items()


def test_lists_become_one_number_an_entry(tmp_path: Path) -> None:
    assert loop.loggers._numbers({"a": 1.0, "b": [2.0, 3.0]}) == {"a": 1.0, "b/1": 2.0, "b/2": 3.0}


@pytest.mark.parametrize("when", ["opening", "recording", "closing"])
def test_a_logger_that_fails_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, when: str
) -> None:
    class NoNetwork:
        def __init__(self, arm: Path) -> None:
            if when == "opening":
                raise ConnectionError("no route to host")

        def record(self, generation: int, numbers: object) -> None:
            if when == "recording":
                raise ConnectionError("no route to host")

        def close(self) -> None:
            if when == "closing":
                raise ConnectionError("no route to host")

    monkeypatch.setitem(loop.loggers._LOGGERS, "wandb", NoNetwork)
    with caplog.at_level(logging.WARNING):
        run_with(tmp_path / "sink", ["wandb", "tensorboard"])
    assert caplog.text.count("wandb is left out") == 1 and "no route to host" in caplog.text
    assert [step for step, _ in shown_by_tensorboard(tmp_path / "sink")["mean"]] == [0, 1, 2]
    run(tmp_path / "none")
    found, expected = results(tmp_path / "sink"), results(tmp_path / "none")
    assert {name: found[name] for name in expected} == expected


def test_a_missing_package_is_named_before_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    check_loggers([])
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingAssetError, match=r"(?s)wandb is not installed.*\.\[wandb\]"):
        check_loggers(["wandb"])


def test_the_loop_imports_neither_package(repository: Path) -> None:
    script = (
        "import loop.loggers, loop.cycle, sys; "
        "sys.exit(any(n in sys.modules for n in ('wandb', 'tensorboard', 'torch')))"
    )
    assert (
        subprocess.run([sys.executable, "-c", script], cwd=repository, check=False).returncode == 0
    )
