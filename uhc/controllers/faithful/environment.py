"""The published tracking environment, `uhc_explicit` (Gymnasium interface).

Observation 657, action 315 (69 offsets of joint targets, 216 residual forces, 30 multipliers of the
PD gains), stable PD at 450 Hz, decisions at 30 Hz; as the protocol of the published controller
describes it, its "relative position" bug and its help from outside physics included. Never run with
the licensed weights: numbers of a published checkpoint were not verified here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gymnasium
import mujoco as _mujoco
import numpy as np
from gymnasium import spaces
from numpy.typing import ArrayLike, NDArray

from loop.errors import InvalidMotionError
from translation.rotations import qinv, qmul, qrot
from uhc.control.simulation import quieten_mujoco
from uhc.controllers.faithful.humanoid import BODIES, SUBSTEPS, TIMESTEP_S, SmplHumanoid
from uhc.rl.observation import heading

mujoco: Any = _mujoco  # its compiled parts carry no types
Array = NDArray[np.float64]

CONTROL_S = SUBSTEPS * TIMESTEP_S
OBSERVATION, ACTION = 657, 315
FORCE_SCALE = 100.0
MAX_SPEED = 10.0
"""Bound of the velocities an episode starts with."""
FAILURE_M = 0.5
MAX_ACTION = 1e6
"""What a network that makes sense never asks for; it counts as a divergence."""
END_EFFECTORS = ("L_Ankle", "R_Ankle", "L_Wrist", "R_Wrist", "Head")
WEIGHTLESS = ("L_Toe", "R_Toe", "L_Hand", "R_Hand")
"""Bodies that count neither in the pose reward nor in the failure."""
REWARD = {"pose": 0.3, "velocity": 0.1, "ends": 0.45, "com": 0.1, "force": 0.05}
_UPRIGHT = np.array([np.sqrt(0.5), np.sqrt(0.5), 0.0, 0.0])
"""Root quaternion of a standing SMPL body in a world that is z up."""
_SHAPE = np.zeros(17)
"""16 betas and the gender, neutral."""


@dataclass(frozen=True)
class Expert:
    """A reference at 30 Hz with its kinematics: (F, 76), (F, 75), then per body (F, 24, ...)."""

    qpos: Array
    qvel: Array
    positions: Array
    quats: Array
    pelvis_com: Array


def expert_of(humanoid: SmplHumanoid, qpos: ArrayLike) -> Expert:
    """Kinematics and finite-difference velocities of poses (F, 76), played at 30 Hz."""
    poses = np.asarray(qpos, dtype=np.float64)
    if poses.ndim != 2 or poses.shape[1] != 76 or len(poses) < 2 or not np.isfinite(poses).all():
        raise InvalidMotionError(
            "not a reference of the published robot", found=poses.shape, expected="(F >= 2, 76)"
        )
    model, data = humanoid.model, mujoco.MjData(humanoid.model)
    velocity = np.empty((len(poses), 75))
    positions, quats = np.empty((len(poses), 24, 3)), np.empty((len(poses), 24, 4))
    com = np.empty((len(poses), 3))
    for frame, pose in enumerate(poses):
        data.qpos[:] = pose
        mujoco.mj_kinematics(model, data)
        positions[frame], quats[frame] = data.xpos[1:], data.xquat[1:]
        com[frame] = data.xipos[1]
        after = poses[min(frame + 1, len(poses) - 1)]
        before = pose if frame + 1 < len(poses) else poses[frame - 1]
        mujoco.mj_differentiatePos(model, velocity[frame], CONTROL_S, before, after)
    return Expert(poses, velocity, positions, quats, com)


class FaithfulEnv(gymnasium.Env):
    """The robot follows one reference from its first frame, as the published code evaluates it."""

    def __init__(self, humanoid: SmplHumanoid, expert: Expert) -> None:
        quieten_mujoco()
        self._humanoid, self.expert = humanoid, expert
        self.observation_space = spaces.Box(-np.inf, np.inf, (OBSERVATION,), np.float64)
        self.action_space = spaces.Box(-np.inf, np.inf, (ACTION,), np.float64)
        self.data = mujoco.MjData(humanoid.model)
        names = [BODIES[joint] for joint in humanoid.smpl_joints]
        self._ends = [names.index(name) for name in END_EFFECTORS]
        self._weight = np.array([name not in WEIGHTLESS for name in names], dtype=np.float64)
        self.frame = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Put the robot on a frame of the reference (`options["frame"]`, default the first)."""
        super().reset(seed=seed)
        self.place(int((options or {}).get("frame", 0)))
        return self._observe(), {}

    def place(self, frame: int) -> None:
        """Teleport to a frame of the reference, as the published code does on failure."""
        mujoco.mj_resetData(self._humanoid.model, self.data)
        self.frame = frame
        self.data.qpos[:] = self.expert.qpos[frame]
        self.data.qvel[:] = np.clip(self.expert.qvel[frame], -MAX_SPEED, MAX_SPEED)
        mujoco.mj_forward(self._humanoid.model, self.data)

    def step(self, action: NDArray[Any]) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Play 1/30 s; `info` has `distance`, the mean of the weighted bodies, metres."""
        action = np.asarray(action, dtype=np.float64)
        if not (np.abs(action) < MAX_ACTION).all():
            return self._broken()
        target = self._next(self.expert.qpos)[7:] + action[:69]
        target = self.data.qpos[7:] + np.mod(target - self.data.qpos[7:] + np.pi, 2 * np.pi) - np.pi
        forces, meta = action[69:285].reshape(24, 9), action[285:]
        for substep in range(SUBSTEPS):
            try:
                self._substep(target, forces, meta[substep], meta[SUBSTEPS + substep])
            except (mujoco.FatalError, np.linalg.LinAlgError):  # counts as a failure there, too
                return self._broken()
            if not (np.isfinite(self.data.qpos).all() and np.isfinite(self.data.qvel).all()):
                return self._broken()
        mujoco.mj_forward(self._humanoid.model, self.data)
        self.frame += 1
        apart = np.linalg.norm(self.data.xpos[1:] - self.expert.positions[self.frame], axis=-1)
        distance = float((apart * self._weight).sum() / self._weight.sum())
        failed = distance > FAILURE_M
        ended = self.frame >= len(self.expert.qpos) - 1
        info = {"distance": distance, "success": ended and not failed}
        return self._observe(), self._reward(forces), failed, ended and not failed, info

    def _broken(self) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """The end of an episode without a state."""
        return np.zeros(OBSERVATION), 0.0, True, False, {"distance": np.inf, "success": False}

    def _next(self, rows: Array) -> Array:
        return rows[min(self.frame + 1, len(rows) - 1)]

    def _substep(self, target: Array, forces: Array, stiff: float, damp: float) -> None:
        """Stable PD (Tan et al. 2011) and explicit residual forces (Yuan and Kitani 2020)."""
        model, data, humanoid = self._humanoid.model, self.data, self._humanoid
        kp = humanoid.kp * np.clip(1.0 + stiff, 0.0, 10.0)
        kd = humanoid.kd * np.clip(1.0 + damp, 0.0, 10.0)
        mujoco.mj_step1(model, data)
        mass = np.zeros((model.nv, model.nv))
        mujoco.mj_fullM(model, data, mass)
        error = np.zeros(model.nv)
        error[6:] = data.qpos[7:] + data.qvel[6:] * TIMESTEP_S - target
        mass[np.diag_indices(model.nv)] += kd * TIMESTEP_S
        pull = -kp * error - kd * data.qvel
        acceleration = np.linalg.solve(mass, pull - data.qfrc_bias)
        torque = (pull - kd * acceleration * TIMESTEP_S)[6:]
        data.qfrc_applied[:] = 0.0
        for index, (point, force, turn) in enumerate(forces.reshape(24, 3, 3), start=1):
            frame = data.xmat[index].reshape(3, 3)
            mujoco.mj_applyFT(
                model, data, FORCE_SCALE * frame @ force, FORCE_SCALE * frame @ turn,
                data.xpos[index] + frame @ point, index, data.qfrc_applied,
            )  # fmt: skip
        data.qfrc_applied[6:] += np.clip(torque, -humanoid.torque_limits, humanoid.torque_limits)
        mujoco.mj_step2(model, data)

    def _observe(self) -> Array:
        """(657,) in the order of the published `obs_v 2`."""
        data, expert = self.data, self.expert
        goal, goal_quats = self._next(expert.qpos), self._next(expert.quats)
        upright = qmul(data.qpos[3:7], qinv(_UPRIGHT))
        goal_upright = qmul(goal[3:7], qinv(_UPRIGHT))
        yaw, goal_yaw = heading(upright), heading(goal_upright)
        level = np.array([np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)])
        own = data.qpos.copy()
        own[3:7] = qmul(qinv(level), upright)
        difference = goal - own
        difference[3:7] = qmul(goal_upright, qinv(upright))
        velocity = data.qvel.copy()
        velocity[:3] = qrot(qinv(upright), velocity[:3])
        turn = np.mod(goal_yaw - yaw + np.pi, 2 * np.pi) - np.pi
        # Published bug: the goal's root quaternion stands where its position should.
        shift = np.append(goal_upright[:2] - data.qpos[:2], 0.0)
        positions, quats = data.xpos[1:], data.xquat[1:]
        return np.concatenate([
            level, goal[2:], own[2:], difference[2:], velocity, [turn],
            qrot(qinv(level), shift)[:2],
            qrot(qinv(upright), positions - data.qpos[:3]).ravel(),
            qrot(qinv(upright), self._next(expert.positions) - positions).ravel(),
            qmul(qinv(level), quats).ravel(), qmul(qinv(quats), goal_quats).ravel(), _SHAPE,
        ])  # fmt: skip

    def _reward(self, forces: Array) -> float:
        data, expert, row = self.data, self.expert, self.frame
        apart = 2.0 * np.arccos(
            np.clip(np.abs(np.sum(_locals(self._humanoid, data.xquat[1:])
                                  * _locals(self._humanoid, expert.quats[row]), axis=-1)), 0.0, 1.0)
        )  # fmt: skip
        ends = data.xpos[1:][self._ends] - expert.positions[row, self._ends]
        terms = {
            "pose": np.exp(-2.0 * np.sum((apart * self._weight) ** 2)),
            "velocity": np.exp(-0.005 * np.sum((data.qvel[3:] - expert.qvel[row, 3:]) ** 2)),
            "ends": np.exp(-5.0 * np.sum(ends**2)),
            "com": np.exp(-100.0 * np.sum((data.xipos[1] - expert.pelvis_com[row]) ** 2)),
            "force": np.exp(-np.sum(forces[:, 3:] ** 2)),
        }
        return float(sum(REWARD[name] * value for name, value in terms.items()))


def _locals(humanoid: SmplHumanoid, quats: Array) -> Array:
    """(24, 4) rotations of the bodies relative to their parents; the root's in the world."""
    parents = humanoid.model.body_parentid[1:] - 1
    above = quats[np.maximum(parents, 0)].copy()
    above[0] = [1.0, 0.0, 0.0, 0.0]
    return qmul(qinv(above), quats)
