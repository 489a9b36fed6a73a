"""Small runs on disk, made by `loop.rundir` as the loop makes them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from loop.rundir.directory import RunDirectory
from loop.rundir.files import write_json
from loop.rundir.layout import ARGUMENTS, EVALUATION, Layout, parse_arm
from loop.rundir.read import read_arm


def finish_generation(
    arm: Path,
    generation: int,
    metrics: Mapping[str, Any],
    settings: Mapping[str, Any] | None = None,
    save: Callable[[Path], None] | None = None,
) -> Path:
    """Make a generation of an arm, in place of one that is there; returns its folder.

    `save` writes more into it.
    """
    layout = _layout(arm)
    shutil.rmtree(arm / layout.name(generation), ignore_errors=True)
    with (
        RunDirectory(arm, dict(settings or {}), layout) as run,
        run.open(generation) as work,
    ):
        if save is not None:
            work.once("fit", lambda _: None, _Saved(save))
        metrics = dict(metrics)
        work.once("evaluate", lambda _: metrics, work.evaluation(f"model{generation:09d}.pt"))
        work.commit(None, metrics)
    return arm / layout.name(generation)


def begin_generation(
    arm: Path, generation: int, *stages: str, settings: Mapping[str, Any] | None = None
) -> None:
    """Leave a generation of an arm in progress, with some finished stages."""
    if not (arm / ARGUMENTS).exists():  # the arm may have been made by hand
        write_settings(arm, dict(settings or {}))
    with (
        RunDirectory(arm, dict(settings or {}), _layout(arm)) as run,
        run.open(generation) as work,
    ):
        for stage in stages:
            work.once(stage, lambda _: None, _Saved(lambda folder: None))


def write_settings(arm: Path, settings: object) -> Path:
    """Write the settings of an arm, also such as no run has; returns their file."""
    arm.mkdir(parents=True, exist_ok=True)
    write_json(arm / ARGUMENTS, settings)
    return arm / ARGUMENTS


def evaluation_file(arm: Path, generation: int) -> Path:
    """The file of a generation's metrics, in a folder that is made."""
    path = read_arm(arm).generation(generation) / EVALUATION
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _layout(arm: Path) -> Layout:
    name = parse_arm(arm.name)
    return name.layout if name else Layout()


class _Saved:
    def __init__(self, write: Callable[[Path], None]) -> None:
        self._write = write

    def save(self, value: None, folder: Path) -> None:
        self._write(folder)

    def load(self, folder: Path) -> None:
        pass
