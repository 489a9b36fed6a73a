"""Following a reference with and without a policy."""

from __future__ import annotations

import numpy as np

from uhc.controllers.base import TrackingRequest
from uhc.controllers.policy import ActionSequence, PolicyController, judge, play
from uhc.controllers.tracker import Tracker
from uhc.rl.environment import ACTION, ReferenceClip
from uhc.rl.observation import SIZE
from uhc.rl.policy import Policy
from uhc.rl.references import Body

IDLE = ActionSequence()


def constant_policy(action):
    return Policy(
        np.zeros(SIZE), np.ones(SIZE), (np.zeros((len(action), SIZE)),), (np.asarray(action),)
    )


def test_without_a_policy_it_is_the_tracker_without_help(symmetric_humanoid, standing):
    ours = play(TrackingRequest(symmetric_humanoid, standing), IDLE)
    theirs = Tracker(levels_n=(0.0,), passes=0).track(TrackingRequest(symmetric_humanoid, standing))
    np.testing.assert_array_equal(ours.qpos, theirs.qpos)
    assert ours.success and theirs.success and ours.force_bw == 0.0
    assert abs(ours.error_m - theirs.error_m) < 1e-3


def test_a_policy_that_pulls_sideways_moves_the_body(symmetric_humanoid, standing):
    action = np.zeros(ACTION)
    action[0] = 0.3
    pulled = PolicyController(constant_policy(action)).track(
        TrackingRequest(symmetric_humanoid, standing)
    )
    still = play(TrackingRequest(symmetric_humanoid, standing), IDLE)
    assert pulled.error_m > still.error_m + 0.005


def test_a_wild_policy_fails_and_says_when(symmetric_humanoid, standing):
    wild = play(
        TrackingRequest(symmetric_humanoid, standing), constant_policy(np.full(ACTION, 3.0))
    )
    assert not wild.success and wild.reason and 0 < wild.failed_frame < len(standing)
    assert np.isfinite(wild.qpos).all() and len(wild.qpos) == wild.failed_frame


def test_judging_counts_ends_and_closeness(standing, symmetric_humanoid):
    from body_models.skeleton import DEFAULT_SKELETON, MIRROR, Skeleton

    offsets = DEFAULT_SKELETON.offsets
    mirrored = offsets[list(MIRROR)] * [-1.0, 1.0, 1.0]
    body = Body(Skeleton(0.5 * (offsets + mirrored)), 0.045)
    line = judge("tracker", [ReferenceClip("standing", standing)], body, IDLE, workers=1)
    assert line.startswith("tracker: 1 of 1 clips to the end") and "1 within 50 mm" in line
