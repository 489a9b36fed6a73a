"""The published tracking environment, `uhc_explicit` (Gymnasium interface).

Observation 657, action 315 (69 offsets of joint targets, 216 residual forces, 30 multipliers of the
PD gains), stable PD at 450 Hz, decisions at 30 Hz. It computes what the published one computes,
defects included; `uhc.faithful_check` compares the two on stored states.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cho_factor, cho_solve

from body_models.arrays import Array
from loop.errors import InvalidMotionError
from translation.rotations import qmul
from uhc.control.simulation import quieten_mujoco
from uhc.controllers.faithful.humanoid import BODIES, SUBSTEPS, TIMESTEP_S, SmplHumanoid
from uhc.controllers.faithful.quaternions import (
    heading_angle,
    heading_quat,
    inverse,
    local_quats,
    rates,
    rotate_back,
)
from uhc.humanoid.untyped import mujoco

CONTROL_S = SUBSTEPS * TIMESTEP_S
OBSERVATION, ACTION = 657, 315
FORCE_SCALE = 100.0
MAX_SPEED = 10.0
"""Bound of the reference's velocities, m/s and rad/s."""
FAILURE_M = 0.5
MAX_ACTION = 1e6
"""Larger actions count as a divergence: no network that makes sense asks for them."""
END_EFFECTORS = ("L_Ankle", "R_Ankle", "L_Wrist", "R_Wrist", "Head")
WEIGHTLESS = ("L_Toe", "R_Toe", "L_Hand", "R_Hand")
"""Bodies that count neither in the pose reward nor in the failure."""
REWARD = {"pose": 0.3, "velocity": 0.1, "ends": 0.45, "com": 0.1, "force": 0.05}
BASE_ROTATION = np.array([0.7071, 0.7071, 0.0, 0.0])
"""Root quaternion of a standing SMPL body in a world that is z up; as published, not normalised."""
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
    """Compute kinematics and velocities of poses (F, 76), played at 30 Hz.

    Velocities are backward differences, those of frame 0 a copy of those of frame 1, bounded by
    `MAX_SPEED`; angles are not unwrapped before they are subtracted.

    Raises:
        InvalidMotionError: not poses of the robot.
    """
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
        before = poses[max(frame - 1, 0)]
        mujoco.mj_differentiatePos(model, velocity[frame], CONTROL_S, before, pose)
    velocity[0] = velocity[1]
    return Expert(poses, np.clip(velocity, -MAX_SPEED, MAX_SPEED), positions, quats, com)


