"""Following a reference with the learned controller, reported as the tracker reports itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from uhc.control.simulation import DIVERGED, Watch
from uhc.controllers.tracker import FAILURE_M, Tracking
from uhc.humanoid.model import Humanoid, qpos_to_joints_zup
from uhc.rl.environment import ACTION, EnvOptions, ReferenceClip, TrackingEnv
from uhc.rl.policy import Policy
from uhc.workers import run_batch

if TYPE_CHECKING:
    from uhc.rl.references import Body

SECONDS_A_CLIP = 120.0
CLOSE_M = 0.05
"""Mean joint error of a clip that was followed closely."""


class Acting(Protocol):
    """What `follow` needs of a policy."""

    hold: ClassVar[int]
    """Frames for which an action is held."""

    def act(self, observation: NDArray[Any]) -> NDArray[Any]:
        """The action (ACTION,) for an observation (SIZE,)."""
        ...


def follow(
    humanoid: Humanoid,
    qpos: NDArray[Any],
    policy: Acting | None,
    options: EnvOptions | None = None,
    dump_folder: Path | None = None,
    watch: Watch | None = None,
) -> Tracking:
    """Play poses (F, nq) at 20 fps, z up, from their start to their end or to a failure.

    Args:
        humanoid: the body.
        qpos: the reference, soles at floor height.
        policy: the learned controller; None follows without one (the tracker, one rung).
        options: bound of the residual root wrench (none by default).
        dump_folder: where the state of a diverged simulation is saved.
        watch: makes the observer of the simulation; it comes along with the result.
    """
    options = replace(options or EnvOptions(), failure_m=FAILURE_M)
    env = TrackingEnv(humanoid, [ReferenceClip("", np.asarray(qpos))], options)
    observation, _ = env.reset(options={"clip": 0, "fraction": 0.0, "whole": True})
    env.simulation.observe = None if watch is None else watch(env.simulation)
    action = np.zeros(ACTION)
    poses = [env.simulation.data.qpos.copy()]
    reason = ""
    for frame in range(len(qpos) - 1):
        if policy is not None and frame % policy.hold == 0:
            action = policy.act(observation)
        observation, _, failed, _, info = env.step(action)
        if failed:
            diverged = not np.isfinite(info["distance"])
            reason = DIVERGED if diverged else "fell behind the reference"
            if diverged and dump_folder is not None:
                env.simulation.dump(dump_folder)
            break
        poses.append(env.simulation.data.qpos.copy())
    reached = np.array(poses)
    goals = qpos_to_joints_zup(humanoid, qpos[: len(reached)])
    apart = np.linalg.norm(qpos_to_joints_zup(humanoid, reached) - goals, axis=-1)
    simulation, weight = env.simulation, humanoid.body_weight
    return Tracking(
        qpos=reached,
        success=not reason,
        reason=reason,
        failed_frame=len(reached) if reason else -1,
        teleports=0,
        clamp_n=options.clamp_n,
        force_bw=simulation.force.mean / weight,
        torque_bwm=simulation.torque.mean / weight,
        contact_bw=simulation.contact.mean / weight,
        error_m=float(apart.mean()),
        observer=simulation.observe,
    )


def judge(
    name: str,
    clips: Sequence[ReferenceClip],
    body: Body,
    policy: Policy | None,
    workers: int,
) -> str:
    """One line: how many of the clips are followed to the end, and how closely."""
    limits = [SECONDS_A_CLIP] * len(clips)
    found = run_batch(_follow, clips, (body, policy), workers=workers, time_limits=limits)
    errors = [result for _, result in found if isinstance(result, float)]
    done = np.array([error for error in errors if np.isfinite(error)])
    line = f"{name}: {len(done)} of {len(clips)} clips to the end"
    if not len(done):
        return line
    median, close = 1000.0 * np.median(done), np.sum(done < CLOSE_M)
    return f"{line}, {median:.1f} mm median, {close} within {1000 * CLOSE_M:.0f} mm"


def _follow(clip: ReferenceClip, shared: tuple[Body, Policy | None]) -> float:
    """Mean joint error, metres, or infinity when the clip was not followed to its end."""
    body, policy = shared
    result = follow(body.humanoid(), clip.qpos, policy)
    return result.error_m if result.success else float("inf")
