"""Tracking by a policy: it moves the targets of computed torque, and gets no residual force."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from body_models.arrays import Array
from uhc.control.simulation import DIVERGED
from uhc.controllers.base import (
    FAILURE_M,
    FELL_BEHIND,
    Attempt,
    Capabilities,
    Controller,
    Tracking,
    TrackingRequest,
    finish,
    out_of_reach,
)
from uhc.humanoid.model import qpos_to_joints_zup
from uhc.rl.environment import ACTION, EnvOptions, ReferenceClip, TrackingEnv
from uhc.rl.policy import Policy
from uhc.rl.references import Body
from uhc.workers import run_batch

SECONDS_A_CLIP = 120.0
CLOSE_M = 0.05
"""Mean joint error of a clip that was tracked closely."""


class ActionSource(Protocol):
    """Where actions come from: a policy, or anything else that acts."""

    hold: ClassVar[int]
    """Frames for which an action is held."""

    def act(self, observation: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the action (ACTION,) for an observation (SIZE,)."""
        ...


class ActionSequence:
    """Play given actions one after the other, whatever is observed; then none."""

    hold: ClassVar[int] = 1

    def __init__(self, actions: Sequence[NDArray[np.floating]] = ()) -> None:
        self._actions, self._rest = iter(actions), np.zeros(ACTION)

    def act(self, observation: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the next action (ACTION,)."""
        return next(self._actions, self._rest)


@dataclass(frozen=True)
class PolicyController(Controller):
    """Track with actions of `policy` and without residual force."""

    policy: Policy
    capabilities: ClassVar[Capabilities] = Capabilities(weights=True, cascade=True)
    default_weights: ClassVar[Path | None] = (
        Path(__file__).resolve().parents[2] / "results" / "uhc" / "policy.safetensors"
    )

    @classmethod
    def load(cls, weights: Path | None = None) -> Self:
        """Read the policy; see `uhc.rl.policy.Policy.load` for what it raises."""
        path = weights or cls.default_weights
        assert path is not None
        return cls(Policy.load(path))

    def track(self, request: TrackingRequest) -> Tracking:
        """Play the reference from its start to its end or to a failure."""
        return play(request, self.policy)

    def trials(self, request: TrackingRequest, error_m: float) -> Iterator[Attempt]:
        """Yield the one attempt."""
        yield trial(request, self.policy, error_m)


def play(request: TrackingRequest, actions: ActionSource) -> Tracking:
    """Track with given actions, without residual force, until the end or a failure."""
    return finish(trial(request, actions))


def trial(request: TrackingRequest, actions: ActionSource, error_m: float = np.inf) -> Attempt:
    """Do as `play`; pauses where the mean joint distance can no longer be within `error_m`."""
    humanoid, qpos = request.humanoid, np.asarray(request.qpos, dtype=np.float64)
    env = TrackingEnv(humanoid, [ReferenceClip("", qpos)], EnvOptions(failure_m=FAILURE_M))
    env.reset(options={"clip": 0, "fraction": 0.0, "whole": True})
    simulation = env.simulation
    simulation.observe = None if request.observe is None else request.observe(simulation)
    action, goals, errors = (
        np.zeros(ACTION),
        qpos_to_joints_zup(humanoid, qpos),
        np.zeros(len(qpos)),
    )
    poses: list[Array] = []
    reason, paused = "", False
    for frame in range(len(qpos)):
        pose = simulation.data.qpos.copy()
        apart = qpos_to_joints_zup(humanoid, pose[None])[0] - goals[frame]
        errors[frame] = np.linalg.norm(apart, axis=-1).mean()
        poses.append(pose)
        if not paused and out_of_reach(errors, error_m):
            paused = True
            yield
        if frame == len(qpos) - 1:
            break
        if frame % actions.hold == 0:
            action = actions.act(env.observation())
        distance = env.advance(action)
        if not distance <= FAILURE_M:
            reason = FELL_BEHIND if np.isfinite(distance) else DIVERGED
            if reason == DIVERGED and request.dump_folder is not None:
                simulation.dump(request.dump_folder)
            break
    reached = np.array(poses)
    weight = humanoid.body_weight
    return Tracking(
        qpos=reached,
        joints=request.reached_joints(reached),
        success=not reason,
        reason=reason,
        failed_frame=len(reached) if reason else -1,
        teleports=0,
        clamp_n=env.options.clamp_n,
        force_bw=simulation.mean_force / weight,
        torque_bwm=simulation.mean_torque / weight,
        contact_bw=simulation.mean_contact / weight,
        error_m=float(errors[: len(reached)].mean()),
        observer=simulation.observe,
    )


def judge(
    name: str, clips: Sequence[ReferenceClip], body: Body, actions: ActionSource, workers: int
) -> str:
    """Say in one line how many of the clips are tracked to the end, and how closely."""
    limits = [SECONDS_A_CLIP] * len(clips)
    found = run_batch(_error, clips, (body, actions), workers=workers, time_limits=limits)
    errors = [result for _, result in found if isinstance(result, float)]
    done = np.array([error for error in errors if np.isfinite(error)])
    line = f"{name}: {len(done)} of {len(clips)} clips to the end"
    if not len(done):
        return line
    median, close = 1000.0 * np.median(done), np.sum(done < CLOSE_M)
    return f"{line}, {median:.1f} mm median, {close} within {1000 * CLOSE_M:.0f} mm"


def _error(clip: ReferenceClip, shared: tuple[Body, ActionSource]) -> float:
    """Return the mean joint error, metres, or infinity when the clip was not tracked to its end."""
    body, actions = shared
    result = play(TrackingRequest(body.humanoid(), clip.qpos), actions)
    return result.error_m if result.success else float("inf")
