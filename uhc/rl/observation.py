"""What the learned controller sees: its body, and where the reference wants it to be.

Everything is in the heading frame of the simulated body (z up, turned about z with the root), so
that a motion looks the same wherever it goes. Compiled, because every control step asks for it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from body_models.arrays import Array
from translation.compiled import jit, rotate
from uhc.control.computed_torque import rotation_error

BODIES = 17
OWN = 1 + 6 + 6 + 3 * (BODIES - 1) * 3 + 6
NEXT = 6 + 3 * (BODIES - 1) * 3
LATER = 9 + 3 * (BODIES - 1)
LOOKAHEAD = (3, 7)
"""Control steps ahead of the present at which the reference is seen as well."""
SIZE = OWN + NEXT + LATER * len(LOOKAHEAD)


@jit
def _level(heading: float, vector: Array) -> Array:
    """Turn a world vector (3,) into the frame turned by `heading` about z."""
    c, s = np.cos(heading), np.sin(heading)
    return np.array([c * vector[0] + s * vector[1], -s * vector[0] + c * vector[1], vector[2]])


@jit
def heading(quat: Array) -> float:
    """Return the angle (rad) by which a root quaternion wxyz turns the body's x axis about z."""
    w, x, y, z = quat
    return np.arctan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))


@jit
def observe(
    qpos: Array,
    qvel: Array,
    bodies: Array,
    dual: Array,
    ref_qpos: Array,
    ref_qvel: Array,
    ref_bodies: Array,
    ahead: NDArray[np.int64],
) -> Array:
    """Compute the observation (SIZE,), before normalisation.

    Args:
        qpos, qvel: (71,) and (54,), the simulated state.
        bodies: (17, 3) origins of its bodies in the world.
        dual: (6,) what of the last demanded root wrench no contact delivered, body weights.
        ref_qpos, ref_qvel, ref_bodies: (T, ...) the reference at the control rate.
        ahead: rows of the reference to look at: the next one, then those of `LOOKAHEAD`.
    """
    out = np.empty(SIZE)
    yaw = heading(qpos[3:7])
    out[0] = qpos[2]
    axis = np.empty(3)
    rotate(qpos[3:7], np.array([1.0, 0.0, 0.0]), axis)
    out[1:4] = _level(yaw, axis)
    rotate(qpos[3:7], np.array([0.0, 0.0, 1.0]), axis)
    out[4:7] = _level(yaw, axis)
    out[7:10] = _level(yaw, qvel[:3])
    out[10:13] = qvel[3:6]
    i = 13
    rest = np.array([1.0, 0.0, 0.0, 0.0])
    for body in range(1, BODIES):
        p = 3 + 4 * body
        out[i : i + 3] = -rotation_error(qpos[p : p + 4], rest)
        out[i + 48 : i + 51] = 0.1 * qvel[3 + 3 * body : 6 + 3 * body]
        out[i + 96 : i + 99] = _level(yaw, bodies[body] - bodies[0])
        i += 3
    i += 96
    out[i : i + 6] = dual
    i += 6
    row = ahead[0]
    out[i : i + 3] = _level(yaw, ref_qpos[row, :3] - qpos[:3])
    out[i + 3 : i + 6] = rotation_error(qpos[3:7], ref_qpos[row, 3:7])
    i += 6
    for body in range(1, BODIES):
        p, v = 3 + 4 * body, 3 + 3 * body
        out[i : i + 3] = rotation_error(qpos[p : p + 4], ref_qpos[row, p : p + 4])
        out[i + 48 : i + 51] = 0.1 * (ref_qvel[row, v : v + 3] - qvel[v : v + 3])
        out[i + 96 : i + 99] = _level(yaw, ref_bodies[row, body] - bodies[body])
        i += 3
    i += 96
    for k in range(1, ahead.shape[0]):
        row = ahead[k]
        out[i : i + 3] = _level(yaw, ref_qpos[row, :3] - qpos[:3])
        out[i + 3 : i + 6] = rotation_error(qpos[3:7], ref_qpos[row, 3:7])
        out[i + 6 : i + 9] = _level(yaw, ref_qvel[row, :3])
        i += 9
        for body in range(1, BODIES):
            out[i : i + 3] = _level(yaw, ref_bodies[row, body] - ref_bodies[row, 0])
            i += 3
    return out
