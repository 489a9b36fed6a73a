"""Bodies that are symmetric, and poses that they hold."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from body_models.skeleton import DEFAULT_SKELETON, MIRROR, Skeleton
from uhc.humanoid.kinematics import BodyTree
from uhc.humanoid.model import Contacts, Humanoid, build_humanoid, qpos_to_corners, qpos_to_spheres

Turns = Mapping[int, list[float]]
"""Joints turned from rest by rotation vectors in degrees, z up."""


def symmetric_body(contacts: Contacts) -> Humanoid:
    offsets = DEFAULT_SKELETON.offsets
    mirrored = offsets[list(MIRROR)] * [-1.0, 1.0, 1.0]
    return build_humanoid(Skeleton(0.5 * (offsets + mirrored)), contacts=contacts)


def held(humanoid: Humanoid, turns: Turns) -> NDArray[np.float64]:
    """(40, nq) of one pose, two seconds, lowest points at height 0."""
    qpos = np.zeros((1, humanoid.nq))
    qpos[:, 3::4] = 1.0
    for joint, turn in turns.items():
        start = 3 + 4 * list(humanoid.body_joints).index(joint)
        rotation = Rotation.from_rotvec(turn, degrees=True)
        qpos[0, start : start + 4] = rotation.as_quat(scalar_first=True)
    points = qpos_to_corners(humanoid, qpos), qpos_to_spheres(humanoid, qpos)
    qpos[:, 2] -= np.concatenate(points, axis=1)[..., 2].min()
    return np.repeat(qpos, 40, axis=0)


def all_fours() -> Turns:
    """On hands and knees, thighs and arms upright, insteps off the floor."""
    tilt, foot = 10.4, [62.0, 0.0, 0.0]  # arms are longer than thighs
    thigh, shank = [tilt - 90.0, 0.0, 0.0], [90.0, 0.0, 0.0]
    turns = {0: [90.0 - tilt, 0.0, 0.0], 1: thigh, 2: thigh, 4: shank, 5: shank, 7: foot, 8: foot}
    for shoulder, side in ((16, -90.0), (17, 90.0)):
        down = Rotation.from_euler("Z", side, degrees=True)
        upright = Rotation.from_euler("X", tilt, degrees=True) * down
        turns[shoulder] = upright.as_rotvec(degrees=True).tolist()
    return turns


def moved_by(tree: BodyTree, points: slice) -> NDArray[np.float64]:
    """(P, nv): ones at the coordinates that move a point, found by walking up its bodies."""
    moves = np.zeros((len(tree.point_body[points]), 3 + 3 * len(tree.parent)))
    for row, body in zip(moves, tree.point_body[points], strict=True):
        row[:3] = 1.0
        while body >= 0:
            row[3 + 3 * body : 6 + 3 * body] = 1.0
            body = tree.parent[body]
    return moves
