"""Action improvement by vine rollouts: a better action than the policy's, found by trying.

Single samples say little about an action. From one state of the simulation the policy goes on
several times, its next action offset in opposite pairs. All rollouts start alike and no later noise
blurs them, so that what they earn, and what the value function expects where they end, tells
offsets apart; a body that would fall shows whether any keeps it up. As the vine procedure of TRPO
(Schulman et al. 2015, section 5.2), with a policy that then imitates the improved action (expert
iteration, Anthony et al. 2017).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from body_models.arrays import Array
from uhc.rl.environment import ACTION, DECISION_STEPS, TrackingEnv
from uhc.rl.policy import Network, Policy


@dataclass(frozen=True)
class VineOptions:
    """How actions are tried."""

    after: int = 480
    """Iterations before the first vine rollouts: the value function must know something first."""
    every: int = 8
    """Decisions of an environment from one at which they are played to the next."""
    pairs: int = 8
    """Offsets, each with its opposite."""
    deviation: float = 0.3
    """of the offsets, in units of the actions of `uhc.rl.environment.TrackingEnv`."""
    decisions: int = 2
    """Decisions played in a rollout, the first of them with the offset."""
    step: float = 0.5
    """Length of an improvement in units of `deviation`, where much depends on the action."""
    contrast: float = 0.04
    """Difference of returns from which much depends on it (rewards lie in 0 to 1)."""


@dataclass(frozen=True)
class ActionImprovement:
    """Improves a policy's actions by vine rollouts; picklable."""

    policy: Policy
    value: Network
    """Observation to (1 - gamma) times the discounted return."""
    gamma: float
    """Discount of a decision."""
    options: VineOptions

    def improve(self, env: TrackingEnv, rng: np.random.Generator) -> Array:
        """Find an action (ACTION,) that earns more than the policy's, as far as the draws tell.

        The state of the environment is kept.
        """
        o = self.options
        state = env.state()
        action = self.policy.act(env.restore(state))
        offsets = o.deviation * rng.normal(size=(o.pairs, ACTION))
        contrasts = np.array(
            [
                self._return(env, state, action + offset)
                - self._return(env, state, action - offset)
                for offset in offsets
            ]
        )
        env.restore(state)
        spread = float(np.sqrt(np.mean(contrasts**2)))
        if spread == 0.0:
            return action
        direction = contrasts @ offsets / (spread * np.sqrt(o.pairs))
        return action + o.step * direction * spread / (spread + o.contrast)

    def _return(self, env: TrackingEnv, state: dict[str, Any], action: Array) -> float:
        """Play a rollout that starts with an action: its rewards, and the value of its end."""
        observation, earned, discount = env.restore(state), 0.0, 1.0
        for _ in range(self.options.decisions):
            rewards, failed, ended = 0.0, False, False
            for _ in range(DECISION_STEPS):
                observation, reward, failed, ended, _ = env.step(action)
                rewards += reward
                if failed or ended:
                    break
            earned += discount * (1.0 - self.gamma) * rewards / DECISION_STEPS
            discount *= self.gamma
            if failed:
                return earned
            if ended:
                break
            action = self.policy.act(observation)
        return earned + discount * float(self.value(observation)[0])
