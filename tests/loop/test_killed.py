"""Killed before any single operation on the disk, a run ends with the bytes of an unbroken one."""

from __future__ import annotations

import dataclasses
import shutil
import signal
from pathlib import Path

import pytest

from loop.cycle import run_generations
from loop.errors import RunLockedError
from loop.rundir.directory import RunDirectory
from loop.rundir.generation_0 import copy_generation_0
from tests.loop.folders import SETTINGS, die_before_write, forked, results, run
from tests.loop.toy import MeanModel, toy_domain

PRUNED = dataclasses.replace(SETTINGS, keep="last", keep_samples="last")


@pytest.mark.parametrize("generation", [0, 2])
def test_killed_before_every_write_it_ends_with_the_same_bytes(
    tmp_path: Path, generation: int
) -> None:
    """All moments in which a generation is made, from the lock to the last pruning."""
    settings = dataclasses.replace(PRUNED, generations=generation)
    run(tmp_path / "unbroken", settings)
    expected = results(tmp_path / "unbroken")
    (tmp_path / "before").mkdir()
    if generation > 0:
        run(tmp_path / "before", dataclasses.replace(PRUNED, generations=generation - 1))
    for number in range(1, 1000):
        folder = tmp_path / str(number)
        shutil.copytree(tmp_path / "before", folder)

        def killed(folder: Path = folder, number: int = number) -> None:
            die_before_write(folder, number)
            run(folder, settings)

        status = forked(killed)
        if status == 0:  # it writes less often than that
            break
        assert status == -signal.SIGKILL
        run(folder, settings)
        assert results(folder) == expected, f"killed before write {number}"
    assert number > (40 if generation else 30)
    assert results(folder) == expected


def test_killed_before_every_write_a_hand_over_is_whole_or_absent(tmp_path: Path) -> None:
    run(tmp_path / "zero", dataclasses.replace(SETTINGS, generations=0))
    zero = tmp_path / "zero" / "generation_0"
    for number in range(1, 100):
        arm = tmp_path / f"arm_{number}"

        def killed(arm: Path = arm, number: int = number) -> None:
            die_before_write(arm, number)
            copy_generation_0(zero, arm)

        status = forked(killed)
        assert not (arm / "generation_0").exists() or results(arm / "generation_0") == results(zero)
        with RunDirectory(arm, {}):
            copy_generation_0(zero, arm)
        assert results(arm / "generation_0") == results(zero)
        assert not list(arm.glob(".gen*"))
        if status == 0:
            break
    assert number > 4


def test_a_killed_process_leaves_no_lock_and_a_living_one_does(tmp_path: Path) -> None:
    def second() -> None:
        with pytest.raises(RunLockedError, match="another process"):
            run(tmp_path)

    with RunDirectory(tmp_path, {"seed": SETTINGS.seed}) as directory:
        assert forked(second) == 0
        run_generations(toy_domain(MeanModel()), SETTINGS, directory)
    whole = results(tmp_path)

    def killed() -> None:
        with RunDirectory(tmp_path, {"seed": SETTINGS.seed}):
            signal.raise_signal(signal.SIGKILL)

    assert forked(killed) == -signal.SIGKILL
    run(tmp_path)
    assert results(tmp_path) == whole
