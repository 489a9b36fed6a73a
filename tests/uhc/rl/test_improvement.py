"""Trying actions: the state stays, the draw decides, and what comes out is better."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from uhc.rl.environment import ACTION, DECISION_STEPS, EnvOptions, ReferenceClip, TrackingEnv
from uhc.rl.improvement import ActionImprovement, VineOptions
from uhc.rl.observation import SIZE
from uhc.rl.policy import Network, Policy

GAMMA = 0.95


def layer(rows, bias=0.0):
    """Fields of a network of one layer that always gives `bias`."""
    return np.zeros(SIZE), np.ones(SIZE), (np.zeros((rows, SIZE)),), (np.full(rows, bias),)


def improvement(options, action=0.0, value=0.0):
    return ActionImprovement(
        Policy(*layer(ACTION, action)), Network(*layer(1, value)), GAMMA, options
    )


@pytest.fixture
def env(symmetric_humanoid, standing):
    env = TrackingEnv(symmetric_humanoid, [ReferenceClip("", standing[:40])], EnvOptions())
    env.reset(options={"clip": 0, "fraction": 0.0, "whole": True})
    for _ in range(4):
        env.step(np.zeros(ACTION))
    return env


def earned(env, state, action, decisions=1):
    env.restore(state)
    return sum(env.step(action)[1] for _ in range(decisions * DECISION_STEPS))


def test_trying_leaves_the_state_and_is_fixed_by_the_draw(env):
    state = env.state()
    first, second, other = (
        improvement(VineOptions()).improve(env, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert env.state() == state
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


def test_what_a_bad_policy_is_taught_earns_more(env):
    """A policy that pushes everything by one unit is told to push less."""
    state = env.state()
    teacher = improvement(VineOptions(pairs=32, step=1.0, contrast=0.0, decisions=1), action=1.0)
    better = teacher.improve(env, np.random.default_rng(0))
    assert earned(env, state, better) > earned(env, state, np.ones(ACTION)) + 0.005
    assert better.mean() < 1.0


def test_where_nothing_depends_on_the_action_little_is_taught(env):
    options = VineOptions()
    plain = improvement(options).improve(env, np.random.default_rng(0))
    shy = improvement(replace(options, contrast=10.0)).improve(env, np.random.default_rng(0))
    assert 0.0 < np.abs(shy).max() < 0.01 * np.abs(plain).max()
    # Parallel: only the length of the improvement depends on what depends on it.
    np.testing.assert_allclose(shy / np.linalg.norm(shy), plain / np.linalg.norm(plain), atol=1e-9)


def test_a_value_that_is_the_same_everywhere_changes_nothing(env):
    draws = [np.random.default_rng(3) for _ in range(2)]
    low, high = (
        improvement(VineOptions(), value=v).improve(env, rng)
        for v, rng in zip((0, 0.9), draws, strict=True)
    )
    np.testing.assert_allclose(low, high, atol=1e-9)


def test_falling_forfeits_the_value_of_the_end(env):
    """Without a value the rewards alone decide; with one, above all that the body does not fall."""
    state, pushed = env.state(), np.ones(ACTION)
    earned(env, state, pushed)
    edge = replace(env.options, failure_m=env.distance() - 1e-6)  # the policy just falls
    strict = TrackingEnv(env._humanoid, env._clips, edge)
    strict.reset(options={"clip": 0, "fraction": 0.0, "whole": True})
    options = VineOptions(pairs=32, decisions=1)

    def gained(value):
        strict.restore(state)
        better = improvement(options, 1.0, value).improve(strict, np.random.default_rng(0))
        return np.linalg.norm(better - pushed), better

    (without, _), (little, _), (much, better) = gained(0.0), gained(0.01), gained(1.0)
    assert without < little < much
    strict.restore(state)
    assert not any(strict.step(better)[2] for _ in range(DECISION_STEPS))
