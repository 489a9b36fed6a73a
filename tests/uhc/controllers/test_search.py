"""Searching for a way without help."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from uhc.controllers.base import TrackingRequest
from uhc.controllers.cascade import Cascade
from uhc.controllers.registry import create_controller
from uhc.controllers.search import Search, _Branch, _play
from uhc.controllers.tracker import Tracker
from uhc.correct import correct_joints
from uhc.options import CorrectionOptions
from uhc.rl.environment import EnvOptions, ReferenceClip, TrackingEnv

QUICK = Search(samples=6, survivors=2)
UNAIDED = Tracker(levels_n=(0.0,))
NEVER_CLOSE = replace(UNAIDED, accept_error_m=0.0)


def test_a_search_is_one_unaided_motion_and_repeats_itself(symmetric_humanoid, standing) -> None:
    clip = standing[:24]
    first, second = (QUICK.track(TrackingRequest(symmetric_humanoid, clip)) for _ in range(2))
    assert first.success and len(first.qpos) == len(clip)
    assert first.clamp_n == first.force_bw == first.torque_bwm == 0.0
    assert first.qpos.tobytes() == second.qpos.tobytes()


def test_branches_replay_to_the_state_they_stand_for(symmetric_humanoid, standing) -> None:
    """The winner is played once more from the start, so going back must lose nothing."""
    env = TrackingEnv(symmetric_humanoid, [ReferenceClip("", standing[:20])], EnvOptions())
    env.reset(options={"clip": 0, "fraction": 0.0, "whole": True})
    start = _Branch(0.0, env.state(), ())
    actions = QUICK._actions(np.random.default_rng(0), 1)
    branch = start
    for action in actions[1:4]:
        _play(env, start, actions[5], 4)  # another branch in between
        after = _play(env, branch, action, 4)
        assert after is not None
        branch = after
    env.reset(options={"clip": 0, "fraction": 0.0, "whole": True})
    for action in branch.actions:
        env.step(action)
    assert env.state() == branch.state


def test_a_correction_can_search(walk: np.ndarray) -> None:
    chosen = create_controller("search")
    assert chosen == Cascade(Search())
    (done,) = correct_joints([walk], CorrectionOptions(controller=Cascade(QUICK)), workers=1)
    assert done.success and done.method_used == "simulated" and done.clamp_n == 0.0
