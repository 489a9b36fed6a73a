from __future__ import annotations

import os
from pathlib import Path

import pytest

from loop.sweep import machine


def test_gpus_are_those_that_may_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, expected in (
        ("2,0", ("2", "0")),
        ("", ()),
        ("-1", ()),
        ("GPU-8a, 1", ("GPU-8a", "1")),
    ):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
        assert machine.gpus() == expected


def test_else_the_driver_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine.gpus() == ()  # no driver
    tool = tmp_path / "nvidia-smi"
    tool.write_text('#!/bin/sh\n[ "$1" = --query-gpu=index ] && echo 0 && echo 1\n')
    tool.chmod(0o755)
    assert machine.gpus() == ("0", "1")
    tool.write_text("#!/bin/sh\necho no devices; exit 9\n")
    assert machine.gpus() == ()


def test_cores_are_those_of_the_slurm_job_else_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE"):
        monkeypatch.delenv(variable, raising=False)
    assert machine.cores() == len(os.sched_getaffinity(0))
    monkeypatch.setenv("SLURM_CPUS_ON_NODE", "64")
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "3")
    assert machine.cores() == 3
