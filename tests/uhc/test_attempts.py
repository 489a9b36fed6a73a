"""The order in which controllers are tried."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.uhc.test_search import QUICK
from uhc.attempts import track_with
from uhc.env import ACTION
from uhc.learned import follow
from uhc.observation import SIZE
from uhc.policy import Policy
from uhc.tracker import TrackerOptions, track

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


def test_a_policy_goes_first(symmetric_humanoid, standing) -> None:
    faint = policy_that_always(0.02)
    done = track_with(faint, symmetric_humanoid, standing, TrackerOptions())
    alone = follow(symmetric_humanoid, standing, faint)
    assert done.success and done.qpos.tobytes() == alone.qpos.tobytes()


@pytest.mark.parametrize("action", [3.0, np.nan])
def test_where_a_policy_falls_the_tracker_climbs_its_ladder(
    symmetric_humanoid, standing, action: float
) -> None:
    done = track_with(policy_that_always(action), symmetric_humanoid, standing, TrackerOptions())
    alone = track(symmetric_humanoid, standing)
    assert done.success and done.qpos.tobytes() == alone.qpos.tobytes()
