"""One step of computed-torque control with contact forces, compiled.

The controller wants the acceleration `a* = a_ref + damping (v_ref - v) + stiffness (q_ref - q)`.
Inverse dynamics say which generalised force that takes; what the six root coordinates need must
come from the floor. Forces at the contacts that touch (foot corners, lowest points of spheres) are
chosen by regularised non-negative least squares (friction pyramid), and a bounded wrench at the
root adds what its bound allows. Where both together fall short of the wrench that `a*` takes, the
acceleration is reduced: that of the root, and with it those of torso and arms, which then move so
as to keep the balance, as a person's do. Sources: computed torque (Luh, Walker and Paul 1980),
contact-force optimisation as in PhysCap (Shimada et al. 2020), residual forces (Yuan and Kitani
2020).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from body_models.arrays import Array
from translation.compiled import factorise, jit, log, multiply, substitute

FRICTION = 0.9
EFFORT = 0.05
"""Regularisation of the contact forces, in units where a force of one body weight is 1."""
TORQUE_WEIGHT = 4.0
HUGE = 1e9
"""No force of this size, N or Nm, belongs to a simulation that still makes sense."""
NEWTON_ITERATIONS = 40
NEWTON_TOLERANCE = 1e-8
LEG_BODIES = 6
"""Bodies after the root that are hips, knees and ankles; the others are torso, head and arms."""


class Spring(NamedTuple):
    """Pull to the reference: stiffness (1/s^2) and damping (1/s)."""

    stiffness: float
    damping: float


class Gains(NamedTuple):
    """Gains of the tracking controller; chosen on training clips, see results/uhc."""

    horizontal: Spring = Spring(400.0, 60.0)
    """Of the root: overdamped, so that a body off its path slows down before it turns back."""
    vertical: Spring = Spring(500.0, 35.0)
    rotation: Spring = Spring(500.0, 45.0)
    legs: Spring = Spring(625.0, 50.0)
    """Of the joints of the legs."""
    upper: Spring = Spring(484.0, 44.0)
    """Of the joints of torso, head and arms."""
    anchor: float = 0.6
    """Rate (1/s) at which the reference gives way: it moves, horizontally, to where the body is, so
    that a body that was pushed aside goes on beside its path and does not fall back onto it."""
    upper_yield: float = 5.0
    """How readily torso, head and arms give up their accelerations when contacts do not deliver
    what the root needs, in comparison with the root itself; legs never do, they have to land."""


def yields(gains: Gains, nv: int) -> Array:
    """Return how readily each coordinate gives up its acceleration (nv,), for `computed_torque`."""
    shares = np.full(nv, gains.upper_yield)
    shares[:6], shares[6 : 6 + 3 * LEG_BODIES] = 1.0, 0.0
    return shares


@jit
def rotation_error(quat: Array, goal: Array) -> Array:
    """Return the rotation vector (3,), in the frame of `quat`, from `quat` to `goal` (wxyz)."""
    turn, error = np.empty(4), np.empty(3)
    multiply(quat, goal, -1.0, turn)
    log(turn[0], turn[1], turn[2], turn[3], error)
    return error


@jit
def rotate_vector(rotvec: Array, vector: Array) -> Array:
    """Rotate a vector (3,) by a rotation vector (3,), radians (Rodrigues' formula)."""
    angle = np.sqrt(rotvec[0] ** 2 + rotvec[1] ** 2 + rotvec[2] ** 2)
    if angle < 1e-9:
        return vector.copy()
    axis = rotvec / angle
    c, s = np.cos(angle), np.sin(angle)
    dot = axis[0] * vector[0] + axis[1] * vector[1] + axis[2] * vector[2]
    out = np.empty(3)
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        cross = axis[j] * vector[k] - axis[k] * vector[j]
        out[i] = c * vector[i] + s * cross + (1.0 - c) * dot * axis[i]
    return out


@jit
def desired_acceleration(
    qpos: Array,
    qvel: Array,
    ref_qpos: Array,
    ref_qvel: Array,
    ref_qacc: Array,
    gains: Gains,
) -> Array:
    """Return the acceleration (nv,) that springs to the moving reference ask for.

    Positions, velocities and accelerations as MuJoCo has them. The reference's angular velocities
    and accelerations are turned into the body's present frame first.
    """
    nv = qvel.shape[0]
    want = np.empty(nv)
    for i in range(3):
        spring = gains.horizontal if i < 2 else gains.vertical
        want[i] = (
            ref_qacc[i]
            + spring.damping * (ref_qvel[i] - qvel[i])
            + spring.stiffness * (ref_qpos[i] - qpos[i])
        )
    for ball in range((nv - 3) // 3):
        p, v = 3 + 4 * ball, 3 + 3 * ball
        spring = gains.rotation
        if ball > 0:
            spring = gains.legs if ball <= LEG_BODIES else gains.upper
        error = rotation_error(qpos[p : p + 4], ref_qpos[p : p + 4])
        speed = rotate_vector(error, ref_qvel[v : v + 3]) - qvel[v : v + 3]
        acceleration = rotate_vector(error, ref_qacc[v : v + 3])
        want[v : v + 3] = acceleration + spring.damping * speed + spring.stiffness * error
    return want


@jit
def contact_forces(
    demand: Array, columns: Array, effort: float, dual: Array
) -> tuple[Array, Array]:
    """Minimise |demand - columns f|^2 + effort |f|^2 over f >= 0; returns f (K,) and its dual.

    Newton's method on the dual, an unconstrained piecewise quadratic in as many unknowns as
    `demand` has rows (6): min over y of |y|^2 / 2 + |max(0, columns' y)|^2 / (2 effort) - demand y,
    f = max(0, columns' y) / effort. `dual` is where to start (a solution of a nearby problem).
    """
    rows, count = columns.shape
    y, trial, step = dual.copy(), np.empty(rows), np.empty(rows)
    gradient, hessian, pull = np.empty(rows), np.empty((rows, rows)), np.empty(count)
    value = _dual_value(demand, columns, effort, y, pull)
    for _ in range(NEWTON_ITERATIONS):
        steepest = 0.0
        for i in range(rows):
            gradient[i] = y[i] - demand[i]
            for j in range(i + 1):
                hessian[i, j] = 1.0 if i == j else 0.0
        for k in range(count):
            if pull[k] > 0.0:
                for i in range(rows):
                    gradient[i] += columns[i, k] * pull[k] / effort
                    for j in range(i + 1):
                        hessian[i, j] += columns[i, k] * columns[j, k] / effort
        for i in range(rows):
            steepest = max(steepest, abs(gradient[i]))
        if steepest < NEWTON_TOLERANCE:
            break
        factorise(hessian)
        substitute(hessian, gradient, step)
        slope = 0.0
        for i in range(rows):
            slope -= step[i] * gradient[i]
        length = 1.0
        for _ in range(20):
            for i in range(rows):
                trial[i] = y[i] - length * step[i]
            trial_value = _dual_value(demand, columns, effort, trial, pull)
            if trial_value <= value + 1e-4 * length * slope + 1e-14:
                break
            length *= 0.5
        y[:] = trial
        value = trial_value
    return np.maximum(pull, 0.0) / effort, y


@jit
def _dual_value(demand: Array, columns: Array, effort: float, y: Array, pull: Array) -> float:
    """Return the dual's value at `y` (6,), and write columns' y into `pull` (K,)."""
    value = 0.0
    for i in range(y.shape[0]):
        value += (0.5 * y[i] - demand[i]) * y[i]
    for k in range(pull.shape[0]):
        pull[k] = 0.0
        for i in range(y.shape[0]):
            pull[k] += columns[i, k] * y[i]
        if pull[k] > 0.0:
            value += 0.5 * pull[k] ** 2 / effort
    return value


@jit
def _cross(a: Array, b: Array) -> tuple[float, float, float]:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


@jit
def _touching_columns(
    contacts: Array, root_position: Array, root_matrix: Array, weight: float
) -> tuple[Array, Array, NDArray[np.int64]]:
    """Compute the root wrench (6, K) of each friction-pyramid edge that touches, and whose it is.

    Force rows in the world, torque rows in the root's frame (MuJoCo's free joint).
    """
    touching = 0
    for c in range(contacts.shape[0]):
        if contacts[c, 2] < 0.0:
            touching += 1
    columns = np.empty((6, 4 * touching))
    directions = np.empty((4 * touching, 3))
    owners = np.empty(4 * touching, dtype=np.int64)
    k = 0
    for c in range(contacts.shape[0]):
        if contacts[c, 2] >= 0.0:
            continue
        arm = contacts[c] - root_position
        for edge in range(4):
            force = directions[k]
            force[:] = 0.0
            force[edge // 2] = FRICTION * (1.0 - 2.0 * (edge % 2)) * weight
            force[2] = weight
            x, y, z = _cross(arm, force)
            for i in range(3):
                columns[i, k] = force[i]
                columns[3 + i, k] = (
                    root_matrix[0, i] * x + root_matrix[1, i] * y + root_matrix[2, i] * z
                )
            owners[k] = c
            k += 1
    return columns, directions, owners


@jit
def computed_torque(
    want: Array,
    mass_matrix: Array,
    implicit_damping: Array,
    bias: Array,
    passive: Array,
    body_positions: Array,
    body_matrices: Array,
    contacts: Array,
    contact_bodies: NDArray[np.int64],
    body_parents: NDArray[np.int64],
    torque_limits: Array,
    weight: float,
    clamp: float,
    yields: Array,
    dual: Array,
) -> tuple[Array, Array]:
    """Compute the generalised force (nv,) to apply, and the dual (6,) of its contact problem.

    The dual is a warm start of the next step.

    Args:
        want: (nv,) desired acceleration.
        mass_matrix, bias, passive: terms of M a + bias = passive + applied + contacts.
        implicit_damping: (nv,) time step times joint damping, which the integrator adds to M's
            diagonal.
        body_positions, body_matrices: (17, 3) and (17, 9) body frames in the world.
        contacts, contact_bodies: (C, 3) points that may touch the floor, in the world, and the body
            that carries each.
        body_parents: (17,) parent of each body, -1 for the root.
        torque_limits: (nv,) of the joints, Nm.
        weight: body weight, N.
        clamp: bound on each axis of the residual root wrench, N and Nm.
        yields: (nv,) how readily each coordinate gives up its acceleration when neither contacts
            nor the clamped wrench deliver: the change that costs least, sum of its squares over
            these. Ones for the root and zeros let the root alone give way.
        dual: (6,) starting point.

    The first six numbers of the result are the residual root wrench: force in the world, torque in
    the root's frame. It is all NaN when the state has diverged.
    """
    nv = want.shape[0]
    need = mass_matrix @ want
    for i in range(nv):
        need[i] += implicit_damping[i] * want[i] + bias[i] - passive[i]
        if not abs(need[i]) < HUGE:  # true for NaN, too
            return np.full(nv, np.nan), dual
    scale = np.array([1.0, 1.0, 1.0, TORQUE_WEIGHT, TORQUE_WEIGHT, TORQUE_WEIGHT]) / weight
    columns, directions, owners = _touching_columns(
        contacts, body_positions[0], body_matrices[0].reshape(3, 3), weight
    )
    demand = need[:6] * scale
    for i in range(6):
        columns[i] *= scale[i]
    forces, dual = contact_forces(demand, columns, EFFORT, dual)
    applied = need.copy()
    for k in range(forces.shape[0]):
        if forces[k] <= 0.0:
            continue
        push = forces[k] * directions[k]
        for i in range(6):
            applied[i] -= forces[k] * columns[i, k] / scale[i]
        body = contact_bodies[owners[k]]
        while body > 0:
            x, y, z = _cross(contacts[owners[k]] - body_positions[body], push)
            frame = body_matrices[body]
            for i in range(3):
                applied[3 + 3 * body + i] -= frame[i] * x + frame[3 + i] * y + frame[6 + i] * z
            body = body_parents[body]
    delivered = np.minimum(np.maximum(applied[:6], -clamp), clamp)
    missing = applied[:6] - delivered
    # The part of the root wrench that nothing delivers is taken out of the acceleration.
    coupling, dearth = np.empty((6, 6)), np.empty(6)
    for i in range(6):
        for j in range(i + 1):
            coupling[i, j] = 0.0
            for d in range(nv):
                coupling[i, j] += mass_matrix[i, d] * yields[d] * mass_matrix[j, d]
    factorise(coupling)
    substitute(coupling, missing, dearth)
    given_up = yields * (dearth @ mass_matrix[:6])
    applied -= mass_matrix @ given_up + implicit_damping * given_up
    applied[:6] = delivered
    for i in range(6, applied.shape[0]):
        applied[i] = min(max(applied[i], -torque_limits[i]), torque_limits[i])
    return applied, dual
