"""Sums over the tree of a body, compiled: what points and bodies carry, felt by each coordinate.

A motion vector is `(omega, velocity of the point at the world's origin)`; a point at p then moves
with `velocity + omega x p`. Bodies are numbered so that parents come first. Every group of three
coordinates moves one body: the root's translation and the root's rotation body 0, and so on.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from body_models.arrays import Array
from translation.compiled import jit

Integers = NDArray[np.int64]


@jit
def _point_rows(point: Array, rows: Array) -> None:
    """Write the map (3, 6) from a motion vector to the velocity of a point (3,)."""
    x, y, z = point[0], point[1], point[2]
    rows[:] = 0.0
    rows[0, 1], rows[0, 2], rows[0, 3] = z, -y, 1.0
    rows[1, 0], rows[1, 2], rows[1, 4] = -z, x, 1.0
    rows[2, 0], rows[2, 1], rows[2, 5] = y, -x, 1.0


@jit
def point_wrenches(points: Array, pushes: Array, bodies: Integers, out: Array) -> None:
    """Add forces (F, P, 3) at points (F, P, 3) to the wrenches (F, B, 6) of their bodies."""
    rows = np.empty((3, 6))
    for f in range(len(points)):
        for p in range(len(bodies)):
            _point_rows(points[f, p], rows)
            for i in range(3):
                for k in range(6):
                    out[f, bodies[p], k] += pushes[f, p, i] * rows[i, k]


@jit
def point_stiffness(
    left: Array, stiffness: Array, right: Array, bodies: Integers, out: Array
) -> None:
    """Add springs between points to the maps (F, B, 6, 6) of their bodies.

    `out` gains `l^T diag(stiffness) r`, where l and r take motion vectors to the velocities of the
    points `left` and `right` (F, P, 3); stiffness (F, P, 3) along the axes of the world.
    """
    one, two = np.empty((3, 6)), np.empty((3, 6))
    for f in range(len(left)):
        for p in range(len(bodies)):
            _point_rows(left[f, p], one)
            _point_rows(right[f, p], two)
            for i in range(3):
                if stiffness[f, p, i] != 0.0:
                    for k in range(6):
                        for m in range(6):
                            out[f, bodies[p], k, m] += stiffness[f, p, i] * one[i, k] * two[i, m]


@jit
def sum_subtrees(parent: Integers, carried: Array) -> None:
    """Add to what each body carries (F, B, N) what everything does that moves with it."""
    for f in range(len(carried)):
        for b in range(len(parent) - 1, 0, -1):
            for k in range(carried.shape[2]):
                carried[f, parent[b], k] += carried[f, b, k]


@jit
def project(motion: Array, below: Array, out: Array) -> None:
    """Apply the maps (F, B, 6, 6) of bodies to the coordinates' motion (F, nv, 6): (F, 6, nv)."""
    for f in range(len(motion)):
        for d in range(motion.shape[1]):
            body = max(d // 3 - 1, 0)
            for i in range(6):
                total = 0.0
                for k in range(6):
                    total += below[f, body, i, k] * motion[f, d, k]
                out[f, i, d] = total


@jit
def couple(
    left: Array, below: Array, right: Array, parent: Integers, symmetric: bool, out: Array
) -> None:
    """Write `left_d^T below right_e` (F, nv, nv) where one of d and e moves the other's body.

    Args:
        left, right: (F, nv, 6) motion of the coordinates.
        below: (F, B, 6, 6) maps, summed over subtrees: that of the lower body counts.
        symmetric: write the pairs of which e is above d, or on the same body, only.
        out: zeros.
    """
    groups = left.shape[1] // 3
    half = np.empty((3, 6))
    for f in range(len(left)):
        for group in range(groups):
            body = max(group - 1, 0)
            _times(left[f], 3 * group, below[f, body], False, half)
            _with_those_above(half, right[f], group, parent, True, False, out[f])
            if not symmetric:
                _times(right[f], 3 * group, below[f, body], True, half)
                _with_those_above(half, left[f], group, parent, False, True, out[f])


@jit
def _times(motion: Array, first: int, matrix: Array, transposed: bool, out: Array) -> None:
    """Write three rows of motion times a matrix (6, 6), or times its transpose."""
    for i in range(3):
        for m in range(6):
            total = 0.0
            for k in range(6):
                total += motion[first + i, k] * (matrix[m, k] if transposed else matrix[k, m])
            out[i, m] = total


@jit
def _with_those_above(
    half: Array, motion: Array, group: int, parent: Integers, same: bool, swapped: bool, out: Array
) -> None:
    """Write `half` (3, 6) times the motion of the groups above, and on the same body if `same`."""
    body = max(group - 1, 0)
    above = body if same else parent[body]
    while above >= 0:
        for other in range(0 if above == 0 else above + 1, above + 2):
            for i in range(3):
                for k in range(3):
                    total = 0.0
                    for m in range(6):
                        total += half[i, m] * motion[3 * other + k, m]
                    if swapped:
                        out[3 * other + k, 3 * group + i] = total
                    else:
                        out[3 * group + i, 3 * other + k] = total
        above = parent[above]
