"""The order in which controllers are tried."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.uhc.controllers.test_search import QUICK
from uhc.controllers.cascade import track_with
from uhc.controllers.policy import follow
from uhc.controllers.tracker import TrackerOptions, track
from uhc.rl.environment import ACTION
from uhc.rl.observation import SIZE
from uhc.rl.policy import Policy

UNAIDED = TrackerOptions(ladder=(0.0,))
NEVER_CLOSE = replace(UNAIDED, accept_error_m=0.0)


def policy_that_always(action: float) -> Policy:
    weights = np.zeros((ACTION, SIZE))
    return Policy(np.zeros(SIZE), np.ones(SIZE), (weights,), (np.full(ACTION, action),))


def test_what_the_tracker_follows_unaided_is_not_searched(symmetric_humanoid, standing) -> None:
    found = track_with(QUICK, symmetric_humanoid, standing, TrackerOptions())
    alone = track(symmetric_humanoid, standing, options=UNAIDED)
    assert found.success and found.qpos.tobytes() == alone.qpos.tobytes()


def test_help_comes_only_after_a_search_that_was_not_close(symmetric_humanoid, standing) -> None:
    lifted = standing[:20].copy()
    lifted[:, 2] += 1.0  # in the air: nothing can stay there without help
    unaided = track_with(QUICK, symmetric_humanoid, lifted, UNAIDED)
    assert not unaided.success and 0 < unaided.failed_frame == len(unaided.qpos)
    helped = track_with(QUICK, symmetric_humanoid, lifted, replace(UNAIDED, ladder=(0.0, 2000.0)))
    assert helped.success and helped.clamp_n == 2000.0 and helped.force_bw > 0.5


def test_never_farther_than_the_tracker_alone(symmetric_humanoid, standing) -> None:
    found = track_with(QUICK, symmetric_humanoid, standing[:20], NEVER_CLOSE)
    alone = track(symmetric_humanoid, standing[:20], options=UNAIDED)
    assert found.success and found.error_m <= alone.error_m


def test_a_policy_goes_where_the_tracker_is_not_close(symmetric_humanoid, standing) -> None:
    faint = policy_that_always(0.02)
    done = track_with(faint, symmetric_humanoid, standing, TrackerOptions())
    unaided = track(symmetric_humanoid, standing, options=UNAIDED)
    assert done.success and done.qpos.tobytes() == unaided.qpos.tobytes()
    limit = replace(TrackerOptions(), accept_error_m=0.9 * unaided.error_m)
    lifts = policy_that_always(0.0)
    lifts.biases[0][2] = 0.05  # nearer to the reference, over which the body stands too low
    lifted = follow(symmetric_humanoid, standing, lifts)
    assert lifted.error_m < limit.accept_error_m
    done = track_with(lifts, symmetric_humanoid, standing, limit)
    assert done.success and done.qpos.tobytes() == lifted.qpos.tobytes()


def test_a_policy_alone_is_judged_as_it_is(symmetric_humanoid, standing) -> None:
    for action, success in ((0.02, True), (3.0, False)):
        policy = policy_that_always(action)
        done = track_with(policy, symmetric_humanoid, standing, TrackerOptions(), alone=True)
        as_it_is = follow(symmetric_humanoid, standing, policy)
        assert done.success == success and done.qpos.tobytes() == as_it_is.qpos.tobytes()


@pytest.mark.parametrize("action", [3.0, np.nan])
def test_where_tracker_and_policy_fall_there_is_help(
    symmetric_humanoid, standing, action: float
) -> None:
    airborne = standing[:20].copy()
    airborne[:, 2] += 1.0
    options = replace(UNAIDED, ladder=(0.0, 2000.0))
    done = track_with(policy_that_always(action), symmetric_humanoid, airborne, options)
    alone = track(symmetric_humanoid, airborne, options=replace(UNAIDED, ladder=(2000.0,)))
    assert done.success and done.qpos.tobytes() == alone.qpos.tobytes()
