"""Tracking without residual force by sampling: try many small changes, keep the best, go on.

A reference that the tracker cannot track without residual force can often be tracked by a body that
leans a little or steps a little elsewhere. Segment by segment, random offsets of the controller's
targets are played in the simulator from the best states so far; the winner's whole sequence is then
played once more, in one piece. As in sampling-based contact-rich motion control (Liu et al. 2010),
around computed torque instead of PD control. A correction may do this because it knows the whole
clip.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from body_models.arrays import Array
from uhc.controllers.base import FAILURE_M, Capabilities, Controller, Tracking, TrackingRequest
from uhc.controllers.policy import ActionSequence, play
from uhc.rl.environment import ACTION, EnvOptions, ReferenceClip, TrackingEnv

SPEED_WEIGHT_S, SPIN_WEIGHT_S = 0.1, 0.02
"""What a wrong velocity of the root counts beside metres of distance: errors to come."""


@dataclass(frozen=True)
class _Branch:
    """A state that was reached, how bad it is, and the actions that lead to it."""

    cost: float
    state: dict[str, Any]
    actions: tuple[Array, ...]


@dataclass(frozen=True)
class Search(Controller):
    """Track by the best of many sampled sequences of actions, without residual force."""

    samples: int = 48
    """tried in each segment"""
    survivors: int = 12
    """of them go on"""
    steps: int = 4
    """control steps (1/20 s) of a segment"""
    deviation: float = 0.4
    """of the random offsets, in units of the actions of `uhc.rl.environment.TrackingEnv`"""
    seed: int = 0

    capabilities: ClassVar[Capabilities] = Capabilities(cascade=True)

    def track(self, request: TrackingRequest) -> Tracking:
        """Search, then play the winner from the start; the same clip gives the same result."""
        clip = ReferenceClip("", np.asarray(request.qpos, dtype=np.float64))
        env = TrackingEnv(request.humanoid, [clip], EnvOptions(failure_m=FAILURE_M))
        env.reset(options={"clip": 0, "fraction": 0.0, "whole": True})
        rng = np.random.default_rng(self.seed)
        front = [_Branch(0.0, env.state(), ())]
        while len(front[0].actions) < env.window.last:
            tried = [
                _play(env, front[i % len(front)], action, self.steps)
                for i, action in enumerate(self._actions(rng, len(front)))
            ]
            reached = [branch for branch in tried if branch is not None]
            if not reached:
                break
            front = sorted(reached, key=lambda branch: branch.cost)[: self.survivors]
        return play(request, ActionSequence(front[0].actions))

    def _actions(self, rng: np.random.Generator, survivors: int) -> Array:
        """Draw (samples, ACTION): nothing once for each survivor, then random offsets."""
        actions = self.deviation * rng.normal(size=(self.samples, ACTION))
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
    """Return the mean distance of the bodies, metres, and what the root's velocity adds to it."""
    data, window = env.simulation.data, env.window
    wrong = data.qvel[:6] - window.qvel[env.place, :6]
    speed, spin = np.linalg.norm(wrong[:3]), np.linalg.norm(wrong[3:])
    return float(env.distance() + SPEED_WEIGHT_S * speed + SPIN_WEIGHT_S * spin)
