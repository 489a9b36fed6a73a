from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from loop.errors import InvalidOptionError
from loop.interfaces import LargeFiles
from loop.mixing import ONLY_NEWEST, POLICIES, policy_named
from loop.rng import Stream
from loop.rundir.retention import keep_named, prune
from tests.loop.folders import SETTINGS, results, run

LARGE = LargeFiles(training=("opt*.pt",), models=("model*.pt",), samples=("motions/*.npy",))
NAMES = ("model9.pt", "opt9.pt", "motions/a.npy", "eval_dict.json")


@pytest.mark.parametrize(
    ("name", "kept"), [("last", []), ("every:3", [0, 3, 6]), ("all", list(range(7)))]
)
def test_policies_by_name(name: str, kept: list[int]) -> None:
    assert [g for g in range(7) if keep_named(name).keeps(g)] == kept


@pytest.mark.parametrize("name", ["", "none", "every:0", "every:", "every:-1", "every:2.5"])
def test_other_words_are_refused(name: str) -> None:
    with pytest.raises(InvalidOptionError, match="every:N"):
        keep_named(name)


def generations(folder: Path, count: int) -> list[Path]:
    folders = [folder / str(generation) for generation in range(count)]
    for generation in folders:
        (generation / "motions").mkdir(parents=True)
        for name in NAMES:
            (generation / name).write_text("")
    return folders


def left(folders: list[Path], name: str) -> list[int]:
    return [g for g, folder in enumerate(folders) if (folder / name).exists()]


def pruned(folder: Path, models: str, samples: str, finished: bool) -> dict[str, list[int]]:
    folders = generations(folder, 7)
    keep = keep_named(models), keep_named(samples)
    for _ in range(2):  # once more changes nothing
        prune(list(enumerate(folders))[:-1], folders[-1], LARGE, *keep, finished)
    return {name: left(folders, name) for name in NAMES}


def test_what_other_arms_start_from_stays(tmp_path: Path) -> None:
    folders = generations(tmp_path, 4)
    large = dataclasses.replace(LARGE, first=1)
    last = keep_named("last")
    prune(list(enumerate(folders))[:-1], folders[-1], large, last, last, finished=True)
    assert left(folders, "model9.pt") == left(folders, "motions/a.npy") == [0, 3]
    assert left(folders, "opt9.pt") == [0]


def test_last_keeps_what_the_next_generation_needs(tmp_path: Path) -> None:
    found = pruned(tmp_path, "last", "every:2", finished=False)
    assert found["model9.pt"] == found["opt9.pt"] == [6]
    assert found["motions/a.npy"] == [0, 2, 4, 6]
    assert found["eval_dict.json"] == list(range(7))


def test_a_finished_arm_keeps_what_one_samples_with(tmp_path: Path) -> None:
    found = pruned(tmp_path, "last", "last", finished=True)
    assert found["model9.pt"] == found["motions/a.npy"] == [6] and found["opt9.pt"] == []


def test_other_policies_leave_a_finished_arm_able_to_go_on(tmp_path: Path) -> None:
    found = pruned(tmp_path / "every", "every:3", "all", finished=True)
    assert found["model9.pt"] == [0, 3, 6] and found["opt9.pt"] == [6]
    assert found["motions/a.npy"] == list(range(7))
    assert pruned(tmp_path / "all", "all", "all", finished=True)["opt9.pt"] == list(range(7))


@pytest.mark.parametrize("mixing", POLICIES.names)
def test_pruning_changes_no_result(tmp_path: Path, mixing: str) -> None:
    """Whatever the mixing policy reads, it is there: metrics are those of a run that keeps all."""
    whole = dataclasses.replace(SETTINGS, mixing=mixing, generations=4)
    tight = dataclasses.replace(whole, keep="last", keep_samples="last")
    run(tmp_path / "whole", whole)
    for last in range(5):  # one process a generation: each has to read from disk what it needs
        run(tmp_path / "tight", dataclasses.replace(tight, generations=last))
    expected, found = (results(tmp_path / name) for name in ("whole", "tight"))
    assert all(expected[name] == content for name, content in found.items())
    dropped = expected.keys() - found.keys()
    assert {Path(name).name for name in dropped} >= {"model.txt"}
    assert any(name.endswith(".npy") for name in dropped) == (mixing in ONLY_NEWEST)
    assert not any(name.endswith(".json") or name.startswith("generation_4") for name in dropped)


@pytest.mark.parametrize("mixing", sorted(ONLY_NEWEST))
def test_the_other_policies_never_choose_from_old_sets(mixing: str) -> None:
    for count in range(1, 6):
        for rows in policy_named(mixing)(10, [7] * count, Stream(1)).synthetic[:-1]:
            assert isinstance(rows, slice) and rows.stop == 0
