"""Tracking without any outside force by sampling: try many small changes, keep the best, go on.

A reference that the tracker cannot follow unaided can often be followed by a body that leans a
little or steps a little elsewhere. Segment by segment, random offsets of the controller's targets
are played in the simulator from the best states so far; the winner's whole sequence is then played
once more, in one piece. As in sampling-based contact-rich motion control (Liu et al. 2010), around
computed torque instead of PD control. A correction may do this because it knows the whole clip.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from uhc.control.simulation import Watch
from uhc.controllers.policy import follow
from uhc.controllers.tracker import FAILURE_M, Tracking
from uhc.humanoid.model import Humanoid
from uhc.rl.environment import ACTION, EnvOptions, ReferenceClip, TrackingEnv

Array = NDArray[np.float64]

SPEED_WEIGHT_S, SPIN_WEIGHT_S = 0.1, 0.02
"""What a wrong velocity of the root counts beside metres of distance: errors to come."""


@dataclass(frozen=True)
class SearchOptions:
    """How hard to search."""

    samples: int = 48
    """tried in each segment"""
    survivors: int = 12
    """of them go on"""
    steps: int = 4
    """control steps (1/20 s) of a segment"""
    deviation: float = 0.4
    """of the random offsets, in units of the actions of `uhc.rl.environment.TrackingEnv`"""
    seed: int = 0


@dataclass(frozen=True)
class _Branch:
    """A state that was reached, how bad it is, and the actions that lead to it."""

    cost: float
    state: dict[str, Any]
    actions: tuple[Array, ...]


class _Sequence:
    """A policy that plays given actions one after the other, then none."""

    hold: ClassVar[int] = 1

    def __init__(self, actions: tuple[Array, ...]) -> None:
        self._actions, self._rest = iter(actions), np.zeros(ACTION)

    def act(self, observation: NDArray[Any]) -> Array:
        """The next action, whatever is seen."""
        return next(self._actions, self._rest)


def search(
    humanoid: Humanoid, qpos: NDArray[Any], options: SearchOptions, watch: Watch | None = None
) -> Tracking:
    """Follow poses (F, nq) at 20 fps, z up, without help; the same clip gives the same result.

    `watch` makes the observer of the winner, which is played once more from the start.
    """
    env = TrackingEnv(
        humanoid, [ReferenceClip("", np.asarray(qpos))], EnvOptions(failure_m=FAILURE_M)
    )
    env.reset(options={"clip": 0, "fraction": 0.0, "whole": True})
    rng = np.random.default_rng(options.seed)
    front = [_Branch(0.0, env.state(), ())]
    while len(front[0].actions) < env.window.last:
        tried = [
            _play(env, front[i % len(front)], action, options.steps)
            for i, action in enumerate(_actions(rng, len(front), options))
        ]
        reached = [branch for branch in tried if branch is not None]
        if not reached:
            break
        front = sorted(reached, key=lambda branch: branch.cost)[: options.survivors]
    return follow(humanoid, qpos, _Sequence(front[0].actions), watch=watch)


def _actions(rng: np.random.Generator, survivors: int, options: SearchOptions) -> Array:
    """(samples, ACTION): nothing once for each survivor, then random offsets."""
    actions = options.deviation * rng.normal(size=(options.samples, ACTION))
    actions[:survivors] = 0.0
    return actions


def _play(env: TrackingEnv, start: _Branch, action: Array, steps: int) -> _Branch | None:
    """Hold an action for a segment; None when the body falls behind."""
    env.restore(start.state)
    count = min(steps, env.window.last - len(start.actions))
    for _ in range(count):
        _, _, failed, _, _ = env.step(action)
        if failed:
            return None
    return _Branch(_cost(env), env.state(), (*start.actions, *[action] * count))


def _cost(env: TrackingEnv) -> float:
    """Mean distance of the bodies, metres, and what the root's velocity will add to it."""
    data, window = env.simulation.data, env.window
    wrong = data.qvel[:6] - window.qvel[env.place, :6]
    speed, spin = np.linalg.norm(wrong[:3]), np.linalg.norm(wrong[3:])
    return float(env.distance() + SPEED_WEIGHT_S * speed + SPIN_WEIGHT_S * spin)
