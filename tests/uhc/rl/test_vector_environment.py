"""Restarting environments: they start before their failures; their state is all there is."""

from __future__ import annotations

import numpy as np
import pytest

from uhc.rl.environment import ACTION, DECISION_STEPS, EnvOptions, ReferenceClip
from uhc.rl.vector_environment import KEPT_STARTS, RETRY_FROM, RETRY_STEPS, RETRY_TO, RestartingEnv

REST = np.zeros(ACTION, dtype=np.float32)


@pytest.fixture
def falling(symmetric_humanoid, standing):
    """An arena whose only clip stands still for 2 s and then leaves for where nobody can follow."""
    away = standing.copy()
    away[40:, 0] += 0.3 * np.arange(len(away) - 40)
    clips = [ReferenceClip("leaves", away)]
    options = EnvOptions(failure_m=0.3, horizon=200)
    return RestartingEnv(symmetric_humanoid, clips, options, np.random.SeedSequence(1))


def until(arena, wanted, limit=400):
    """Step without action until an episode ends as `wanted` says; its info."""
    for _ in range(limit):
        *_, ended, info = arena.step(REST)
        if ended and wanted(info):
            return info
    raise AssertionError("no such end")


def test_a_failure_is_tried_again_from_before_it(falling):
    falling.reset()
    assert not until(falling, lambda info: not info["success"])["retried"]
    starts = falling.state()["failures"]
    assert 0 < len(starts) <= KEPT_STARTS
    again = until(falling, lambda info: info["retried"])
    assert not again["success"]  # doing nothing fails again, and the start is kept
    assert falling.state()["failures"][: len(starts)] == starts


def test_starts_lie_between_half_a_second_and_two_before_the_failure(falling):
    falling.reset()
    places = []
    while True:
        places.append(falling.state()["env"]["step"][0])
        *_, ended, info = falling.step(REST)
        if ended and not info["success"]:
            break
        if ended:
            places = []
    failed_at = places[-1] + 1  # within the decision that began at the last place
    for start in falling.state()["failures"]:
        ago = failed_at - start["env"]["step"][0]
        assert RETRY_FROM - DECISION_STEPS < ago <= RETRY_TO


def test_what_no_longer_fails_is_forgotten(symmetric_humanoid, standing):
    clips = [ReferenceClip("stands", standing)]
    arena = RestartingEnv(symmetric_humanoid, clips, EnvOptions(), np.random.SeedSequence(2))
    arena.reset()
    state = arena.state()
    state["failures"] = [state["start"] | {"env": state["env"]}]
    arena.restore(state)
    steps = 0
    while True:
        *_, ended, info = arena.step(REST)
        steps = 0 if ended and not info["retried"] else steps + DECISION_STEPS
        if ended and info["retried"]:
            break
    assert info["success"] and steps <= RETRY_STEPS + DECISION_STEPS
    assert arena.state()["failures"] == []


def test_a_restored_arena_goes_on_the_same(falling, symmetric_humanoid, standing):
    falling.reset()
    until(falling, lambda info: not info["success"])
    state = falling.state()
    rng = np.random.default_rng(0)
    actions = rng.normal(0.0, 0.2, (60, ACTION)).astype(np.float32)
    unbroken = [falling.step(action)[:3] for action in actions]
    falling.restore(state)
    for action, (seen, reward, ended) in zip(actions, unbroken, strict=True):
        again = falling.step(action)
        np.testing.assert_array_equal(again[0], seen)
        assert again[1:3] == (reward, ended)
