"""Putting a motion on the humanoid: joints to cleaned poses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from body_models.arrays import Array
from body_models.skeleton import Skeleton
from model.ik import IK, joints_to_poses
from translation.humanml import FPS
from uhc.clips import floor_height, upright
from uhc.humanoid.body import ContactChoice, Contacts, Humanoid
from uhc.humanoid.cleanup import clean
from uhc.humanoid.model import build_humanoid, pose_to_qpos
from uhc.humanoid.segments import FOOT_DROP_M

MAX_REST_TOE_M = 0.01
"""A toe joint that rests higher than this floats: HumanML3D's are 0 to 1 cm above the floor."""
RESTING_HEIGHT_M, RESTING_STEP_M = 0.03, 0.01
"""A foot rests whose ankle or toe is this low over the floor while both move less than this."""
STANDING_PELVIS_M = 0.3
"""Under a pelvis this low over the floor, feet lie on their sides or insteps."""
USUAL_FEET = 10
"""So many resting feet of the usual kind are added to those of a motion."""
MIN_DROP_M, MAX_DROP_M = 0.02, 0.07


@dataclass(frozen=True)
class FittedMotion:
    """A motion on the humanoid.

    Attributes:
        humanoid: the body.
        qpos: (F, nq) cleaned poses, z up, soles at floor height.
    """

    humanoid: Humanoid
    qpos: Array


def fit_motion(
    joints: Array,
    skeleton: Skeleton | None = None,
    contacts: ContactChoice = "auto",
    ik: IK = "analytic",
) -> FittedMotion:
    """Put joints (F, 22, 3), metres, y up, 20 fps, on the humanoid of a skeleton, cleaned.

    Args:
        joints: the motion.
        skeleton: bones of the humanoid; None measures those of the motion (medians).
        contacts: what may bear load; `auto`: the feet of an upright motion, else the body.
        ik: which inverse kinematics.

    Raises:
        InvalidMotionError, InvalidOptionError: no human's motion, or bones.
    """
    if contacts == "auto":
        contacts = "feet" if upright(joints) else "body"
    humanoid, raw = inverse_kinematics(joints, skeleton, contacts, ik)
    return FittedMotion(humanoid, clean(humanoid, raw, FPS))


def inverse_kinematics(
    joints: NDArray[np.floating],
    skeleton: Skeleton | None = None,
    contacts: Contacts = "feet",
    ik: IK = "analytic",
) -> tuple[Humanoid, Array]:
    """Build the humanoid of joints (F, 22, 3), y up, and its poses (F, nq), z up, not cleaned."""
    solution = joints_to_poses(joints, skeleton, ik)
    longest_drop = 0.6 * solution.skeleton.lengths[[10, 11]].min()
    humanoid = build_humanoid(solution.skeleton, min(foot_drop(joints), longest_drop), contacts)
    return humanoid, pose_to_qpos(humanoid, solution.root_position, solution.local_quat_wxyz)


def foot_drop(joints: NDArray[np.floating]) -> float:
    """Measure how high ankles are above toe joints (metres) where feet (F, 22, 3) rest.

    The sole of the humanoid is level in that pose. Data sets differ: where the ankle rests level
    with the toe, the usual box would reach 5 cm deep into the floor at its heel. The median over
    resting feet is pulled to the usual drop, which a clip without rest keeps.
    """
    steps = np.linalg.norm(np.diff(joints, axis=0, append=joints[-1:]), axis=-1)
    floor = floor_height(joints)
    drops = [np.full(USUAL_FEET, FOOT_DROP_M)]
    for ankle, toe in ((7, 10), (8, 11)):
        low = joints[:, (ankle, toe), 1].min(axis=1) < floor + RESTING_HEIGHT_M
        low &= joints[:, 0, 1] > floor + STANDING_PELVIS_M
        resting = low & (steps[:, (ankle, toe)].max(axis=1) < RESTING_STEP_M)
        drops.append(joints[resting, ankle, 1] - joints[resting, toe, 1])
    return float(np.clip(np.median(np.concatenate(drops)), MIN_DROP_M, MAX_DROP_M))
