"""Choosing a controller by name; what it cannot do is said at once."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from loop.errors import InvalidOptionError, MissingAssetError
from uhc.controllers.base import Controller, Tracking, TrackingRequest
from uhc.controllers.cascade import Cascade
from uhc.controllers.policy import PolicyController
from uhc.controllers.registry import (
    CONTROLLERS,
    controller_class,
    create_controller,
    describe_controller,
    name_or_default,
)
from uhc.controllers.tracker import Tracker
from uhc.correct import correct_joints
from uhc.evaluate import main
from uhc.options import CorrectionOptions
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


def cascade(bias: float = 0.0) -> Cascade:
    return Cascade(PolicyController(zero_policy(bias)))


def test_the_tracker_needs_nothing_and_refuses_weights(tmp_path: Path) -> None:
    assert create_controller("tracker") == Tracker()
    assert create_controller("tracker", max_residual_force=50.0) == Tracker(
        levels_n=(0.0, 25.0, 50.0)
    )
    assert describe_controller("tracker", None) == "tracker"
    with pytest.raises(InvalidOptionError, match="no weights"):
        create_controller("tracker", tmp_path / "any")


def test_a_policy_is_described_by_its_weights(tmp_path: Path) -> None:
    path, other = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    zero_policy().save(path)
    zero_policy(1.0).save(other)
    loaded = create_controller("policy", path, alone=True)
    assert isinstance(loaded, PolicyController) and loaded.policy.mean.shape == (SIZE,)
    assert describe_controller("policy", path) == describe_controller("policy", path)
    assert describe_controller("policy", path) != describe_controller("policy", other)


@pytest.mark.parametrize(("name", "told"), [("policy", "train_uhc.sh"), ("faithful", "get_smpl")])
def test_missing_weights_say_which_command_makes_them(
    name: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingAssetError, match=told):
        create_controller(name, Path("not_there"))


def test_the_policy_that_is_shipped_needs_no_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert isinstance(create_controller("policy"), Cascade)


def test_the_default_is_the_policy_but_only_the_tracker_is_faithful() -> None:
    assert name_or_default(None, faithful=False) == "policy"
    assert name_or_default(None, faithful=True) == "tracker"
    assert name_or_default("search", faithful=True) == "search"  # which is refused with its reason


class Mine(Controller):
    """A controller of a user's own, as far as it goes."""

    def track(self, request: TrackingRequest) -> Tracking:
        return Tracker(levels_n=(0.0,)).track(request)


def test_a_controller_of_ones_own_corrects(walk: np.ndarray) -> None:
    name = f"{__name__}:Mine"
    own = create_controller(name)
    assert type(own).__name__ == "Mine" and describe_controller(name, None) == name
    (mine,) = correct_joints([walk[:20]], CorrectionOptions(controller=own), workers=1)
    strict = CorrectionOptions(controller=Tracker(levels_n=(0.0,)))
    (tracked,) = correct_joints([walk[:20]], strict, workers=1)
    assert mine.joints is not None and tracked.joints is not None
    np.testing.assert_array_equal(mine.joints, tracked.joints)


@pytest.mark.parametrize(
    ("name", "told"),
    [("puppeteer", "tracker: computed torque"), ("pathlib:Path", "a subclass of")],
)
def test_what_is_no_controller_is_refused(name: str, told: str) -> None:
    with pytest.raises(InvalidOptionError, match=told):
        create_controller(name)


def test_every_registered_class_can_be_imported() -> None:
    for name in CONTROLLERS.names:
        assert Controller in controller_class(name).__mro__


def test_an_idle_policy_is_the_tracker_without_help(walk: np.ndarray) -> None:
    (policy,) = correct_joints([walk[:30]], CorrectionOptions(controller=cascade()), workers=1)
    strict = CorrectionOptions(controller=Tracker(levels_n=(0.0,)))
    (tracker,) = correct_joints([walk[:30]], strict, workers=1)
    assert policy.success and tracker.success
    assert policy.method_used == "simulated" and policy.clamp_n == 0.0
    assert policy.residual_force_bw == 0.0
    assert policy.joints is not None and tracker.joints is not None
    np.testing.assert_allclose(policy.joints, tracker.joints, atol=0.01)


def test_where_a_policy_falls_the_tracker_takes_over(walk: np.ndarray) -> None:
    (fallen,) = correct_joints([walk], CorrectionOptions(controller=cascade(3.0)), workers=1)
    (tracked,) = correct_joints([walk], workers=1)
    assert fallen.success and fallen.method_used == "simulated"
    assert fallen.joints is not None and tracked.joints is not None
    np.testing.assert_array_equal(fallen.joints, tracked.joints)


def test_results_of_a_policy_do_not_depend_on_the_workers(walk: np.ndarray) -> None:
    clips = [walk, walk[::-1].copy()]
    options = CorrectionOptions(controller=cascade())
    alone = correct_joints(clips, options, workers=1)
    shared = correct_joints(clips, options, workers=2)
    for one, two in zip(alone, shared, strict=True):
        assert one.joints is not None and two.joints is not None
        assert one.joints.tobytes() == two.joints.tobytes()


def test_only_the_tracker_teleports_or_plays_faster() -> None:
    for options in ({"teleport": True}, {"playback_rate": 1.5}):
        for controller in (cascade(), cascade().controller):
            with pytest.raises(InvalidOptionError, match="only the tracker"):
                CorrectionOptions(controller=controller, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["tracker", "faithful"])
def test_only_what_is_in_a_cascade_can_be_left_alone(name: str) -> None:
    with pytest.raises(InvalidOptionError, match="always alone"):
        create_controller(name, alone=True)


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
    main(tmp_path, tmp_path / "tracker.csv", max_residual_force=0.0, workers=1)
    for name in ("policy", "tracker"):
        (row,) = csv.DictReader((tmp_path / f"{name}.csv").read_text().splitlines())
        assert (row["success"], float(row["clamp_n"])) == ("1", 0.0)
