"""Contact forces that explain a wrench best: a friction-pyramid NNLS for all frames at once.

For each frame, with wrench `w` (what the motion demands), pyramid generators `C` and weights `W`,

    min over lambda >= 0 of  |W (w - C lambda)|^2 / 2 + sum_k (e_k lambda_k^2 / 2 + l_k lambda_k)

where `e` makes a force dear that is far from the floor or moving, and `l` charges for the slip and
the height of what carries load. Its dual is an unconstrained, piecewise quadratic problem in the
six components of `y = W^2 (w - C lambda)`:

    min over y of  |W^-1 y|^2 / 2 + sum_k max(0, c_k . y - l_k)^2 / (2 e_k) - w . y

so Newton's method on (F, 6) replaces an active-set search a frame. Its Hessian's inverse is also
how the optimal value curves in `w`: `S = (W^-2 + C_A E_A^-1 C_A^T)^-1` over the active generators.

Forces are in body weights (BW), torques in BW metres about the centre of mass.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loop.errors import SimulationError
from translation.rotations import cross

Array = NDArray[np.float64]
_MAX_NEWTON = 60
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
    """(4, 3): edges of the friction pyramid, each with a vertical part of one."""
    return np.array(
        [[friction, 0, 1], [-friction, 0, 1], [0, friction, 1], [0, -friction, 1]], dtype=float
    )


def generator_wrenches(arms: Array, friction: float) -> Array:
    """Arms (F, P, 3) from the centre of mass -> wrenches of unit generators (F, 6, 4 P)."""
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
    """The problem above for F frames and P contact points.

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
    weights = np.array([1.0, 1.0, 1.0, torque_weight, torque_weight, torque_weight])
    columns = generator_wrenches(arms, friction) * weights[:, None]
    demand = wrench * weights
    easy = np.repeat(1.0 / effort, 4, axis=1)
    price = np.repeat(charge, 4, axis=1)
    dual = np.zeros_like(demand) if start is None else start / weights
    dual, hessian, forces = _minimise_dual(demand, columns, easy, price, dual)
    residual = wrench - (columns @ forces[..., None])[..., 0] / weights
    return ContactForces(
        generators=forces.reshape(*arms.shape[:2], 4),
        dual=dual * weights,
        curvature=np.asarray(np.linalg.inv(hessian), np.float64) * weights * weights[:, None],
        value=0.5 * (residual * weights) ** 2 @ np.ones(6)
        + (0.5 * forces**2 / easy + price * forces).sum(-1),
        unexplained=residual,
        friction=friction,
    )


def _minimise_dual(
    demand: Array, columns: Array, easy: Array, price: Array, dual: Array
) -> tuple[Array, Array, Array]:
    """Newton with a halving line search, a frame at a time but all frames in step.

    Returns the dual (F, 6), its Hessian (F, 6, 6) and the forces (F, K), with W inside.
    """

    def evaluate(y: Array, rows: NDArray[np.intp] | slice) -> tuple[Array, Array, Array]:
        pull = (y[:, None, :] @ columns[rows])[:, 0] - price[rows]
        forces = np.maximum(pull, 0.0) * easy[rows]
        value = 0.5 * (y**2).sum(-1) + 0.5 * (forces * np.maximum(pull, 0.0)).sum(-1)
        gradient = y + (columns[rows] @ forces[..., None])[..., 0] - demand[rows]
        return value - (y * demand[rows]).sum(-1), gradient, forces

    def curvature(forces: Array, rows: NDArray[np.intp] | slice) -> Array:
        active = columns[rows] * (easy[rows] * (forces > 0))[:, None, :]
        return np.eye(6) + active @ columns[rows].transpose(0, 2, 1)

    value, gradient, forces = evaluate(dual, slice(None))
    tolerance = 1e-9 * (1.0 + np.abs(demand).max(-1))
    for _ in range(_MAX_NEWTON):
        open_rows = np.flatnonzero(~(np.abs(gradient).max(-1) <= tolerance))
        if not len(open_rows):
            return dual, curvature(forces, slice(None)), forces
        if not np.isfinite(gradient[open_rows]).all():
            break
        step = -np.linalg.solve(
            curvature(forces[open_rows], open_rows), gradient[open_rows][..., None]
        )[..., 0]
        slope = (step * gradient[open_rows]).sum(-1)
        length = np.ones(len(open_rows))
        for _ in range(30):
            trial = dual[open_rows] + length[:, None] * step
            new_value, new_gradient, new_forces = evaluate(trial, open_rows)
            slack = 1e-12 * (1.0 + np.abs(value[open_rows]))
            enough = new_value <= value[open_rows] + _ARMIJO * length * slope + slack
            if enough.all():
                break
            length = np.where(enough, length, 0.5 * length)
        dual[open_rows], value[open_rows] = trial, new_value
        gradient[open_rows], forces[open_rows] = new_gradient, new_forces
    lost = ~np.isfinite(gradient).all(-1)
    frame = int(np.argmax(lost if lost.any() else np.abs(gradient).max(-1) > tolerance))
    raise SimulationError(
        f"The contact forces of frame {frame} did not converge",
        found=f"gradient {np.abs(gradient[frame]).max():.3g}, demand {demand[frame]}",
        expected=f"below {tolerance[frame]:.3g}",
        remedy="look at the motion there: accelerations this large do not come from a person",
    )
