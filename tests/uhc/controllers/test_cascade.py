"""The order in which controllers are tried."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from loop.errors import InvalidOptionError
from tests.uhc.controllers.test_search import QUICK
from uhc.controllers.base import Attempt, Tracking, TrackingRequest, finish, first_close
from uhc.controllers.cascade import Cascade
from uhc.controllers.policy import PolicyController, play
from uhc.controllers.tracker import Tracker
from uhc.rl.environment import ACTION
from uhc.rl.observation import SIZE
from uhc.rl.policy import Policy

UNAIDED = Tracker(levels_n=(0.0,))
NEVER_CLOSE = replace(UNAIDED, accept_error_m=0.0)
EMPTY = np.zeros((0, 71))
NOTHING = Tracking(
    EMPTY, np.zeros((0, 22, 3), np.float32), False, "", -1, 0, 0.0, 0.0, 0.0, 0.0, 0.0
)


def policy_that_always(action: float) -> PolicyController:
    weights = np.zeros((ACTION, SIZE))
    biases = np.full(ACTION, action)
    return PolicyController(Policy(np.zeros(SIZE), np.ones(SIZE), (weights,), (biases,)))


def test_what_the_tracker_follows_unaided_is_not_searched(symmetric_humanoid, standing) -> None:
    found = Cascade(QUICK, Tracker()).track(TrackingRequest(symmetric_humanoid, standing))
    alone = UNAIDED.track(TrackingRequest(symmetric_humanoid, standing))
    assert found.success and found.qpos.tobytes() == alone.qpos.tobytes()


def test_help_comes_only_after_a_search_that_was_not_close(symmetric_humanoid, standing) -> None:
    lifted = standing[:20].copy()
    lifted[:, 2] += 1.0  # in the air: nothing can stay there without help
    unaided = Cascade(QUICK, UNAIDED).track(TrackingRequest(symmetric_humanoid, lifted))
    assert not unaided.success and 0 < unaided.failed_frame == len(unaided.qpos)
    helped = Cascade(QUICK, replace(UNAIDED, levels_n=(0.0, 2000.0))).track(
        TrackingRequest(symmetric_humanoid, lifted)
    )
    assert helped.success and helped.clamp_n == 2000.0 and helped.force_bw > 0.5


def test_never_farther_than_the_tracker_alone(symmetric_humanoid, standing) -> None:
    found = Cascade(QUICK, NEVER_CLOSE).track(TrackingRequest(symmetric_humanoid, standing[:20]))
    alone = NEVER_CLOSE.track(TrackingRequest(symmetric_humanoid, standing[:20]))
    assert found.success and found.error_m <= alone.error_m


def test_a_policy_goes_where_the_tracker_is_not_close(symmetric_humanoid, standing) -> None:
    faint = policy_that_always(0.02)
    done = Cascade(faint, Tracker()).track(TrackingRequest(symmetric_humanoid, standing))
    unaided = UNAIDED.track(TrackingRequest(symmetric_humanoid, standing))
    assert done.success and done.qpos.tobytes() == unaided.qpos.tobytes()
    once = replace(UNAIDED, passes=0).track(TrackingRequest(symmetric_humanoid, standing))
    limit = replace(Tracker(), accept_error_m=0.9 * once.error_m)
    lifts = policy_that_always(0.0)
    lifts.policy.biases[0][2] = 0.05  # nearer to the reference, over which the body stands too low
    lifted = play(TrackingRequest(symmetric_humanoid, standing), lifts.policy)
    assert lifted.error_m < limit.accept_error_m
    done = Cascade(lifts, limit).track(TrackingRequest(symmetric_humanoid, standing))
    assert done.success and done.qpos.tobytes() == lifted.qpos.tobytes()


def test_who_is_always_alone_is_no_attempt() -> None:
    with pytest.raises(InvalidOptionError, match="alone"):
        Cascade(Tracker())


@pytest.mark.parametrize("action", [3.0, np.nan])
def test_where_tracker_and_policy_fall_there_is_help(
    symmetric_humanoid, standing, action: float
) -> None:
    airborne = standing[:20].copy()
    airborne[:, 2] += 1.0
    options = replace(UNAIDED, levels_n=(0.0, 2000.0))
    done = Cascade(policy_that_always(action), options).track(
        TrackingRequest(symmetric_humanoid, airborne)
    )
    alone = replace(UNAIDED, levels_n=(2000.0,)).track(
        TrackingRequest(symmetric_humanoid, airborne)
    )
    assert done.success and done.qpos.tobytes() == alone.qpos.tobytes()


def test_attempts_that_are_paused_go_on_only_where_no_other_is_close() -> None:
    steps: list[str] = []

    def attempt(name: str, error_m: float, pauses: bool) -> Attempt:
        steps.append(name)
        if pauses:
            yield
            steps.append(f"{name} goes on")
        return replace(NOTHING, reason=name, error_m=error_m, success=True)

    hopeless = attempt("far", 0.2, True), attempt("farther", 0.3, True)
    assert first_close([*hopeless, attempt("close", 0.01, False)], 0.05).reason == "close"
    assert steps == ["far", "farther", "close"]
    assert first_close([attempt("a", 0.3, True), attempt("b", 0.2, True)], 0.05).reason == "b"
    assert steps[3:] == ["a", "b", "a goes on", "b goes on"]


def test_pausing_changes_no_result(symmetric_humanoid, standing) -> None:
    lifted = standing[:20].copy()
    lifted[:, 2] += np.linspace(0.0, 0.3, 20)  # close at first, then out of reach
    request = TrackingRequest(symmetric_humanoid, lifted)
    tracker = replace(UNAIDED, accept_error_m=0.02, passes=0)
    (trial,) = tracker.trials(request, 0.02)
    pauses = sum(1 for _ in trial)
    (whole,) = (finish(trial) for trial in tracker.trials(request, np.inf))
    assert pauses == 1 and tracker.track(request).qpos.tobytes() == whole.qpos.tobytes()
