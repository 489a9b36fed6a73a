"""What the world does to a run directory: typed errors, nothing lost, nothing drawn anew."""

from __future__ import annotations

import dataclasses
import itertools
import os
import resource
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from loop.cycle import run_generations
from loop.errors import CorruptFileError, RunStateError, StorageError
from loop.rundir.directory import RunDirectory
from loop.rundir.partial_results import PartialResults
from tests.loop.folders import SETTINGS, forked, results, run
from tests.loop.toy import MeanModel, toy_domain

LARGE = dataclasses.replace(SETTINGS, ratio=400.0)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("unbroken")
    run(folder)
    return results(folder)


def mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"SKIPPED LOUDLY: cannot mount here: {done.stderr.strip()}")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 150 kB, which holds a generation of `LARGE` but not two."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount("-t", "tmpfs", "-o", "size=150k", "tmpfs", str(disk))
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_full_disk_stops_the_run_and_space_lets_it_go_on(
    tmp_path: Path, small_disk: Path
) -> None:
    run(tmp_path / "unbroken", LARGE)
    with pytest.raises(StorageError, match=r"(?s)No space left.*finished work is kept"):
        run(small_disk / "arm", LARGE)
    assert (small_disk / "arm" / "generation_1").is_dir()
    with pytest.raises(StorageError):  # again, and nothing gets worse
        run(small_disk / "arm", LARGE)
    mount("-o", "remount,size=10m", str(small_disk))
    run(small_disk / "arm", LARGE)
    assert results(small_disk / "arm") == results(tmp_path / "unbroken")


def test_a_limit_on_the_size_of_files_is_a_typed_error(tmp_path: Path) -> None:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, 8_000))
        with pytest.raises(StorageError):
            run(tmp_path / "arm", LARGE)

    assert forked(limited) == 0
    run(tmp_path / "arm", LARGE)
    run(tmp_path / "unbroken", LARGE)
    assert results(tmp_path / "arm") == results(tmp_path / "unbroken")


@pytest.mark.parametrize("last", [-1, 0, 2], ids=["fresh", "begun", "finished"])
def test_a_read_only_folder_is_a_typed_error(
    tmp_path: Path, unbroken: dict[str, bytes], last: int
) -> None:
    arm = tmp_path / "arm"
    arm.mkdir()
    if last >= 0:
        run(arm, dataclasses.replace(SETTINGS, generations=last))
    mount("--bind", str(arm), str(arm))
    try:
        mount("-o", "remount,bind,ro", str(arm))
        with pytest.raises(StorageError, match=r"(?s)Read-only.*another output folder"):
            run(arm)
    finally:
        subprocess.run(["umount", "--lazy", str(arm)], check=True)
    run(arm)
    assert results(arm) == unbroken


def interrupted(folder: Path, stage: str) -> None:
    """A run of two generations that was stopped in `stage` of the second."""
    run(folder, dataclasses.replace(SETTINGS, generations=1))
    with (
        RunDirectory(folder, {"seed": SETTINGS.seed}) as directory,
        pytest.raises(KeyboardInterrupt),
    ):
        run_generations(toy_domain(MeanModel(die_in=stage)), SETTINGS, directory)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("damage", [Path.unlink, truncate])
@pytest.mark.parametrize("name", ["sampled.npy", "corrected.npy", "model.txt"])
def test_a_stage_that_lost_a_file_is_reported_and_can_be_made_again(
    tmp_path: Path, unbroken: dict[str, bytes], name: str, damage: Callable[[Path], None]
) -> None:
    interrupted(tmp_path, "evaluate")
    damage(tmp_path / "generation_2.partial" / name)
    for _ in range(2):
        with pytest.raises(RunStateError, match=rf"(?s){name}.*same random numbers"):
            run(tmp_path)
    shutil.rmtree(tmp_path / "generation_2.partial")  # as the message says
    run(tmp_path)
    assert results(tmp_path) == unbroken


@pytest.mark.parametrize("name", ["model.txt", "eval_dict.json"])
def test_a_generation_that_lost_a_file_is_reported_and_can_be_made_again(
    tmp_path: Path, unbroken: dict[str, bytes], name: str
) -> None:
    interrupted(tmp_path, "synthesise")
    (tmp_path / "generation_1" / name).unlink()
    with pytest.raises(RunStateError, match=name):
        run(tmp_path)
    shutil.rmtree(tmp_path / "generation_1")
    run(tmp_path)
    assert results(tmp_path) == unbroken


def test_an_old_set_that_the_mixing_needs_is_reported(tmp_path: Path) -> None:
    settings = dataclasses.replace(SETTINGS, mixing="accumulate")
    run(tmp_path, dataclasses.replace(settings, generations=1))
    (tmp_path / "generation_1" / "corrected.npy").unlink()
    with pytest.raises(RunStateError, match=r"corrected\.npy"):
        run(tmp_path, settings)


def test_settings_that_vanished_are_not_replaced_by_others(tmp_path: Path) -> None:
    run(tmp_path, dataclasses.replace(SETTINGS, generations=1))
    (tmp_path / "args.json").unlink()
    with pytest.raises(RunStateError, match="settings of this run are missing"):
        run(tmp_path, dataclasses.replace(SETTINGS, seed=99))


def test_results_of_another_attempt_do_not_pass_for_the_next_generation(
    tmp_path: Path, unbroken: dict[str, bytes]
) -> None:
    """A user removes a generation while a later one is in progress."""
    interrupted(tmp_path, "evaluate")
    stale = tmp_path / "generation_2.partial" / "stale.npy"
    stale.write_bytes(b"left by another attempt")
    shutil.rmtree(tmp_path / "generation_1")
    run(tmp_path)
    assert results(tmp_path) == unbroken


def test_a_clock_that_jumps_changes_nothing(
    tmp_path: Path, unbroken: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    jumps = itertools.cycle([1e9, -1e9, 0.0, 4e9, 1.0])
    monkeypatch.setattr(time, "time", lambda: next(jumps))
    monkeypatch.setattr(time, "monotonic", lambda: next(jumps))
    interrupted(tmp_path, "fit")
    for path in tmp_path.rglob("*"):
        os.utime(path, (4e9, 4e9) if path.name.startswith("s") else (0, 0))
    run(tmp_path)
    assert results(tmp_path) == unbroken


def test_pieces_are_whole_or_absent_and_damage_is_reported(tmp_path: Path) -> None:
    pieces = PartialResults(tmp_path, "draw")
    piece = {"b": np.arange(3.0), "a": np.array("in words"), "n": np.array(np.nan)}
    pieces[7] = piece
    again = PartialResults(tmp_path, "draw")
    assert list(again) == [7] and 3 not in again
    assert list(again[7]) == ["b", "a", "n"] and again[7]["a"].item() == "in words"
    np.testing.assert_array_equal(again[7]["b"], piece["b"])
    assert list(PartialResults(tmp_path, "other")) == []
    truncate(tmp_path / "draw_00000007.npz")
    with pytest.raises(CorruptFileError, match=r"(?s)draw_00000007.*same random numbers"):
        again[7]
    del again[7]
    assert len(again) == 0
    memory = PartialResults(None, "draw")
    memory[7] = piece
    assert memory[7] is piece and len(memory) == 1
