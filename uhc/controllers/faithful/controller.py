"""The published controller at work: `iter_5000.p` drives SMPL's robot along a motion.

Both files are licensed and each user's own; without them the other controllers do the same work.
Never run with the real weights: its numbers were not verified here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation, Slerp

from body_models.skeleton import JOINT_COUNT, check_joints
from body_models.smpl import FOLDER, BodyModel, find_body_model, load_body_model
from loop.errors import InvalidMotionError
from translation.ik import solve_ik
from uhc.control.reference import MIN_FRAMES
from uhc.control.simulation import DIVERGED
from uhc.controllers.faithful.environment import FORCE_SCALE, FaithfulEnv, expert_of
from uhc.controllers.faithful.humanoid import SmplHumanoid, build_smpl_humanoid, poses_to_qpos
from uhc.controllers.faithful.weights import PublishedPolicy, load_published_policy
from uhc.controllers.tracker import Tracking
from uhc.humanoid.model import yup_to_zup, zup_to_yup
from uhc.humanoid.segments import GRAVITY

Array = NDArray[np.float64]

WEIGHTS = Path("UniversalHumanoidControl/results/motion_im/uhc_explicit/models/iter_5000.p")
"""Where `prepare/download_uhc.sh` puts them."""
FPS, CONTROL_HZ = 20.0, 30.0


@dataclass(frozen=True)
class Faithful:
    """The published controller and its robot; can be sent to worker processes."""

    body: BodyModel
    robot: SmplHumanoid
    policy: PublishedPolicy


def load_faithful(bodies: Path = FOLDER, weights: Path = WEIGHTS) -> Faithful:
    """Read the user's SMPL body (neutral) and the published weights.

    Raises:
        MissingAssetError: one of them is not there; says where it is from and how to get it.
        CorruptFileError: one of them is damaged.
    """
    body = load_body_model(find_body_model("smpl", folder=bodies))
    return Faithful(body, build_smpl_humanoid(body), load_published_policy(weights))


def follow_faithful(
    joints: NDArray[Any], faithful: Faithful
) -> tuple[NDArray[np.float32], Tracking]:
    """Follow joints (F, 22, 3), metres, y up, 20 fps, in real time with the published controller.

    Returns:
        The joints reached (N, 22, 3), same frame and rate, N = F unless it failed before the end
        (when F is even the last one stands twice: the 30 Hz steps end half a frame earlier); and
        how it went. There `qpos` (76 numbers a frame) and `failed_frame` count control steps of
        1/30 s, `clamp_n` is infinite (nothing bounds the published help), and `force_bw` and
        `torque_bwm` are means of the summed sizes of all 24 residual forces and torques.

    Raises:
        InvalidMotionError: no motion, or fewer than 4 frames.
    """
    positions = check_joints(joints, MIN_FRAMES)
    if positions.ndim != 3:
        raise InvalidMotionError("joints have the wrong shape", found=positions.shape)
    robot = faithful.robot
    expert = expert_of(robot, reference_qpos(positions, faithful))
    env = FaithfulEnv(robot, expert)
    observation, _ = env.reset()
    poses, places = [env.data.qpos.copy()], [env.data.xpos[1:].copy()]
    help_n, contact, reason = [], [], ""
    while len(poses) < len(expert.qpos):
        action = faithful.policy.act(observation)
        observation, _, failed, _, info = env.step(action)
        if failed:
            reason = "fell behind the reference" if np.isfinite(info["distance"]) else DIVERGED
            break
        wrench = FORCE_SCALE * action[69:285].reshape(24, 3, 3)[:, 1:]
        help_n.append(np.linalg.norm(wrench, axis=-1).sum(axis=0))
        contact.append(float(env.data.qfrc_constraint[2]))
        poses.append(env.data.qpos.copy())
        places.append(env.data.xpos[1:].copy())
    reached = np.array(places)
    weight = GRAVITY * float(robot.model.body_mass.sum())
    force, torque = np.mean(help_n or [[0.0, 0.0]], axis=0) / weight
    found = _joints(robot, reached)
    if not reason and len(found) < len(positions):
        found = np.concatenate([found, found[-1:]])
    return found, Tracking(
        qpos=np.array(poses),
        success=not reason,
        reason=reason,
        failed_frame=len(poses) if reason else -1,
        teleports=0,
        clamp_n=float("inf"),
        force_bw=float(force),
        torque_bwm=float(torque),
        contact_bw=float(np.mean(contact or [0.0])) / weight,
        error_m=float(np.linalg.norm(reached - expert.positions[: len(reached)], axis=-1).mean()),
    )


def reference_qpos(positions: NDArray[np.float64], faithful: Faithful) -> Array:
    """Joints (F, 22, 3), y up, 20 fps, as poses of the robot (N, 76), z up, 30 Hz.

    The wrists' rotations, which joints do not tell, and the hands are those of the rest pose.
    """
    solved = solve_ik([positions], faithful.body.skeleton(), threads=1)[0]
    seconds = np.arange(len(positions)) / FPS
    times = np.arange(int(seconds[-1] * CONTROL_HZ + 1e-6) + 1) / CONTROL_HZ
    poses = np.zeros((len(times), 24, 3))
    for joint in range(JOINT_COUNT):
        turns = Rotation.from_quat(solved.local_quat_wxyz[:, joint], scalar_first=True)
        if joint == 0:
            turns = Rotation.from_rotvec([np.pi / 2, 0.0, 0.0]) * turns
        poses[:, joint] = Slerp(seconds, turns)(times).as_rotvec()
    root = CubicSpline(seconds, yup_to_zup(solved.root_position))(times)
    return poses_to_qpos(faithful.robot, poses, root - faithful.robot.pelvis)


def _joints(robot: SmplHumanoid, reached: Array) -> NDArray[np.float32]:
    """(N, 22, 3), y up, at 20 fps, from places of the bodies (M, 24, 3), z up, at 30 Hz."""
    in_order = np.empty_like(reached)
    in_order[:, robot.smpl_joints] = reached
    times = np.arange(int((len(reached) - 1) / CONTROL_HZ * FPS + 1e-6) + 1) * CONTROL_HZ / FPS
    before = np.minimum(times.astype(np.int64), max(len(reached) - 2, 0))
    share = (times - before)[:, None, None]
    after = np.minimum(before + 1, len(reached) - 1)
    mixed = (1.0 - share) * in_order[before] + share * in_order[after]
    return zup_to_yup(mixed[:, :JOINT_COUNT]).astype(np.float32)
