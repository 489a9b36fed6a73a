"""CMU's own skeleton, from ASF/AMC or the "MotionBuilder-friendly" BVH conversion, to 22 joints.

Joints are ends of bones, or fixed points along them, chosen so that the proportions are SMPL's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from body_models.arrays import Array
from loop.errors import InvalidMotionError
from translation.bvh import Bvh, metres_per_unit

FASTEST_M_S = 20.0
"""No foot of a person is faster, whatever it kicks; flipped joints of a broken take are."""
INCHES = 1 / 0.45
"""Of one unit of CMU's files, which the BVH conversion kept."""
WRIST = 0.49
"""Length of the `wrist` bone as a share of the `radius` before it."""

# by joint number: (share of the way, from the end of this bone, to the end of that one)
_POINTS: tuple[tuple[float, str, str], ...] = (
    (0.0, "root", "root"),
    (0.0, "lhipjoint", "lhipjoint"),
    (0.0, "rhipjoint", "rhipjoint"),
    (0.0, "lowerback", "lowerback"),
    (0.0, "lfemur", "lfemur"),
    (0.0, "rfemur", "rfemur"),
    (0.3, "upperback", "thorax"),
    (0.0, "ltibia", "ltibia"),
    (0.0, "rtibia", "rtibia"),
    (0.8, "upperback", "thorax"),
    (0.0, "lfoot", "lfoot"),
    (0.0, "rfoot", "rfoot"),
    (0.4, "lowerneck", "upperneck"),
    (0.37, "thorax", "lclavicle"),
    (0.37, "thorax", "rclavicle"),
    (0.2, "upperneck", "head"),
    (0.0, "lclavicle", "lclavicle"),
    (0.0, "rclavicle", "rclavicle"),
    (0.0, "lhumerus", "lhumerus"),
    (0.0, "rhumerus", "rhumerus"),
    (0.7, "lradius", "lwrist"),
    (0.7, "rradius", "rwrist"),
)

# where the conversion has the end of each bone
_BVH = {
    "root": "Hips",
    "lhipjoint": "LeftUpLeg", "lfemur": "LeftLeg", "ltibia": "LeftFoot", "lfoot": "LeftToeBase",
    "rhipjoint": "RightUpLeg", "rfemur": "RightLeg", "rtibia": "RightFoot",
    "rfoot": "RightToeBase",
    "lowerback": "Spine", "upperback": "Spine1", "thorax": "Neck", "lowerneck": "Neck1",
    "upperneck": "Head", "head": "Head_end",
    "lclavicle": "LeftArm", "lhumerus": "LeftForeArm", "lradius": "LeftHand",
    "lwrist": "LeftFingerBase",
    "rclavicle": "RightArm", "rhumerus": "RightForeArm", "rradius": "RightHand",
    "rwrist": "RightFingerBase",
}  # fmt: skip


def check_speed(joints: Array, fps: float) -> None:
    """Refuse a take (F, 22, 3), metres, whose joints jump.

    Raises:
        InvalidMotionError: a joint is faster than FASTEST_M_S.
    """
    if (speed := float(top_speeds(joints, fps).max(initial=0.0))) > FASTEST_M_S:
        raise InvalidMotionError(
            "A joint jumps: the capture is broken.",
            found=f"{speed:.0f} m/s",
            expected=f"at most {FASTEST_M_S:.0f} m/s",
        )


def top_speeds(joints: Array, fps: float) -> Array:
    """Return the speed (F - 1,) in m/s of the fastest joint of (F, 22, 3) between frames."""
    return np.linalg.norm(np.diff(joints, axis=0), axis=-1).max(axis=1, initial=0.0) * fps


def is_motionbuilder(bvh: Bvh) -> bool:
    """Tell whether a BVH has the hierarchy of the MotionBuilder-friendly conversion."""
    return set(_BVH.values()) <= set(bvh.names)


def cmu_joints(bone_ends: Mapping[str, Array]) -> Array:
    """Compute joints (F, 22, 3) in metres, y up, from CMU's bone ends, (F, 3) each in inches.

    The unit is checked against the length of the legs: other skeletons may not be in inches.

    Raises:
        InvalidMotionError: a bone is missing, there is no frame, or no unit makes it a human.
    """
    needed = {name for _, start, end in _POINTS for name in (start, end)}
    if missing := needed - bone_ends.keys():
        raise InvalidMotionError(
            "This is not CMU's skeleton.", found=f"no {', '.join(sorted(missing))}"
        )
    joints = np.stack(
        [
            bone_ends[start] + share * (bone_ends[end] - bone_ends[start])
            for share, start, end in _POINTS
        ],
        axis=1,
    )
    if not len(joints):
        raise InvalidMotionError("Take has no frame.")
    leg = np.linalg.norm(joints[0, [1, 4]] - joints[0, [4, 7]], axis=-1).sum()
    return joints * metres_per_unit(float(leg))


def motionbuilder_joints(bvh: Bvh) -> Array:
    """Compute joints (F, 22, 3) in metres of the conversion, without its first frame, a T-pose.

    It lost the length of bones with several children: the thorax, which gets that of the back bone
    below it (Vicon's model cuts the back into equal parts), and the wrist.

    Raises:
        InvalidMotionError: another hierarchy, nothing after the T-pose, or no human unit.
    """
    offsets = bvh.offsets.copy()
    for name, source, share in (
        ("Neck", "Spine1", 1.0),
        ("LeftShoulder", "Spine1", 1.0),
        ("RightShoulder", "Spine1", 1.0),
        ("LeftFingerBase", "LeftHand", WRIST),
        ("RightFingerBase", "RightHand", WRIST),
    ):
        joint = bvh.names.index(name)
        if not offsets[joint].any():
            offsets[joint] = share * offsets[bvh.names.index(source)]
    positions = replace(bvh, offsets=offsets).positions(tuple(_BVH.values()), start=1) * INCHES
    return cmu_joints(dict(zip(_BVH, np.moveaxis(positions, 1, 0), strict=True)))
