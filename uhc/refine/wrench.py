"""The wrench a motion demands from outside: what gravity, and momentum's rate of change, ask for.

All bodies are rigid, so with centred second differences `a` of their points the demand about the
centre of mass `c` is

    force  = sum_i m_i (a_i + g)              torque = sum over mass of (x - c) x a

The torque needs no angular velocity: with `P` the second moment of a body about its centre of mass,
the mass integral of `R_t s x R_u s` is the axial vector of `R_t P R_u^T`. This is the derivative of
the discrete momentum `sum m x_t x x_{t+1} / dt`, which a free flight conserves exactly.

Everything is divided by the body's weight: forces in BW, torques in BW metres. Only frames with two
neighbours have a demand: index f of a result belongs to frame f + 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from body_models.arrays import Array
from translation.compiled import jit
from translation.rotations import cross
from uhc.humanoid.kinematics import BodyTree, ClipState
from uhc.refine.tree_sums import project, sum_subtrees

Integers = NDArray[np.int64]
GRAVITY = 9.81


@dataclass(frozen=True)
class Demand:
    """The demanded wrench of the inner frames and what its derivative needs.

    `wrench` (F - 2, 6): force, then torque about `centre` (F - 2, 3) in the world frame;
    `acceleration` (F - 2, B, 3) of the bodies' centres of mass, m/s^2.
    """

    wrench: Array
    centre: Array
    acceleration: Array


def demanded_wrench(tree: BodyTree, state: ClipState, dt: float) -> Demand:
    """Compute the wrench, about the centre of mass, that gravity and contacts have to add up to."""
    com, rot = state.com, state.rot
    acceleration = (com[2:] - 2 * com[1:-1] + com[:-2]) / dt**2
    centre = np.einsum("b,fbi->fi", tree.mass_bw, com[1:-1])
    linear = np.einsum("b,fbi->fi", tree.mass_bw, acceleration)
    arms = tree.mass_bw[:, None] * (com[1:-1] - centre[:, None])
    spin = axial(_spread(tree, rot[1:-1], rot[2:] + rot[:-2])).sum(1) / dt**2
    force = linear / GRAVITY + np.array([0.0, 0.0, 1.0])
    torque = (cross(arms, acceleration).sum(1) + spin) / GRAVITY
    return Demand(np.concatenate([force, torque], -1), centre, acceleration)


def demand_jacobian(
    tree: BodyTree, state: ClipState, demand: Demand, dt: float, point_forces: Array, points: slice
) -> tuple[Array, Array, Array]:
    """Differentiate (demand - what the given contact forces deliver), forces held.

    Args:
        point_forces: (F - 2, P, 3) BW at the tree's `points`; their arms move with the body.

    Returns:
        Three arrays (F - 2, 6, nv): with respect to the frame before, the frame itself, the next.
    """
    inner = slice(1, -1)
    arms = tree.mass_bw[:, None] * (state.com[inner] - demand.centre[:, None]) / dt**2
    # d(sum m (r - c) x a) = -m (a - a_c) x dr + arms x d(a); the moving centre adds its own force.
    relative = demand.acceleration - GRAVITY * (demand.wrench[:, None, :3] - [0.0, 0.0, 1.0])
    here = -2 * arms - tree.mass_bw[:, None] * relative
    here -= GRAVITY * tree.mass_bw[:, None] * point_forces.sum(1)[:, None]
    before = _spread(tree, state.rot[inner], state.rot[:-2]) / dt**2
    after = _spread(tree, state.rot[inner], state.rot[2:]) / dt**2
    turn = before + after - _trace(before + after)
    maps = _body_maps(tree, state.com[inner], -2 / dt**2, here, turn)
    # A sphere touches below its centre wherever it turns: the place moves as the centre does.
    at = state.points[inner, points] + tree.point_radius[points, None] * [0.0, 0.0, 1.0]
    _add_levers(tree.point_body[points], at, GRAVITY * point_forces, maps)
    sides = []
    for neighbour, moments in ((slice(None, -2), before), (slice(2, None), after)):
        turning = _trace(moments) - np.swapaxes(moments, -1, -2)
        sides.append(_body_maps(tree, state.com[neighbour], 1 / dt**2, arms, turning))
    return (
        _columns(tree, sides[0], state.motion[:-2]),
        _columns(tree, maps, state.motion[inner]),
        _columns(tree, sides[1], state.motion[2:]),
    )


def axial(matrices: Array) -> Array:
    """Map (..., 3, 3) to (..., 3): `axial(x y^T) = x x y` (cross product)."""
    return np.stack(
        [
            matrices[..., 1, 2] - matrices[..., 2, 1],
            matrices[..., 2, 0] - matrices[..., 0, 2],
            matrices[..., 0, 1] - matrices[..., 1, 0],
        ],
        -1,
    )


def _spread(tree: BodyTree, rot: Array, other: Array) -> Array:
    """Return the mass integral of `(R s)(R' s)^T` of every body: (F, B, 3, 3)."""
    out = np.empty(rot.shape)
    _fill_spread(tree.second_moment_bw, rot, other, out)
    return out


@jit
def _fill_spread(moment: Array, rot: Array, other: Array, out: Array) -> None:
    half = np.empty((3, 3))
    for f in range(len(rot)):
        for b in range(len(moment)):
            for i in range(3):
                for j in range(3):
                    half[i, j] = 0.0
                    for k in range(3):
                        half[i, j] += rot[f, b, i, k] * moment[b, k, j]
            for i in range(3):
                for j in range(3):
                    out[f, b, i, j] = 0.0
                    for k in range(3):
                        out[f, b, i, j] += half[i, k] * other[f, b, j, k]


def _body_maps(tree: BodyTree, com: Array, scale: float, lever: Array, turning: Array) -> Array:
    """Return (F, B, 6, 6): motion vector of a body to its force and torque, times gravity."""
    maps = np.zeros((*com.shape[:2], 6, 6))
    _add_pushes(np.arange(len(tree.parent)), com, scale * tree.mass_bw, maps)
    _add_levers(np.arange(len(tree.parent)), com, lever, maps)
    maps[..., 3:, :3] += turning
    return maps


@jit
def _add_pushes(bodies: Integers, at: Array, factor: Array, maps: Array) -> None:
    """Add `factor` times the velocity of the points at (F, b, 3) to the force."""
    for f in range(len(at)):
        for p in range(len(bodies)):
            into = maps[f, bodies[p]]
            x, y, z = factor[p] * at[f, p, 0], factor[p] * at[f, p, 1], factor[p] * at[f, p, 2]
            into[0, 1] += z
            into[0, 2] -= y
            into[1, 0] -= z
            into[1, 2] += x
            into[2, 0] += y
            into[2, 1] -= x
            for i in range(3):
                into[i, 3 + i] += factor[p]


@jit
def _add_levers(bodies: Integers, at: Array, vectors: Array, maps: Array) -> None:
    """Add `vector x (velocity of the point)` to the torque: (F, b, 3) each."""
    for f in range(len(at)):
        for p in range(len(bodies)):
            into, a, v = maps[f, bodies[p]], at[f, p], vectors[f, p]
            dot = a[0] * v[0] + a[1] * v[1] + a[2] * v[2]
            for i in range(3):
                into[3 + i, i] += dot
                for j in range(3):
                    into[3 + i, j] -= a[i] * v[j]
            into[3, 4] -= v[2]
            into[3, 5] += v[1]
            into[4, 3] += v[2]
            into[4, 5] -= v[0]
            into[5, 3] -= v[1]
            into[5, 4] += v[0]


def _trace(matrices: Array) -> Array:
    return np.trace(matrices, axis1=-2, axis2=-1)[..., None, None] * np.eye(3)


def _columns(tree: BodyTree, maps: Array, motion: Array) -> Array:
    """Sum the maps over subtrees and apply them to each degree of freedom: (F, 6, nv)."""
    sum_subtrees(tree.parent, maps.reshape(*maps.shape[:2], 36))
    columns = np.empty((len(motion), 6, motion.shape[1]))
    project(motion, maps, columns)
    return columns / GRAVITY
