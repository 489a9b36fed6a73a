"""The published controller at work: `iter_5000.p` drives SMPL's robot along a motion.

Both files are licensed and each user's own. The environment agrees with the published one on stored
states (`uhc.faithful_check`); nobody here has run the real weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation, Slerp

from body_models.arrays import Array
from body_models.skeleton import JOINT_COUNT, Skeleton, check_joints
from body_models.smpl import FOLDER, BodyModel, find_body_model, load_body_model, skin
from loop.errors import InvalidMotionError, InvalidOptionError
from model.ik import IK, joints_to_poses
from translation.humanml import FPS, put_on_floor, uniform_skeleton
from uhc.control.reference import MIN_FRAMES
from uhc.control.simulation import DIVERGED
from uhc.controllers.base import (
    FELL_BEHIND,
    Capabilities,
    Controller,
    Tracking,
    TrackingRequest,
)
from uhc.controllers.faithful.environment import FORCE_SCALE, FaithfulEnv, expert_of
from uhc.controllers.faithful.humanoid import SmplHumanoid, build_smpl_humanoid, poses_to_qpos
from uhc.controllers.faithful.weights import PublishedPolicy, load_published_policy
from uhc.humanoid.model import yup_to_zup, zup_to_yup
from uhc.humanoid.segments import GRAVITY
from uhc.humanoid.untyped import mujoco

WEIGHTS = Path("UniversalHumanoidControl/results/motion_im/uhc_explicit/models/iter_5000.p")
"""Where `prepare/download_uhc.sh` puts them."""
CONTROL_HZ = 30.0


@dataclass(frozen=True)
class Faithful(Controller):
    """Track with the published controller on its robot; it tracks the source, not the poses."""

    body: BodyModel
    robot: SmplHumanoid
    policy: PublishedPolicy

    capabilities: ClassVar[Capabilities] = Capabilities(
        playback_rate=True, teleport=True, humanoid=False, weights=True
    )
    default_weights: ClassVar[Path | None] = WEIGHTS

    @classmethod
    def load(cls, weights: Path | None = None, bodies: Path = FOLDER) -> Self:
        """Read the user's SMPL body (neutral) and the published weights.

        Raises:
            MissingAssetError: one of them is not there; says where it is from and how to get it.
            CorruptFileError: one of them is damaged.
        """
        body = load_body_model(find_body_model("smpl", folder=bodies))
        return cls(body, build_smpl_humanoid(body), load_published_policy(weights or WEIGHTS))

    def up_to(self, newtons: float) -> Self:
        """Refuse a limit: the published residual forces have none. Raises InvalidOptionError."""
        if newtons < float("inf"):
            raise InvalidOptionError("the published controller's residual forces have no bound")
        return self

    def track(self, request: TrackingRequest) -> Tracking:
        """Track the source joints of a request; see `track_published`."""
        rate, again = request.playback_rate, request.teleport
        source, ik = request.source_joints(), request.ik
        return track_published(source, self, rate, again, request.skeleton, ik)


def track_published(
    joints: NDArray[np.floating],
    faithful: Faithful,
    playback_rate: float = 1.0,
    teleport: bool = False,
    skeleton: Skeleton | None = None,
    ik: IK = "analytic",
) -> Tracking:
    """Track joints (F, 22, 3), metres, y up, 20 fps, with the published controller.

    Args:
        joints: the motion.
        faithful: robot and weights.
        playback_rate: 1 plays in real time; the published code plays 1.5 times too fast, one frame
            of the motion a control step.
        teleport: where the robot fails, put it back on the reference and go on; both states are
            recorded, as published. Otherwise a failure ends the motion.
        skeleton: the body that the result is retargeted to, as published to clip 000021's; None
            leaves it SMPL's.
        ik: inverse kinematics onto the robot: `vposer` is the published one (`model.ik`).

    Returns:
        How it went, with the joints reached (N, 22, 3), the lowest at height 0. At rate 1.5, N is F
        and one more for each teleport; at other rates control steps are resampled. `qpos` (76
        numbers a state) and `failed_frame` count control steps, `clamp_n` is infinite (nothing
        bounds the published forces), and `force_bw` and `torque_bwm` are means of the summed sizes
        of all 24 residual forces and torques.

    Raises:
        InvalidMotionError: no motion, or fewer than 4 frames.
        InvalidOptionError: a rate that is not positive.
    """
    positions = check_joints(joints, MIN_FRAMES)
    if positions.ndim != 3:
        raise InvalidMotionError("joints have the wrong shape", found=positions.shape)
    if not playback_rate > 0.0:
        raise InvalidOptionError("motions play forwards", found=playback_rate, expected="> 0")
    robot = faithful.robot
    reference = reference_qpos(positions, faithful, playback_rate, ik)
    run = _Rollout(FaithfulEnv(robot, expert_of(robot, reference)))
    run.play(faithful.policy, teleport)
    weight = GRAVITY * float(robot.model.body_mass.sum())
    force, torque = np.mean(run.help_n or [[0.0, 0.0]], axis=0) / weight
    places = np.array(run.places)
    found = _joints(robot, places, CONTROL_HZ / playback_rate)
    # Control steps may have ended before the last frame.
    if not run.failures and len(found) < len(positions):
        found = np.concatenate([found, found[-1:]])
    if skeleton is not None:
        found = uniform_skeleton(found, skeleton)
    return Tracking(
        qpos=np.array(run.qpos),
        joints=put_on_floor(found).astype(np.float32),
        success=not run.failures,
        reason=run.reason,
        failed_frame=run.failures[0] if run.failures else -1,
        teleports=len(run.failures) if teleport else 0,
        clamp_n=float("inf"),
        force_bw=float(force),
        torque_bwm=float(torque),
        contact_bw=float(np.mean(run.contact_n or [0.0])) / weight,
        error_m=float(np.linalg.norm(places - np.array(run.goals), axis=-1).mean()),
    )


class _Rollout:
    """A run along a reference: poses (76,), places of the bodies (24, 3), those of the reference.

    Places are those of the recorded pose: the simulation's own are a physics step old.
    """

    def __init__(self, env: FaithfulEnv) -> None:
        self._env, self._model = env, env.humanoid.model
        self._data = mujoco.MjData(self._model)
        self.qpos: list[Array] = []
        self.places: list[Array] = []
        self.goals: list[Array] = []
        self.failures: list[int] = []
        self.reason = ""
        self.help_n: list[Array] = []
        self.contact_n: list[float] = []

    def play(self, policy: PublishedPolicy, teleport: bool) -> None:
        """Let the policy track the reference to its end; `teleport`: see `track_published`."""
        env = self._env
        observation, _ = env.reset()
        self._record()
        ended = False
        while not ended:
            action = policy.act(observation)
            observation, _, failed, _, info = env.step(action)
            ended, alive = info["ended"], np.isfinite(info["distance"])
            if alive:
                wrench = FORCE_SCALE * action[69:285].reshape(24, 3, 3)[:, 1:]
                self.help_n.append(np.linalg.norm(wrench, axis=-1).sum(axis=0))
                self.contact_n.append(float(env.data.qfrc_constraint[2]))
            # Published: what fails in the very last step has reached the end.
            if failed and not (teleport and ended):
                self.failures.append(len(self.places))
                self.reason = self.reason or (FELL_BEHIND if alive else DIVERGED)
                if not teleport:
                    return
                self._record()
                env.teleport()  # the policy goes on with what it saw before, as published
            self._record()

    def _record(self) -> None:
        """Add the present state."""
        self._data.qpos[:] = self._env.data.qpos
        mujoco.mj_kinematics(self._model, self._data)
        self.qpos.append(self._env.data.qpos.copy())
        self.places.append(self._data.xpos[1:].copy())
        self.goals.append(self._env.expert.positions[self._env.frame])


def reference_qpos(
    positions: NDArray[np.float64],
    faithful: Faithful,
    playback_rate: float = 1.0,
    ik: IK = "analytic",
) -> Array:
    """Convert joints (F, 22, 3), y up, 20 fps, to poses of the robot (N, 76), z up.

    They are a control step of 1/30 s apart when the motion plays at `playback_rate`. The lowest
    vertex of the first one's mesh is at height 0. The wrists' rotations, which joints do not tell,
    and the hands are those of the rest pose.
    """
    body = faithful.body
    solved = joints_to_poses(positions, body.skeleton(), ik)
    seconds = np.arange(len(positions)) / FPS
    step = playback_rate / CONTROL_HZ
    times = np.minimum(np.arange(int(seconds[-1] / step + 1e-6) + 1) * step, seconds[-1])
    poses = np.zeros((len(times), 24, 3))
    for joint in range(JOINT_COUNT):
        turns = Rotation.from_quat(solved.local_quat_wxyz[:, joint], scalar_first=True)
        if joint == 0:
            turns = Rotation.from_rotvec([np.pi / 2, 0.0, 0.0]) * turns
        poses[:, joint] = Slerp(seconds, turns)(times).as_rotvec()
    trans = CubicSpline(seconds, yup_to_zup(solved.root_position))(times) - body.shaped()[1][0]
    vertices, _ = skin(body, poses[:1], trans=trans[:1])
    trans[:, 2] -= vertices[0, :, 2].min()
    return poses_to_qpos(faithful.robot, poses, trans)


def _joints(robot: SmplHumanoid, reached: Array, rate_hz: float) -> NDArray[np.float32]:
    """Compute (N, 22, 3), y up, 20 fps, from places of bodies (M, 24, 3), z up, at `rate_hz`."""
    in_order = np.empty_like(reached)
    in_order[:, robot.smpl_joints] = reached
    times = np.arange(int((len(reached) - 1) / rate_hz * FPS + 1e-6) + 1) * rate_hz / FPS
    before = np.minimum(times.astype(np.int64), max(len(reached) - 2, 0))
    share = (times - before)[:, None, None]
    after = np.minimum(before + 1, len(reached) - 1)
    mixed = (1.0 - share) * in_order[before] + share * in_order[after]
    return zup_to_yup(mixed[:, :JOINT_COUNT]).astype(np.float32)
