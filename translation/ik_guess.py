"""Closed-form joint rotations for given joint positions: the start of the inverse kinematics.

On motions of a rigid body of bones the guess reaches every joint exactly. It looks at one frame
only, so twists may jump between frames; ``translation.ik`` makes them continuous.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from body_models.arrays import Array
from body_models.skeleton import BRANCHES, JOINT_COUNT, Skeleton, kabsch
from translation.rotations import qbetween, qinv, qmul, qrot

HIPS, SHOULDERS = (1, 2), (16, 17)
_FANS = dict(BRANCHES)


def guess_rotations(joints: Array, skeleton: Skeleton) -> Array:
    """Guess local quat_wxyz (F, 22, 4) for joints (F, 22, 3), metres, y up; leaves: identity.

    Pelvis and spine3 take the rotation that best fits their fan of bones, other joints the shortest
    turn from their parent's orientation onto their bone. Hips and shoulders are then twisted so
    that a bent knee or elbow bends about its hinge.
    """
    child = {parent: joint for joint, parent in enumerate(skeleton.parents) if parent not in _FANS}
    world = np.zeros((len(joints), JOINT_COUNT, 4))
    local = np.zeros_like(world)
    local[..., 0] = 1.0
    for joint, parent in enumerate(skeleton.parents):
        if joint in _FANS:
            rows = list(_FANS[joint])
            fan = joints[:, rows] - joints[:, joint, None]
            matrix = kabsch(skeleton.offsets[rows], fan)
            world[:, joint] = Rotation.from_matrix(matrix).as_quat(scalar_first=True)
        elif joint in child:
            below = child[joint]
            bone = joints[:, below] - joints[:, joint]
            world[:, joint] = _swing(world[:, parent], skeleton.offsets[below], bone)
            if joint in HIPS + SHOULDERS:
                next_bone = joints[:, child[below]] - joints[:, below]
                world[:, joint] = _twist_to_hinge(joint, world[:, joint], next_bone)
        else:
            continue
        above = world[:, parent] if parent >= 0 else np.array([1.0, 0.0, 0.0, 0.0])
        local[:, joint] = qmul(qinv(above), world[:, joint])
    return local


def _swing(start: Array, offset: Array, bone: Array) -> Array:
    """Turn ``start`` (F, 4) by the shortest turn that lays ``offset`` along ``bone``."""
    return qmul(qbetween(_unit(qrot(start, offset)), _unit(bone)), start)


def _twist_to_hinge(joint: int, world: Array, bone: Array) -> Array:
    """Twist a hip or shoulder so that the next bone (F, 3) lies in the plane of its hinge.

    The straighter the limb, the less its plane means, so the twist fades out. Bends against the
    hinge are taken for noise or for a twist that the body really makes, and are left alone.
    """
    if joint in HIPS:  # rest: the thigh points to -y, the hinge is x, the shank swings to -z
        along, hinge, bend = (0.0, -1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, -1.0)
    else:  # rest: the arm points to +-x, the hinge is y, the forearm swings to +z
        side = 1.0 if joint == SHOULDERS[0] else -1.0
        along, hinge, bend = (side, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
    local = qrot(qinv(world), _unit(bone))
    sideways, onwards = local @ np.array(hinge), local @ np.array(bend)
    strength = np.clip(np.hypot(sideways, onwards) / 0.5, 0.0, 1.0) * (onwards > 0)
    handed = float(np.dot(np.cross(along, bend), hinge))
    half = 0.5 * handed * strength * np.arctan2(sideways, np.abs(onwards))
    twist = np.concatenate([np.cos(half)[:, None], np.sin(half)[:, None] * np.array(along)], -1)
    return qmul(world, twist)


def _unit(vectors: Array) -> Array:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
