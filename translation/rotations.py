"""Batched quaternion algebra on numpy arrays; anything rarer is left to scipy's Rotation.

Quaternions are ``quat_wxyz`` of unit length, in the last axis; all functions broadcast.
"""

from __future__ import annotations

import numpy as np

from body_models.arrays import Array


def cross(a: Array, b: Array) -> Array:
    """Compute ``a`` x ``b`` (..., 3), broadcast; less to call than numpy's cross product."""
    ax, ay, az = a[..., 0], a[..., 1], a[..., 2]
    bx, by, bz = b[..., 0], b[..., 1], b[..., 2]
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis=-1)


def qmul(a: Array, b: Array) -> Array:
    """Compute the Hamilton product of ``a`` (..., 4) and ``b`` (..., 4): the rotation b, then a."""
    aw, ax, ay, az = a[..., 0], a[..., 1], a[..., 2], a[..., 3]
    bw, bx, by, bz = b[..., 0], b[..., 1], b[..., 2], b[..., 3]
    return np.stack(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ],
        axis=-1,
    )


def qinv(quat_wxyz: Array) -> Array:
    """Return the inverse (conjugate) of unit quaternions (..., 4)."""
    return quat_wxyz * np.array([1.0, -1.0, -1.0, -1.0])


def qrot(quat_wxyz: Array, vectors: Array) -> Array:
    """Turn vectors (..., 3) by unit quaternions (..., 4)."""
    w, axis = quat_wxyz[..., :1], quat_wxyz[..., 1:]
    twice = 2.0 * cross(axis, vectors)
    return vectors + w * twice + cross(axis, twice)


def qbetween(source: Array, target: Array) -> Array:
    """Find the shortest rotation (..., 4) of unit vectors ``source`` (..., 3) into ``target``.

    For opposite vectors the axis is not determined; a fixed one perpendicular to ``source`` is
    taken.
    """
    source, target = np.broadcast_arrays(source, target)
    w = 1.0 + np.sum(source * target, axis=-1, keepdims=True)
    quat = np.concatenate([w, np.cross(source, target)], axis=-1)
    opposite = w[..., 0] < 1e-9
    if opposite.any():
        flat = source[opposite]
        least = np.eye(3)[np.argmin(np.abs(flat), axis=-1)]
        quat[opposite] = np.concatenate([0.0 * flat[:, :1], np.cross(flat, least)], axis=-1)
    return quat / np.linalg.norm(quat, axis=-1, keepdims=True)


def yaw_rotate(half_angle: Array, vectors: Array) -> Array:
    """Turn vectors (..., 3) about +y by twice ``half_angle`` (...), i.e. by (cos, 0, sin, 0)."""
    cos, sin = np.cos(2.0 * half_angle), np.sin(2.0 * half_angle)
    x, y, z = vectors[..., 0], vectors[..., 1], vectors[..., 2]
    return np.stack([cos * x + sin * z, y, cos * z - sin * x], axis=-1)


def cont6d(quat_wxyz: Array) -> Array:
    """Return the first two columns (..., 6) of rotation matrices (Zhou et al. 2019, HumanML3D)."""
    w, x, y, z = np.moveaxis(quat_wxyz, -1, 0)
    return np.stack(
        [
            1.0 - 2.0 * (y * y + z * z),
            2.0 * (x * y + w * z),
            2.0 * (x * z - w * y),
            2.0 * (x * y - w * z),
            1.0 - 2.0 * (x * x + z * z),
            2.0 * (y * z + w * x),
        ],
        axis=-1,
    )
