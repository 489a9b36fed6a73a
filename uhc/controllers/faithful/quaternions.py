"""Quaternion rules of the published controller that a cleaner algebra would not have.

All are `quat_wxyz` (..., 4), of any length and sign: neither is mended, since both reach the
published network.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from body_models.arrays import Array
from translation.rotations import qinv, qmul, qrot


def inverse(quat: Array) -> Array:
    """Invert quaternions (..., 4) that need not have unit length."""
    return qinv(quat) / np.sum(quat**2, axis=-1, keepdims=True)


def rotate_back(quat: Array, vectors: Array) -> Array:
    """Rotate vectors (..., 3) by the inverse of `quat` (4,), whatever its length."""
    return qrot(qinv(quat / np.linalg.norm(quat)), vectors)


def heading_quat(quat: Array) -> Array:
    """Return the twist (4,) of a quaternion about z, of unit length, with the sign it has."""
    twist = quat * [1.0, 0.0, 0.0, 1.0]
    return twist / np.linalg.norm(twist)


def heading_angle(quat: Array) -> float:
    """Return the angle of the twist about z, 0 to 2 pi: of the quaternion with z >= 0."""
    twist = heading_quat(quat)
    return float(2.0 * np.arccos(-twist[0] if twist[3] < 0 else twist[0]))


def local_quats(qpos: Array) -> Array:
    """Return the rotations (24, 4) of the bodies in `qpos` (76,) relative to their parents.

    The root's is as it stands; the others are products of half-angles, z then y then x, so that
    their signs tell how often an angle went round.
    """
    half = 0.5 * qpos[7:].reshape(23, 3)
    axes = np.zeros((3, 23, 4))
    axes[..., 0] = np.cos(half).T
    for row, component in enumerate((3, 2, 1)):  # hinges about z, y, x
        axes[row, :, component] = np.sin(half[:, row])
    return np.concatenate([qpos[None, 3:7], qmul(qmul(axes[0], axes[1]), axes[2])])


def rates(before: Array, after: Array, seconds: float) -> Array:
    """Return angular velocities (..., 3), rad/s, between quaternions (..., 4), sign not mended."""
    turn = qmul(after, inverse(before))
    half = np.arccos(np.clip(turn[..., :1], -1.0, 1.0))
    sine = np.sin(half)
    still = sine < 1e-5  # published threshold
    return np.where(still, 0.0, 2.0 * half / np.where(still, 1.0, sine)) * turn[..., 1:] / seconds


def root_quats(rotvecs: Array) -> Array:
    """Return quaternions (F, 4) of rotation vectors (F, 3), with the published sign.

    The published conversion goes through matrices R and takes as positive: x where R[2, 2] < 1e-6
    and R[0, 0] > R[1, 1], y where only the first holds, else z where R[0, 0] < -R[1, 1], else w.
    """
    rotation = Rotation.from_rotvec(rotvecs)
    quats, first = rotation.as_quat(scalar_first=True), rotation.as_matrix()
    xx, yy, zz = np.moveaxis(np.diagonal(first, axis1=-2, axis2=-1), -1, 0)
    positive = np.where(zz < 1e-6, np.where(xx > yy, 1, 2), np.where(xx < -yy, 3, 0))
    chosen = np.take_along_axis(quats, positive[:, None], axis=-1)
    return np.where(chosen < 0, -quats, quats)
