"""The tracking environment: what it shows, what its actions do, when it ends."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from loop.errors import InvalidMotionError
from uhc.controllers.base import TrackingRequest
from uhc.controllers.tracker import Tracker
from uhc.humanoid.poses import rotvec_to_quat
from uhc.rl.environment import ACTION, EnvOptions, ReferenceClip, TrackingEnv
from uhc.rl.observation import NEXT, OWN, SIZE

WHOLE = {"clip": 0, "fraction": 0.0, "whole": True}


@pytest.fixture(scope="module")
def env(symmetric_humanoid, standing):
    return TrackingEnv(symmetric_humanoid, [ReferenceClip("standing", standing)])


def turned(qpos, angle):
    """The same poses walked about z by an angle, and moved away."""
    c, s = np.cos(angle), np.sin(angle)
    out = qpos.copy()
    out[:, :2] = qpos[:, :2] @ np.array([[c, s], [-s, c]]) + [3.0, -2.0]
    w, x, y, z = qpos[:, 3:7].T
    a, d = np.cos(angle / 2), np.sin(angle / 2)
    out[:, 3:7] = np.stack([a * w - d * z, a * x - d * y, a * y + d * x, a * z + d * w], -1)
    return out


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_it_is_a_gymnasium_environment(env):
    check_env(env, skip_render_check=True)


def test_no_action_is_the_tracker_without_help(symmetric_humanoid, standing, env):
    env.reset(options=WHOLE)
    for _ in range(len(standing) - 1):
        _, reward, failed, cut, info = env.step(np.zeros(ACTION))
        assert not failed
    assert cut and info["success"] and reward > 0.95
    # The environment follows its reference once; the tracker does not learn from a first pass here.
    tracker = Tracker(levels_n=(0.0,), passes=0)
    tracked = tracker.track(TrackingRequest(symmetric_humanoid, standing))
    np.testing.assert_array_equal(env.simulation.data.qpos, tracked.qpos[-1])


def test_observation_does_not_depend_on_place_and_heading(symmetric_humanoid, standing):
    moving = standing.copy()
    moving[:, 1] -= 0.02 * np.arange(len(moving))
    moving[:, 27:31] = rotvec_to_quat(
        np.stack([0.01 * np.arange(len(moving)), 0 * moving[:, 0], 0 * moving[:, 0]], -1)
    )
    seen = []
    for clip in (moving, turned(moving, 1.1)):
        here = TrackingEnv(symmetric_humanoid, [ReferenceClip("", clip)])
        seen.append(here.reset(options=WHOLE)[0])
    assert seen[0].shape == (SIZE,)
    np.testing.assert_allclose(seen[0], seen[1], atol=1e-9)


def test_on_the_reference_nothing_is_to_be_corrected(env):
    observation, _ = env.reset(options=WHOLE)
    ahead = observation[OWN : OWN + NEXT]
    # Only the settling depth and the lift separate the body from its reference.
    assert np.abs(ahead).max() < 0.01


def test_an_action_moves_the_body_in_its_own_frame(symmetric_humanoid, standing):
    action = np.zeros(ACTION)
    action[0] = 3.0
    ends = []
    for angle in (0.0, np.pi / 2):
        clip = ReferenceClip("", turned(standing, angle))
        here = TrackingEnv(symmetric_humanoid, [clip])
        here.reset(options=WHOLE)
        start = here.simulation.data.qpos[:2].copy()
        for _ in range(3):
            here.step(action)
        ends.append(here.simulation.data.qpos[:2] - start)
    assert ends[0][0] > 0.01
    np.testing.assert_allclose(ends[1], [-ends[0][1], ends[0][0]], atol=1e-3)


def test_leaving_the_reference_ends_the_episode_as_a_failure(symmetric_humanoid, standing):
    away = standing.copy()
    away[:, 0] += 0.3 * np.arange(len(away))  # 6 m/s without moving a leg
    here = TrackingEnv(symmetric_humanoid, [ReferenceClip("", away)], EnvOptions(failure_m=0.3))
    here.reset(options=WHOLE)
    for _ in range(len(away)):
        _, _, failed, cut, info = here.step(np.zeros(ACTION))
        if failed:
            break
    assert failed and not cut and not info["success"] and info["distance"] > 0.3


def test_a_restored_environment_goes_on_the_same(symmetric_humanoid, standing, env):
    rng = np.random.default_rng(0)
    actions = rng.normal(0.0, 0.3, (6, ACTION))
    env.reset(options=WHOLE)
    for action in actions[:3]:
        env.step(action)
    state = env.state()
    unbroken = [env.step(action)[0] for action in actions[3:]]
    other = TrackingEnv(symmetric_humanoid, [ReferenceClip("standing", standing)])
    other.reset(options=WHOLE)
    other.restore(state)
    for seen, action in zip(unbroken, actions[3:], strict=True):
        np.testing.assert_array_equal(other.step(action)[0], seen)


def test_an_action_that_is_not_finite_fails_without_poison(env, symmetric_humanoid):
    env.reset(options=WHOLE)
    observation, reward, failed, _, info = env.step(np.full(ACTION, np.nan))
    assert failed and not info["success"] and np.isfinite(observation).all() and reward == 0.0


def test_there_must_be_a_clip(humanoid):
    with pytest.raises(InvalidMotionError, match="no clip"):
        TrackingEnv(humanoid, [])
