"""Choosing who follows: each controller by its name, and what it cannot do is said at once."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from loop.errors import InvalidOptionError, MissingAssetError
from uhc.controllers.registry import controller_named, described, or_default
from uhc.controllers.tracker import TrackerOptions
from uhc.correct import correct_joints, correct_motions
from uhc.evaluate import main
from uhc.request import Request
from uhc.rl.environment import ACTION
from uhc.rl.observation import SIZE
from uhc.rl.policy import Policy


def zero_policy(bias: float = 0.0) -> Policy:
    return Policy(
        np.zeros(SIZE),
        np.ones(SIZE),
        (np.zeros((8, SIZE)), np.zeros((ACTION, 8))),
        (np.zeros(8), np.full(ACTION, bias)),
    )


def test_the_tracker_needs_nothing_and_refuses_weights(tmp_path: Path) -> None:
    assert controller_named("tracker") is None
    assert described("tracker", None) == "tracker"
    with pytest.raises(InvalidOptionError, match="no weights"):
        controller_named("tracker", tmp_path / "any")


def test_a_policy_is_described_by_its_weights(tmp_path: Path) -> None:
    path, other = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    zero_policy().save(path)
    zero_policy(1.0).save(other)
    loaded = controller_named("policy", path)
    assert isinstance(loaded, Policy) and loaded.mean.shape == (SIZE,)
    assert described("policy", path) == described("policy", path)
    assert described("policy", path) != described("policy", other)


@pytest.mark.parametrize(("name", "told"), [("policy", "train_uhc.sh"), ("faithful", "get_smpl")])
def test_missing_weights_say_which_command_makes_them(
    name: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingAssetError, match=told):
        controller_named(name, Path("not_there"))  # type: ignore[arg-type]


def test_the_policy_that_is_shipped_needs_no_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert isinstance(controller_named("policy"), Policy)


def test_the_default_is_the_policy_but_only_the_tracker_is_faithful() -> None:
    assert or_default(None, faithful=False) == "policy"
    assert or_default(None, faithful=True) == "tracker"
    assert or_default("search", faithful=True) == "search"  # which is refused with its reason


def test_unknown_names_are_refused() -> None:
    with pytest.raises(InvalidOptionError, match="controller"):
        controller_named("puppeteer")  # type: ignore[arg-type]


def test_an_idle_policy_is_the_tracker_without_help(walk: np.ndarray) -> None:
    (policy,) = correct_joints([walk], workers=1, controller=zero_policy())
    only_rung = TrackerOptions(ladder=(0.0,))
    (tracker,) = correct_joints([walk], workers=1, tracker=only_rung)
    assert policy.success and tracker.success
    assert policy.method_used == "simulated" and policy.clamp_n == 0.0
    assert policy.residual_force_bw == 0.0
    assert policy.joints is not None and tracker.joints is not None
    np.testing.assert_allclose(policy.joints, tracker.joints, atol=0.01)


def test_where_a_policy_falls_the_tracker_takes_over(walk: np.ndarray) -> None:
    (fallen,) = correct_joints([walk], workers=1, controller=zero_policy(3.0))
    (tracked,) = correct_joints([walk], workers=1)
    assert fallen.success and fallen.method_used == "simulated"
    assert fallen.joints is not None and tracked.joints is not None
    np.testing.assert_array_equal(fallen.joints, tracked.joints)


def test_results_of_a_policy_do_not_depend_on_the_workers(walk: np.ndarray) -> None:
    clips = [walk, walk[::-1].copy()]
    alone = correct_joints(clips, workers=1, controller=zero_policy())
    shared = correct_joints(clips, workers=2, controller=zero_policy())
    for one, two in zip(alone, shared, strict=True):
        assert one.joints is not None and two.joints is not None
        assert one.joints.tobytes() == two.joints.tobytes()


def test_only_the_tracker_teleports_or_plays_faster() -> None:
    for options in ({"teleport": True}, {"playback_rate": 1.5}):
        with pytest.raises(InvalidOptionError, match="only the tracker"):
            correct_motions([], controller=zero_policy(), **options)  # type: ignore[arg-type]


def test_only_who_is_helped_can_be_left_alone() -> None:
    with pytest.raises(InvalidOptionError, match="left alone"):
        Request(alone=True)


def test_evaluate_judges_a_policy_and_the_tracker_without_help(
    walk: np.ndarray, tmp_path: Path
) -> None:
    np.save(tmp_path / "walk.npy", walk)
    zero_policy().save(tmp_path / "policy.safetensors")
    main(
        tmp_path,
        tmp_path / "policy.csv",
        controller="policy",
        controller_weights=tmp_path / "policy.safetensors",
        workers=1,
    )
    main(tmp_path, tmp_path / "tracker.csv", most_help=0.0, workers=1)
    for name in ("policy", "tracker"):
        (row,) = csv.DictReader((tmp_path / f"{name}.csv").read_text().splitlines())
        assert (row["success"], float(row["clamp_n"])) == ("1", 0.0)
