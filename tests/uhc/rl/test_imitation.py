"""The imitation buffer: what is kept; a policy learns what noisy actions have in common."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy

from uhc.rl.environment import ACTION
from uhc.rl.imitation import ImitationBuffer
from uhc.rl.observation import SIZE


@pytest.fixture
def policy():
    torch.manual_seed(0)
    see, act = spaces.Box(-np.inf, np.inf, (SIZE,)), spaces.Box(-1, 1, (ACTION,))
    return ActorCriticPolicy(see, act, lambda _: 1e-4, net_arch=[32])


def told(rng, count):
    """Observations, noisy lessons, and what these are about."""
    seen = rng.normal(size=(count, SIZE))
    right = np.repeat(0.3 * seen[:, :1], ACTION, axis=1)
    return seen, right + rng.normal(0.0, 0.3, right.shape), right


def mean_action(policy, seen):
    with torch.no_grad():
        return policy.get_distribution(torch.from_numpy(seen.astype(np.float32))).mode().numpy()


def test_what_noisy_lessons_have_in_common_is_learned(policy):
    rng = np.random.default_rng(0)
    seen, noisy, _ = told(rng, 4096)
    fresh, _, right = told(rng, 512)
    lessons = ImitationBuffer(policy, 4096, 256)
    lessons.add(seen, noisy)
    before = np.mean((mean_action(policy, fresh) - right) ** 2)
    distances = [lessons.fit(3e-3) for _ in range(4)]
    after = np.mean((mean_action(policy, fresh) - right) ** 2)
    assert after < 0.3 * before
    assert distances[-1] < distances[0]
    assert distances[-1] > 0.3**2 * 0.8  # the noise itself is not learned


def test_values_and_noise_of_the_policy_stay(policy):
    kept = {
        name: tensor.clone()
        for name, tensor in policy.state_dict().items()
        if "value" in name or name == "log_std"
    }
    lessons = ImitationBuffer(policy, 64, 32)
    lessons.add(*told(np.random.default_rng(0), 64)[:2])
    lessons.fit(1e-2)
    assert kept
    for name, tensor in kept.items():
        torch.testing.assert_close(policy.state_dict()[name], tensor, rtol=0, atol=0)


def test_the_oldest_are_forgotten_and_none_is_no_lesson(policy):
    lessons = ImitationBuffer(policy, 10, 4)
    assert np.isnan(lessons.fit(1e-3))
    seen, noisy, _ = told(np.random.default_rng(0), 16)
    lessons.add(seen[:8], noisy[:8])
    lessons.add(seen[8:], noisy[8:])
    np.testing.assert_array_equal(lessons.state()["seen"], seen[-10:].astype(np.float32))
    np.testing.assert_array_equal(lessons.state()["improved"], noisy[-10:].astype(np.float32))
