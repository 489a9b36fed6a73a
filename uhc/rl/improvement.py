"""A better action, found by trying: what the policy is taught where samples of its own say little.

From one state of the simulation the policy goes on several times, its next action offset in
opposite pairs. All branches start alike and no later noise blurs them, so that what they earn, and
what the value function expects where they end, tells offsets apart; a body that would fall shows
whether any keeps it up. As the vine procedure of TRPO (Schulman et al. 2015, section 5.2), with a
policy that is then taught the improved action (expert iteration, Anthony et al. 2017).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uhc.rl.environment import ACTION, DECISION_STEPS, TrackingEnv
from uhc.rl.policy import Network, Policy

Array = NDArray[np.float64]


@dataclass(frozen=True)
class BranchOptions:
    """How actions are tried."""

    after: int = 480
    """Iterations until they are: the value function must know something first."""
    every: int = 8
    """Decisions of an environment from one at which they are to the next."""
    pairs: int = 8
    """Offsets, each with its opposite."""
    deviation: float = 0.3
    """of the offsets, in units of the actions of `uhc.rl.environment.TrackingEnv`."""
    decisions: int = 2
    """Decisions played in a branch, the first of them with the offset."""
    step: float = 0.5
    """Length of an improvement in units of `deviation`, where much depends on the action."""
    contrast: float = 0.04
    """Difference of returns from which much depends on it (rewards lie in 0 to 1)."""


@dataclass(frozen=True)
class Guide:
    """What branches are played and judged with."""

    policy: Policy
    value: Network
    """Observation to (1 - gamma) times the discounted return."""
    gamma: float
    """Discount of a decision."""
    options: BranchOptions


def improved(env: TrackingEnv, guide: Guide, rng: np.random.Generator) -> Array:
    """An action (ACTION,) that earns more than the policy's, as far as a few draws can tell.

    The present state is kept.
    """
    o = guide.options
    state = env.state()
    action = guide.policy.act(env.restore(state))
    offsets = o.deviation * rng.normal(size=(o.pairs, ACTION))
    contrasts = np.array(
        [
            _earned(env, state, action + offset, guide)
            - _earned(env, state, action - offset, guide)
            for offset in offsets
        ]
    )
    env.restore(state)
    spread = float(np.sqrt(np.mean(contrasts**2)))
    if spread == 0.0:
        return action
    direction = contrasts @ offsets / (spread * np.sqrt(o.pairs))
    return action + o.step * direction * spread / (spread + o.contrast)


def _earned(env: TrackingEnv, state: dict[str, Any], action: Array, guide: Guide) -> float:
    """Return of a branch that starts with an action: its rewards, and the value of its end."""
    observation, earned, discount = env.restore(state), 0.0, 1.0
    for _ in range(guide.options.decisions):
        rewards, failed, ended = 0.0, False, False
        for _ in range(DECISION_STEPS):
            observation, reward, failed, ended, _ = env.step(action)
            rewards += reward
            if failed or ended:
                break
        earned += discount * (1.0 - guide.gamma) * rewards / DECISION_STEPS
        discount *= guide.gamma
        if failed:
            return earned
        if ended:
            break
        action = guide.policy.act(observation)
    return earned + discount * float(guide.value(observation)[0])
