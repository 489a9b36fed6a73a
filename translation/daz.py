"""BVH files of the "Daz-friendly" hierarchy (CMU motion capture as converted by cgspeed).

Its root `hip` lies below the hip joints and its legs hang on `Buttock` bones. Where it has no joint
of ours, a fixed point of its rigid bones serves: pelvis = 0.35 of the way from between the hips to
the abdomen joint; spine3 = 0.25 of the way from chest to neck; toes = the end sites of the feet.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from loop.errors import InvalidMotionError
from translation.bvh import Bvh, metres_per_unit

PELVIS, SPINE3 = 0.35, 0.25
REST_POSE_S = 0.075
"""The first frame of each file is a rest pose, and resampling smeared it over the next eight."""

# by joint number; pelvis (0) and spine3 (9) are interpolated from the last two
_NAMES = (
    "abdomen", "lThigh", "rThigh", "abdomen", "lShin", "rShin", "chest", "lFoot", "rFoot",
    "neck", "lFoot_end", "rFoot_end", "neck", "lCollar", "rCollar", "head", "lShldr", "rShldr",
    "lForeArm", "rForeArm", "lHand", "rHand",
)  # fmt: skip


def is_daz(bvh: Bvh) -> bool:
    """Tell whether a BVH has the hierarchy of the Daz-friendly conversion."""
    return set(_NAMES) <= set(bvh.names)


def daz_joints(bvh: Bvh) -> NDArray[np.float64]:
    """Compute joints (F, 22, 3) in metres at the file's rate, y up, without the rest pose before.

    The unit follows from the length of the legs; the floor is where the file has it.

    Raises:
        InvalidMotionError: another hierarchy, nothing after the rest pose, or no human unit.
    """
    joints = bvh.positions(_NAMES, start=round(REST_POSE_S * bvh.fps))
    if len(joints) < 2:
        raise InvalidMotionError(
            "Take ends with its rest pose.", found=f"{len(bvh.values)} frames at {bvh.fps:.0f} fps"
        )
    hips = joints[:, 1:3].mean(axis=1)
    joints[:, 0] = hips + PELVIS * (joints[:, 3] - hips)
    joints[:, 9] = joints[:, 6] + SPINE3 * (joints[:, 12] - joints[:, 6])
    leg = np.linalg.norm(joints[0, [1, 4]] - joints[0, [4, 7]], axis=-1).sum()
    joints *= metres_per_unit(float(leg))
    return joints
