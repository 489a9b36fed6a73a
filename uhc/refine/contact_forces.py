"""Contact forces that explain a wrench best: a friction-pyramid NNLS for all frames at once.

For each frame, with wrench `w` (what the motion demands), pyramid generators `C` and weights `W`,

    min over lambda >= 0 of  |W (w - C lambda)|^2 / 2 + sum_k (e_k lambda_k^2 / 2 + l_k lambda_k)

where `e` makes a force dear that is far from the floor or moving, and `l` charges for the slip and
the height of what carries load. Its dual is an unconstrained, piecewise quadratic problem in the
six components of `y = W^2 (w - C lambda)`:

    min over y of  |W^-1 y|^2 / 2 + sum_k max(0, c_k . y - l_k)^2 / (2 e_k) - w . y

so Newton's method on six numbers replaces an active-set search. Its Hessian's inverse is also
how the optimal value curves in `w`: `S = (W^-2 + C_A E_A^-1 C_A^T)^-1` over the active generators.

Forces are in body weights (BW), torques in BW metres about the centre of mass.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from body_models.arrays import Array
from loop.errors import SimulationError
from translation.compiled import factorise, jit, substitute
from translation.rotations import cross

_MAX_NEWTON = 60
_TOLERANCE = 1e-9
_ARMIJO = 1e-4


@dataclass(frozen=True)
class ContactForces:
    """The optimum, a row a frame.

    `generators` (F, P, 4) BW along the pyramid's edges (vertical part of each edge 1); `dual`
    (F, 6): derivative of the optimal value with respect to the wrench; `curvature` (F, 6, 6): its
    second derivative; `value` (F,); `unexplained` (F, 6): w - C lambda, BW and BW m.
    """

    generators: Array
    dual: Array
    curvature: Array
    value: Array
    unexplained: Array
    friction: float

    @property
    def load(self) -> Array:
        """(F, P): vertical force at each contact point, BW."""
        return self.generators.sum(-1)

    @property
    def points(self) -> Array:
        """(F, P, 3): force at each contact point, BW, world frame."""
        return self.generators @ pyramid_edges(self.friction)


def pyramid_edges(friction: float) -> Array:
    """Return edges (4, 3) of the friction pyramid, each with a vertical part of one."""
    return np.array(
        [[friction, 0, 1], [-friction, 0, 1], [0, friction, 1], [0, -friction, 1]], dtype=float
    )


def generator_wrenches(arms: Array, friction: float) -> Array:
    """Map arms (F, P, 3) from the centre of mass to wrenches of unit generators (F, 6, 4 P)."""
    edges = np.broadcast_to(pyramid_edges(friction), (*arms.shape[:2], 4, 3))
    torque = cross(arms[:, :, None, :], edges)
    wrench = np.concatenate([edges, torque], -1)
    return wrench.reshape(len(arms), -1, 6).transpose(0, 2, 1)


def solve_contact_forces(
    wrench: Array,
    arms: Array,
    effort: Array,
    charge: Array,
    *,
    friction: float,
    torque_weight: float,
    start: Array | None = None,
) -> ContactForces:
    """Solve for the contact forces of F frames at P points that deliver a wrench best.

    Args:
        wrench: (F, 6) force BW and torque BW m about the centre of mass.
        arms: (F, P, 3) contact points minus centre of mass, metres.
        effort: (F, P) e > 0, quadratic weight of a point's generators.
        charge: (F, P) l >= 0, linear weight of a point's generators.
        torque_weight: W of the torque rows; force rows have 1.
        start: (F, 6) dual to start from (an earlier solution).

    Raises:
        SimulationError: Newton did not converge, or met values that are not finite.
    """
    frames, points = effort.shape
    weights = np.array([1.0, 1.0, 1.0, torque_weight, torque_weight, torque_weight])
    columns = np.ascontiguousarray(generator_wrenches(arms, friction).transpose(0, 2, 1)) * weights
    demand = wrench * weights
    dual = np.zeros_like(demand) if start is None else start / weights
    forces, value = np.empty((frames, 4 * points)), np.empty(frames)
    inverse, steepest = np.empty((frames, 6, 6)), np.empty(frames)
    _minimise_dual(
        demand, columns, 1.0 / effort, np.ascontiguousarray(charge), dual, forces, value, inverse,
        steepest,
    )  # fmt: skip
    _check_convergence(demand, steepest)
    delivered = (forces[:, None, :] @ columns)[:, 0] / weights
    return ContactForces(
        generators=forces.reshape(frames, points, 4),
        dual=dual * weights,
        curvature=inverse * weights * weights[:, None],
        value=value,
        unexplained=wrench - delivered,
        friction=friction,
    )


def _check_convergence(demand: Array, steepest: Array) -> None:
    tolerance = _TOLERANCE * (1.0 + np.abs(demand).max(-1))
    if (steepest <= tolerance).all():
        return
    lost = ~np.isfinite(steepest)
    frame = int(np.argmax(lost if lost.any() else steepest > tolerance))
    raise SimulationError(
        f"The contact forces of frame {frame} did not converge",
        found=f"gradient {steepest[frame]:.3g}, demand {demand[frame]}",
        expected=f"below {tolerance[frame]:.3g}",
        remedy="look at the motion there: accelerations this large do not come from a person",
    )


@jit
def _minimise_dual(
    demand: Array,
    columns: Array,
    easy: Array,
    price: Array,
    dual: Array,
    forces: Array,
    value: Array,
    inverse: Array,
    steepest: Array,
) -> None:
    """Minimise by Newton with a halving line search, frame by frame; W is inside.

    Args:
        demand (F, 6), columns (F, 4 P, 6), easy = 1 / e (F, P), price (F, P): the problem.
        dual: (F, 6) where to start; becomes the solution.
        forces (F, 4 P), value (F,) of the primal problem, inverse (F, 6, 6) of the dual's Hessian,
            steepest (F,) largest component of the gradient where it ended: results.
    """
    frames, count = forces.shape
    gradient, trial, step, unit = np.empty(6), np.empty(6), np.empty(6), np.zeros(6)
    hessian = np.empty((6, 6))
    for f in range(frames):
        largest = 0.0
        for i in range(6):
            largest = max(largest, abs(demand[f, i]))
        tolerance = _TOLERANCE * (1.0 + largest)
        here = _evaluate(demand[f], columns[f], easy[f], price[f], dual[f], forces[f], gradient)
        for _ in range(_MAX_NEWTON):
            steepest[f] = _largest(gradient)
            if steepest[f] <= tolerance or not np.isfinite(steepest[f]):
                break
            _curvature(columns[f], easy[f], forces[f], hessian)
            factorise(hessian)
            substitute(hessian, gradient, step)
            slope = 0.0
            for i in range(6):
                slope -= step[i] * gradient[i]
            slack, length, there = 1e-12 * (1.0 + abs(here)), 1.0, here
            for _ in range(30):
                for i in range(6):
                    trial[i] = dual[f, i] - length * step[i]
                there = _evaluate(
                    demand[f], columns[f], easy[f], price[f], trial, forces[f], gradient
                )
                if there <= here + _ARMIJO * length * slope + slack:
                    break
                length *= 0.5
            here = there
            dual[f] = trial
        steepest[f] = _largest(gradient)
        _curvature(columns[f], easy[f], forces[f], hessian)
        factorise(hessian)
        for i in range(6):
            unit[i] = 1.0
            substitute(hessian, unit, inverse[f, i])
            unit[i] = 0.0
        value[f] = 0.0
        for i in range(6):  # in the optimum, the missed wrench is the dual
            missed = demand[f, i]
            for k in range(count):
                missed -= columns[f, k, i] * forces[f, k]
            value[f] += 0.5 * missed**2
        for k in range(count):
            value[f] += (0.5 * forces[f, k] / easy[f, k // 4] + price[f, k // 4]) * forces[f, k]


@jit
def _largest(values: Array) -> float:
    """Return the largest magnitude; not finite if one of them is not."""
    out = 0.0
    for value in values:
        if not np.isfinite(value):
            return np.inf
        out = max(out, abs(value))
    return out


@jit
def _evaluate(
    demand: Array,
    columns: Array,
    easy: Array,
    price: Array,
    y: Array,
    forces: Array,
    gradient: Array,
) -> float:
    """Return the dual's value at y (6,); write its gradient (6,) and the forces (4 P,)."""
    value = 0.0
    for i in range(6):
        value += (0.5 * y[i] - demand[i]) * y[i]
        gradient[i] = y[i] - demand[i]
    for k in range(len(forces)):
        pull = -price[k // 4]
        for i in range(6):
            pull += columns[k, i] * y[i]
        if pull <= 0.0:  # not so for NaN, which is to be seen
            forces[k] = 0.0
            continue
        forces[k] = pull * easy[k // 4]
        value += 0.5 * pull * forces[k]
        for i in range(6):
            gradient[i] += columns[k, i] * forces[k]
    return value


@jit
def _curvature(columns: Array, easy: Array, forces: Array, hessian: Array) -> None:
    """Write the lower half of the dual's Hessian (6, 6)."""
    for i in range(6):
        for j in range(i + 1):
            hessian[i, j] = 1.0 if i == j else 0.0
    for k in range(len(forces)):
        if forces[k] > 0.0:
            for i in range(6):
                for j in range(i + 1):
                    hessian[i, j] += columns[k, i] * columns[k, j] * easy[k // 4]