class FaithfulEnv(gymnasium.Env):
    """Makes the robot follow one reference from its first frame, as the published evaluation."""

    def __init__(self, humanoid: SmplHumanoid, expert: Expert) -> None:
        quieten_mujoco()
        self.humanoid, self.expert = humanoid, expert
        self.observation_space = spaces.Box(-np.inf, np.inf, (OBSERVATION,), np.float64)
        self.action_space = spaces.Box(-np.inf, np.inf, (ACTION,), np.float64)
        self.data = mujoco.MjData(humanoid.model)
        names = [BODIES[joint] for joint in humanoid.smpl_joints]
        self._ends = [names.index(name) for name in END_EFFECTORS]
        self._weight = np.array([name not in WEIGHTLESS for name in names], dtype=np.float64)
        self._force_bodies = np.argsort(humanoid.smpl_joints) + 1
        """MuJoCo body of each residual force: they come in SMPL's order, not the tree's."""
        self._mass = np.zeros((humanoid.model.nv, humanoid.model.nv))
        self._quats_before = self._quats = local_quats(self.data.qpos)
        self.frame = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Put the robot on a frame of the reference (`options["frame"]`, default the first)."""
        super().reset(seed=seed)
        mujoco.mj_resetData(self.humanoid.model, self.data)
        self.frame = int((options or {}).get("frame", 0))
        self.teleport()
        self._quats_before = self._quats = local_quats(self.data.qpos)
        return self.observe(), {}

    def teleport(self) -> None:
        """Put the robot on the present frame of the reference, as published on failure."""
        self.place(self.expert.qpos[self.frame], self.expert.qvel[self.frame])

    def place(self, qpos: Array, qvel: Array) -> None:
        """Put the robot into a state (76,), (75,) and compute everything that follows from it."""
        self.data.qpos[:], self.data.qvel[:] = qpos, qvel
        mujoco.mj_forward(self.humanoid.model, self.data)

    def step(self, action: NDArray[np.floating]) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Play 1/30 s; `info` has `distance`, the mean of the weighted bodies, metres.

        Nothing is recomputed afterwards, as published: in observation, reward and failure, the
        places of the bodies are those of one physics step ago. A simulation that breaks down
        leaves the state that it started from.
        """
        action = np.asarray(action, dtype=np.float64)
        before = self.data.qpos.copy(), self.data.qvel.copy()
        seen, self._quats_before = self.observe(), self._quats
        sound = bool((np.abs(action) < MAX_ACTION).all()) and self._simulate(action)
        ended = self.frame + 1 >= len(self.expert.qpos) - 1
        self.frame = min(self.frame + 1, len(self.expert.qpos) - 1)
        if not sound:
            self.place(*before)
            return seen, 0.0, True, False, {"distance": np.inf, "success": False, "ended": ended}
        self._quats = local_quats(self.data.qpos)
        apart = np.linalg.norm(self.data.xpos[1:] - self.expert.positions[self.frame], axis=-1)
        distance = float((apart * self._weight).sum() / self._weight.sum())
        failed = distance > FAILURE_M
        info = {"distance": distance, "success": ended and not failed, "ended": ended}
        reward = self._reward(action[69:285].reshape(24, 9))
        return self.observe(), reward, failed, ended and not failed, info

    def _simulate(self, action: Array) -> bool:
        """Take all substeps of one action; False where the physics breaks down."""
        meta = action[285:]
        for substep in range(SUBSTEPS):
            stiff, damp = meta[substep], meta[SUBSTEPS + substep]
            try:
                self._substep(action[:69], action[69:285].reshape(24, 3, 3), stiff, damp)
            except (mujoco.FatalError, np.linalg.LinAlgError):  # counts as a failure there, too
                return False
            if not (np.isfinite(self.data.qpos).all() and np.isfinite(self.data.qvel).all()):
                return False
        return True

    def _next(self, rows: Array) -> Array:
        return rows[min(self.frame + 1, len(rows) - 1)]

    def _substep(self, offsets: Array, forces: Array, stiff: float, damp: float) -> None:
        """Apply stable PD (Tan et al. 2011) and residual forces (Yuan and Kitani 2020).

        Mass matrix, bias forces and frames of the bodies are what the last physics step left:
        those of the state before it.
        """
        model, data, humanoid = self.humanoid.model, self.data, self.humanoid
        kp = humanoid.kp * np.clip(1.0 + stiff, 0.0, 10.0)
        kd = humanoid.kd * np.clip(1.0 + damp, 0.0, 10.0)
        angles = data.qpos[7:]
        target = self._next(self.expert.qpos)[7:]
        target = target - 2 * np.pi * np.rint((target - angles) / (2 * np.pi)) + offsets
        mujoco.mj_fullM(model, data, self._mass)
        error = np.zeros(model.nv)
        error[6:] = angles + data.qvel[6:] * TIMESTEP_S - target
        factor = cho_factor(self._mass + np.diag(kd * TIMESTEP_S), check_finite=False)
        wanted = -data.qfrc_bias - kp * error - kd * data.qvel
        acceleration = cho_solve(factor, wanted, check_finite=False)
        torque = -kp * error - kd * (data.qvel + acceleration * TIMESTEP_S)
        applied = np.zeros(model.nv)
        for body, (point, force, turn) in zip(self._force_bodies, forces, strict=True):
            frame = data.xmat[body].reshape(3, 3)
            mujoco.mj_applyFT(
                model, data, frame @ (FORCE_SCALE * force), frame @ (FORCE_SCALE * turn),
                data.xpos[body] + frame @ point, body, applied,
            )  # fmt: skip
        applied[6:] += np.clip(torque[6:], -humanoid.torque_limits, humanoid.torque_limits)
        data.qfrc_applied[:] = applied
        mujoco.mj_step(model, data)

    def observe(self) -> Array:
        """Compute the observation (657,) in the order of the published `obs_v 2`.

        Root rotations are taken relative to `BASE_ROTATION`, whose inverse makes them a little
        longer than 1. Positions of the joints stand as (3, 24), all x first.
        """
        data, expert = self.data, self.expert
        goal, goal_quats = self._next(expert.qpos), self._next(expert.quats)
        place = data.qpos[:3]
        root = qmul(data.qpos[3:7], inverse(BASE_ROTATION))
        goal_root = qmul(goal[3:7], inverse(BASE_ROTATION))
        level = heading_quat(root)
        own = data.qpos.copy()
        own[3:7] = qmul(inverse(level), root)
        difference = goal - own
        difference[3:7] = qmul(goal_root, inverse(root))
        velocity = data.qvel.copy()
        # Published defect: turned into the root's frame twice, with and without base rotation.
        velocity[:3] = rotate_back(root, rotate_back(data.qpos[3:7], velocity[:3]))
        turn = heading_angle(goal_root) - heading_angle(root)
        if abs(turn) > np.pi:
            turn -= np.copysign(2 * np.pi, turn)
        # Published defect: the goal's root quaternion stands where its position should.
        shift = rotate_back(root, goal_root[:3] - place)
        positions, quats = data.xpos[1:], data.xquat[1:]
        if quats[0, 0] == 0.0:  # published: taken for a simulation that has not begun
            quats = goal_quats
        return np.concatenate([
            level, goal[2:], own[2:], difference[2:], velocity, [turn], shift[:2],
            rotate_back(root, positions - place).T.ravel(),
            rotate_back(root, self._next(expert.positions) - positions).T.ravel(),
            qmul(inverse(level), quats).ravel(), qmul(inverse(quats), goal_quats).ravel(), _SHAPE,
        ])  # fmt: skip

    def _reward(self, forces: Array) -> float:
        """Compute the published reward of the last step; forces (24, 9) as in the action."""
        data, expert, row = self.data, self.expert, self.frame
        goal = local_quats(expert.qpos[row])
        half = np.arccos(np.clip(qmul(self._quats, inverse(goal))[:, 0], -1.0, 1.0))
        speed = rates(self._quats_before, self._quats, CONTROL_S)
        first = max(row, 1)  # the rates of frame 0 are those of frame 1
        wanted = rates(local_quats(expert.qpos[first - 1]), local_quats(expert.qpos[first]),
                       CONTROL_S)  # fmt: skip
        ends = data.xpos[1:][self._ends] - expert.positions[row, self._ends]
        terms = {
            "pose": np.exp(-2.0 * np.sum((half * self._weight) ** 2)),
            "velocity": np.exp(-0.005 * np.sum((speed - wanted) ** 2)),
            "ends": np.exp(-5.0 * np.sum(ends**2)),
            "com": np.exp(-100.0 * np.sum((data.xipos[1] - expert.pelvis_com[row]) ** 2)),
            "force": np.exp(-np.sum(forces[:, 3:] ** 2)),
        }
        return float(sum(REWARD[name] * value for name, value in terms.items()))
