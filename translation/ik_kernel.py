"""The compiled inner loop of the inverse kinematics: one clip, frame after frame.

Unknowns of a frame: 3 of the root's position, then 3 per joint with children (17 of them), a small
turn in the joint's own frame, ``local <- local * exp(turn)``. Two unknowns meet in the normal
matrix only when one joint is above the other in the tree, so factorising from the leaves to the
root creates no further entries (Featherstone 2008, section 6.5).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from translation.compiled import jit as _jit
from translation.compiled import log, multiply

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@_jit
def _forward(
    root: Floats, quats: Floats, offsets: Floats, parents: Integers, frames: Floats, points: Floats
) -> None:
    """Compute world rotations ``frames`` (22, 3, 3) and positions ``points`` (22, 3), in place."""
    local = np.empty((3, 3))
    for j in range(22):
        w, x, y, z = quats[j, 0], quats[j, 1], quats[j, 2], quats[j, 3]
        local[0, 0], local[1, 1] = 1 - 2 * (y * y + z * z), 1 - 2 * (x * x + z * z)
        local[2, 2] = 1 - 2 * (x * x + y * y)
        local[0, 1], local[1, 0] = 2 * (x * y - w * z), 2 * (x * y + w * z)
        local[0, 2], local[2, 0] = 2 * (x * z + w * y), 2 * (x * z - w * y)
        local[1, 2], local[2, 1] = 2 * (y * z - w * x), 2 * (y * z + w * x)
        p = parents[j]
        for a in range(3):
            if p < 0:
                points[j, a] = root[a]
            else:
                points[j, a] = points[p, a]
            for b in range(3):
                if p < 0:
                    frames[j, a, b] = local[a, b]
                else:
                    points[j, a] += frames[p, a, b] * offsets[j, b]
                    total = 0.0
                    for c in range(3):
                        total += frames[p, a, c] * local[c, b]
                    frames[j, a, b] = total


@_jit
def _axis_columns(
    joint: int,
    x: float,
    y: float,
    z: float,
    parents: Integers,
    first: Integers,
    frames: Floats,
    points: Floats,
    columns: Floats,
    index: Integers,
    about_point: bool,
) -> int:
    """Fill columns d(x, y, z) / d(turn) of ``joint`` and the joints above it, from the leaf up.

    (x, y, z) is a point, or with ``about_point`` False a direction carried by the joint.
    """
    count = 0
    a = joint
    while a >= 0:
        rx, ry, rz = x, y, z
        if about_point:
            rx, ry, rz = x - points[a, 0], y - points[a, 1], z - points[a, 2]
        for k in range(2, -1, -1):
            ux, uy, uz = frames[a, 0, k], frames[a, 1, k], frames[a, 2, k]
            columns[count, 0] = uy * rz - uz * ry
            columns[count, 1] = uz * rx - ux * rz
            columns[count, 2] = ux * ry - uy * rx
            index[count] = first[a] + k
            count += 1
        a = parents[a]
    return count


@_jit
def _normal_equations(
    targets: Floats,
    parents: Integers,
    first: Integers,
    frames: Floats,
    points: Floats,
    level_weights: Floats,
    matrix: Floats,
    right: Floats,
) -> None:
    """Add the joint distances and the level-foot terms to ``matrix`` (lower) and ``right``."""
    columns = np.empty((32, 3))
    index = np.empty(32, dtype=np.int64)
    for j in range(22):
        ex = targets[j, 0] - points[j, 0]
        ey = targets[j, 1] - points[j, 1]
        ez = targets[j, 2] - points[j, 2]
        count = _axis_columns(
            parents[j], points[j, 0], points[j, 1], points[j, 2],
            parents, first, frames, points, columns, index, True,
        )  # fmt: skip
        for k in range(2, -1, -1):  # the root's position moves every joint alike
            columns[count, 0], columns[count, 1], columns[count, 2] = k == 0, k == 1, k == 2
            index[count] = k
            count += 1
        for a in range(count):
            u, v, w = columns[a, 0], columns[a, 1], columns[a, 2]
            right[index[a]] += u * ex + v * ey + w * ez
            for b in range(a, count):
                matrix[index[a], index[b]] += (
                    u * columns[b, 0] + v * columns[b, 1] + w * columns[b, 2]
                )
    for foot in range(22):  # height of the tip of a foot's lateral axis, x
        square = level_weights[foot] ** 2
        if square == 0.0:
            continue
        count = _axis_columns(
            foot, frames[foot, 0, 0], frames[foot, 1, 0], frames[foot, 2, 0],
            parents, first, frames, points, columns, index, False,
        )  # fmt: skip
        for a in range(count):
            right[index[a]] -= square * columns[a, 1] * frames[foot, 1, 0]
            for b in range(a, count):
                matrix[index[a], index[b]] += square * columns[a, 1] * columns[b, 1]


@_jit
def _pull(
    quats: Floats,
    before: Floats,
    first: Integers,
    rest_weights: Floats,
    bend: Floats,
    limit_weight: float,
    warm_weight: float,
    matrix: Floats,
    right: Floats,
) -> None:
    """Add the pulls to the rest pose and to the pose ``before``."""
    turn = np.empty(3)
    change = np.empty(4)
    for j in range(22):
        d = first[j]
        if d < 0:
            continue
        log(quats[j, 0], quats[j, 1], quats[j, 2], quats[j, 3], turn)
        for k in range(3):
            square = rest_weights[j, k] ** 2
            if bend[j, k] * turn[k] < 0.0:
                square += limit_weight**2
            matrix[d + k, d + k] += square + warm_weight**2
            right[d + k] -= square * turn[k]
        multiply(before[j], quats[j], -1.0, change)
        log(change[0], change[1], change[2], change[3], turn)
        for k in range(3):
            right[d + k] -= warm_weight**2 * turn[k]


@_jit
def _solve(matrix: Floats, right: Floats, above: Integers) -> None:
    """Solve in place by L^T L over the tree ``above`` (parent of each unknown, -1 at the top)."""
    n = right.shape[0]
    for k in range(n - 1, -1, -1):
        matrix[k, k] = math.sqrt(matrix[k, k])
        i = above[k]
        while i >= 0:
            matrix[k, i] /= matrix[k, k]
            i = above[i]
        i = above[k]
        while i >= 0:
            j = i
            while j >= 0:
                matrix[i, j] -= matrix[k, i] * matrix[k, j]
                j = above[j]
            i = above[i]
        right[k] /= matrix[k, k]
        i = above[k]
        while i >= 0:
            right[i] -= matrix[k, i] * right[k]
            i = above[i]
    for k in range(n):
        i = above[k]
        while i >= 0:
            right[k] -= matrix[k, i] * right[i]
            i = above[i]
        right[k] /= matrix[k, k]


@_jit
def _step(root: Floats, quats: Floats, first: Integers, delta: Floats, cap: float) -> float:
    """Apply ``delta`` to root and quats, shortened so that no joint turns more than ``cap``."""
    largest = 0.0
    for j in range(22):
        d = first[j]
        if d >= 0:
            largest = max(largest, math.sqrt(delta[d] ** 2 + delta[d + 1] ** 2 + delta[d + 2] ** 2))
    scale = 1.0 if largest <= cap else cap / largest
    small = np.empty(4)
    turned = np.empty(4)
    for k in range(3):
        root[k] += scale * delta[k]
    for j in range(22):
        d = first[j]
        if d < 0:
            continue
        x, y, z = scale * delta[d], scale * delta[d + 1], scale * delta[d + 2]
        angle = math.sqrt(x * x + y * y + z * z)
        share = 0.5 if angle < 1e-8 else math.sin(0.5 * angle) / angle
        small[0], small[1], small[2], small[3] = (
            math.cos(0.5 * angle),
            share * x,
            share * y,
            share * z,
        )
        multiply(quats[j], small, 1.0, turned)
        norm = math.sqrt(turned[0] ** 2 + turned[1] ** 2 + turned[2] ** 2 + turned[3] ** 2)
        for k in range(4):
            quats[j, k] = turned[k] / norm
    return scale * largest


@_jit
def _worst_distance(targets: Floats, points: Floats) -> float:
    worst = 0.0
    for j in range(22):
        square = 0.0
        for k in range(3):
            square += (targets[j, k] - points[j, k]) ** 2
        worst = max(worst, square)
    return math.sqrt(worst)


@_jit
def _solve_frame(
    targets: Floats,
    offsets: Floats,
    parents: Integers,
    first: Integers,
    above: Integers,
    level_weights: Floats,
    rest_weights: Floats,
    bend: Floats,
    options: Floats,
    iterations: int,
    root: Floats,
    quats: Floats,
    frames: Floats,
    points: Floats,
) -> float:
    """Solve by damped Gauss-Newton, (root, quats) in place; return the largest joint distance."""
    warm_weight, limit_weight, cap, tolerance = options[0], options[1], options[2], options[3]
    before = np.empty((22, 4))
    _copy(quats, before)
    matrix = np.empty((above.shape[0], above.shape[0]))
    right = np.empty(above.shape[0])
    for _ in range(iterations):
        _forward(root, quats, offsets, parents, frames, points)
        for k in range(right.shape[0]):
            right[k] = 0.0
            for i in range(k):
                matrix[k, i] = 0.0
            matrix[k, k] = 1e-9  # positive definite even without pulls
        _normal_equations(targets, parents, first, frames, points, level_weights, matrix, right)
        _pull(quats, before, first, rest_weights, bend, limit_weight, warm_weight, matrix, right)
        _solve(matrix, right, above)
        if _step(root, quats, first, right, cap) < tolerance:
            break
    _forward(root, quats, offsets, parents, frames, points)
    return _worst_distance(targets, points)


@_jit
def _copy(source: Floats, target: Floats) -> None:
    for j in range(source.shape[0]):
        for k in range(source.shape[1]):
            target[j, k] = source[j, k]


@_jit
def _align_signs(before: Floats, quats: Floats) -> None:
    """Take of the two quaternions of each rotation the one nearer to the frame before."""
    for j in range(22):
        same = 0.0
        for k in range(4):
            same += quats[j, k] * before[j, k]
        if same < 0.0:
            for k in range(4):
                quats[j, k] = -quats[j, k]


@_jit
def solve_clip(
    targets: Floats,
    guess: Floats,
    offsets: Floats,
    parents: Integers,
    first: Integers,
    above: Integers,
    level_weights: Floats,
    rest_weights: Floats,
    bend: Floats,
    options: Floats,
    iterations: int,
    out_root: Floats,
    out_quats: Floats,
    out_joints: Floats,
) -> None:
    """Fit every frame of one clip, warm-started from the frame before.

    Args:
        targets: (F, 22, 3) metres.
        guess: (F, 22, 4) closed-form local quat_wxyz: the start of frame 0, and of any frame whose
            warm-started solution is farther off than its guess is.
        offsets, parents: the skeleton.
        first: (22,) first unknown of each joint, -1 for the leaves.
        above: (54,) the unknown above each unknown in the tree, -1 at the top.
        level_weights: (F, 22) pull of each joint's x axis to the horizontal.
        rest_weights: (22, 3) pull to the rest pose about each joint's own axes.
        bend: (22, 3) sign that a hinge's angle must not leave, 0 where there is no hinge.
        options: warm-start weight, hinge-limit weight, step cap (rad), smallest step (rad),
            smallest distance (m) at which the guess is tried.
        iterations: most iterations a warm-started frame takes; a frame from its guess takes four
            times as many.
        out_root (F, 3), out_quats (F, 22, 4), out_joints (F, 22, 3): results.
    """
    root, quats = np.empty(3), np.empty((22, 4))
    frames, points = np.empty((22, 3, 3)), np.empty((22, 3))
    for f in range(targets.shape[0]):
        from_guess = f == 0
        while True:
            for k in range(3):
                root[k] = targets[f, 0, k]
                if not from_guess:
                    root[k] += out_root[f - 1, k] - targets[f - 1, 0, k]
            _copy(guess[f] if from_guess else out_quats[f - 1], quats)
            worst = _solve_frame(
                targets[f], offsets, parents, first, above, level_weights[f], rest_weights, bend,
                options, 4 * iterations if from_guess else iterations, root, quats, frames, points,
            )  # fmt: skip
            if f > 0:
                _align_signs(out_quats[f - 1], quats)
            for k in range(3):
                out_root[f, k] = root[k]
            _copy(quats, out_quats[f])
            _copy(points, out_joints[f])
            if from_guess or worst <= options[4]:
                break
            _forward(targets[f, 0], guess[f], offsets, parents, frames, points)
            if _worst_distance(targets[f], points) >= worst:
                break
            from_guess = True
