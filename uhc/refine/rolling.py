"""Slip of contact points: corners slide, spheres slide and roll.

Where a sphere of radius r touches the floor there is other material in every frame. Between two
frames with rotations R and R' the material under its centre moves, besides with the centre, by

    (A - A^T) u / 2,    A = R' R^T,    u = (0, 0, -r)

which is the mean of how the lowest point of the first frame moves on and of how that of the second
arrived; in the limit it is `omega x u`, the velocity of the material point that touches. A sphere
that rolls without slipping has none.
"""

from __future__ import annotations

import numpy as np

from body_models.arrays import Array
from translation.rotations import cross
from uhc.humanoid.kinematics import CONTACTS, BodyTree, ClipState


def slip(tree: BodyTree, state: ClipState) -> Array:
    """Return (F - 1, C, 2): horizontal displacement of what touches, from frame to frame, m."""
    step = np.diff(state.points[:, CONTACTS, :2], axis=0)
    if len(spheres := tree.spheres):
        turn = _turns(tree, state)
        odd = turn[..., :2, 2] - turn[..., 2, :2]
        step[:, spheres - CONTACTS.start] -= 0.5 * tree.point_radius[spheres, None] * odd
    return step


def rolling_torque(tree: BodyTree, state: ClipState, force: Array) -> Array:
    """Return (F, S, 3): the part of slip's gradient that is no force at the lowest point.

    For `force` (F - 1, C, 2), derivatives of a function with respect to `slip`, that function's
    derivative is a force at each end of a step, plus this torque on the bodies of the spheres. It
    vanishes with the angle between frames.
    """
    spheres = tree.spheres
    push = np.zeros((len(force), len(spheres), 3))
    push[..., :2] = force[:, spheres - CONTACTS.start]
    turn = _turns(tree, state)
    back = np.swapaxes(turn, -1, -2)
    below = np.array([0.0, 0.0, -1.0]) * tree.point_radius[spheres, None]
    straight = cross(below, push)
    torque = np.zeros((len(state.points), len(spheres), 3))
    torque[1:] += 0.5 * (cross(_apply(turn, below), push) + cross(below, _apply(turn, push)))
    torque[1:] -= straight
    torque[:-1] -= 0.5 * (cross(_apply(back, below), push) + cross(below, _apply(back, push)))
    torque[:-1] += straight
    return torque


def _turns(tree: BodyTree, state: ClipState) -> Array:
    """Return (F - 1, S, 3, 3): rotation of the spheres' bodies from each frame to the next."""
    rot = state.rot[:, tree.point_body[tree.spheres]]
    return rot[1:] @ np.swapaxes(rot[:-1], -1, -2)


def _apply(matrices: Array, vectors: Array) -> Array:
    return (matrices @ vectors[..., None])[..., 0]
