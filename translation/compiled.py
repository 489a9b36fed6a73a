"""What compiled loops share: one rotation a call, small systems, the tree of a body.

Rotations are those of `translation.rotations`, which is for whole arrays; results go into given
arrays. Quaternions are ``quat_wxyz``. numba's cache notices changes of the file that holds a
function, not of files it calls into: whoever changes this file has to remove the ``__pycache__``
folders of its callers.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from body_models.arrays import Array

jit = numba.njit(cache=True, nogil=True, error_model="numpy")
"""How this project compiles loops."""


@jit
def multiply(a: Array, b: Array, sign: float, out: Array) -> None:
    """Compute the product a * b (sign 1) or inverse(a) * b (sign -1) of unit quaternions (4,)."""
    w, x, y, z = a[0], sign * a[1], sign * a[2], sign * a[3]
    out[0] = w * b[0] - x * b[1] - y * b[2] - z * b[3]
    out[1] = w * b[1] + x * b[0] + y * b[3] - z * b[2]
    out[2] = w * b[2] - x * b[3] + y * b[0] + z * b[1]
    out[3] = w * b[3] + x * b[2] - y * b[1] + z * b[0]


@jit
def rotate(quat: Array, vector: Array, out: Array) -> None:
    """Rotate a vector (3,) by a unit quaternion (4,)."""
    w, x, y, z = quat[0], quat[1], quat[2], quat[3]
    tx = 2.0 * (y * vector[2] - z * vector[1])
    ty = 2.0 * (z * vector[0] - x * vector[2])
    tz = 2.0 * (x * vector[1] - y * vector[0])
    out[0] = vector[0] + w * tx + (y * tz - z * ty)
    out[1] = vector[1] + w * ty + (z * tx - x * tz)
    out[2] = vector[2] + w * tz + (x * ty - y * tx)


@jit
def log(w: float, x: float, y: float, z: float, out: Array) -> None:
    """Compute the rotation vector (3,), radians, of a unit quaternion, the shorter way round."""
    if w < 0.0:
        w, x, y, z = -w, -x, -y, -z
    norm = math.sqrt(x * x + y * y + z * z)
    scale = 2.0 * math.atan2(norm, w) / norm if norm > 1e-12 else 2.0
    out[0], out[1], out[2] = scale * x, scale * y, scale * z


@jit
def factorise(matrix: Array) -> None:
    """Replace the lower half of a positive definite matrix (n, n) by its Cholesky factor.

    What is not positive definite gives numbers that are not finite.
    """
    for i in range(matrix.shape[0]):
        for j in range(i + 1):
            entry = matrix[i, j]
            for k in range(j):
                entry -= matrix[i, k] * matrix[j, k]
            if i == j:
                matrix[i, i] = math.sqrt(entry)
            else:
                matrix[i, j] = entry / matrix[j, j]


@jit
def substitute(factor: Array, right: Array, out: Array) -> None:
    """Solve for right (n,) with what `factorise` left."""
    n = factor.shape[0]
    for i in range(n):
        total = right[i]
        for k in range(i):
            total -= factor[i, k] * out[k]
        out[i] = total / factor[i, i]
    for i in range(n - 1, -1, -1):
        for k in range(i + 1, n):
            out[i] -= factor[k, i] * out[k]
        out[i] /= factor[i, i]


def chain(
    root: ArrayLike, local: ArrayLike, parents: ArrayLike, offsets: ArrayLike
) -> tuple[Array, Array]:
    """Compute where the bodies of a tree are: positions (F, B, 3) and rotations (F, B, 4).

    The one forward kinematics on quaternions.

    Args:
        root: (F, 3) positions of the first body.
        local: (F, B, 4) rotations relative to the parent; of the first body in the world.
        parents: (B,) index of each body's parent, which comes before it; -1 for the first.
        offsets: (B, 3) origins in the parent's frame.
    """
    rotations = _contiguous(local)
    positions, quats = np.empty((*rotations.shape[:2], 3)), np.empty(rotations.shape)
    above = np.ascontiguousarray(parents, dtype=np.int64)
    _chain(_contiguous(root), rotations, above, _contiguous(offsets), positions, quats)
    return positions, quats


def carried(positions: Array, quats: Array, bodies: ArrayLike, offsets: ArrayLike) -> Array:
    """Compute points (F, P, 3) at `offsets` (P, 3) in the frames of `bodies` (P,) of a `chain`."""
    carriers = np.ascontiguousarray(bodies, dtype=np.int64)
    points = np.empty((len(positions), len(carriers), 3))
    _carried(positions, quats, carriers, _contiguous(offsets), points)
    return points


def _contiguous(values: ArrayLike) -> Array:
    """Give the array one memory layout, so that the loops are compiled once."""
    return np.require(values, np.float64, ("C", "W"))


@jit
def _chain(
    root: Array,
    local: Array,
    parents: NDArray[np.int64],
    offsets: Array,
    positions: Array,
    quats: Array,
) -> None:
    for f in range(len(root)):
        for b in range(local.shape[1]):
            above = parents[b]
            if above < 0:
                positions[f, b], quats[f, b] = root[f], local[f, b]
                continue
            rotate(quats[f, above], offsets[b], positions[f, b])
            multiply(quats[f, above], local[f, b], 1.0, quats[f, b])
            for k in range(3):
                positions[f, b, k] += positions[f, above, k]


@jit
def _carried(
    positions: Array, quats: Array, bodies: NDArray[np.int64], offsets: Array, points: Array
) -> None:
    for f in range(len(positions)):
        for p in range(len(bodies)):
            rotate(quats[f, bodies[p]], offsets[p], points[f, p])
            for k in range(3):
                points[f, p, k] += positions[f, bodies[p], k]
