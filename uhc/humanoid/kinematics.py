"""Kinematics of a whole clip at once: body poses, motion subspaces and subtree sums of the tree.

The refinement of a clip (`uhc.refine.solve`) needs derivatives of hundreds of frames together.
MuJoCo answers one frame a call, so the tree is evaluated here, compiled, over all frames. The
algebra is the spatial one of Featherstone (2008): each degree of freedom is a motion vector
`(omega, v)` with `v` the velocity of the point at the world's origin, and what bodies carry is
summed over subtrees, as the composite-rigid-body algorithm does, instead of one Jacobian a point.

Frames: world, z up, metres. Shapes: F frames, B bodies, G groups of three degrees of freedom
(root translation, root rotation, then one ball a joint: MuJoCo's order), nv = 3 G.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from body_models.arrays import Array
from loop.errors import InvalidMotionError, InvalidOptionError
from translation.compiled import jit
from uhc.humanoid.body import Humanoid

JOINTS = slice(0, 22)
"""Which points of a tree are the tracked joints."""
CONTACTS = slice(22, None)
"""Which points of a tree may touch the floor."""


@dataclass(frozen=True)
class BodyTree:
    """What the clip-wise kinematics needs to know of a humanoid.

    `points` are fixed on bodies: first the 22 joints, then the points that may touch the floor:
    foot corners, and centres of spheres, which touch it `point_radius` lower.
    """

    parent: NDArray[np.int64]  # (B,), -1 for the root
    offset: Array  # (B, 3) in the parent's frame, metres
    mass_bw: Array  # (B,) mass / total mass
    com: Array  # (B, 3) in the body's frame, metres
    second_moment_bw: Array  # (B, 3, 3) m^2, integral of s s^T dm about the com, / total mass
    point_body: NDArray[np.int64]  # (P,)
    point_local: Array  # (P, 3) in the body's frame, metres
    point_radius: Array  # (P,) metres, zero but for spheres

    @classmethod
    def from_humanoid(cls, humanoid: Humanoid) -> BodyTree:
        """Read masses and second moments from the compiled model; contacts are the humanoid's."""
        model = humanoid.model
        mass = np.asarray(model.body_mass[1:], dtype=np.float64)
        axes = quat_to_matrix(model.body_iquat[1:])
        inertia = np.asarray(model.body_inertia[1:], dtype=np.float64)
        second = 0.5 * inertia.sum(-1, keepdims=True) - inertia  # along the principal axes
        moments = (axes * second[:, None, :]) @ axes.transpose(0, 2, 1)
        return cls(
            parent=humanoid.body_parents,
            offset=humanoid.body_offsets,
            mass_bw=mass / mass.sum(),
            com=np.asarray(model.body_ipos[1:], dtype=np.float64),
            second_moment_bw=moments / mass.sum(),
            point_body=np.concatenate([humanoid.joint_bodies, humanoid.contact_bodies]),
            point_local=np.concatenate([humanoid.joint_offsets, humanoid.contact_offsets]),
            point_radius=np.concatenate(
                [np.zeros(len(humanoid.joint_bodies)), humanoid.contact_radii]
            ),
        )

    @cached_property
    def spheres(self) -> NDArray[np.intp]:
        """(S,): which points are centres of spheres."""
        return np.flatnonzero(self.point_radius)

    @cached_property
    def group_body(self) -> NDArray[np.int64]:
        """(G,): the body that a group of three degrees of freedom moves."""
        return np.concatenate([[0], np.arange(len(self.parent))])


@dataclass(frozen=True)
class ReferencePose:
    """A clip around which the unknowns are measured: `q = reference (+) deviation`.

    `root` (F, 3) metres; `rot` (F, B, 3, 3): the root's rotation, then each ball's.
    """

    root: Array
    rot: Array

    @classmethod
    def from_qpos(cls, qpos: Array) -> ReferencePose:
        """Read a reference from MuJoCo qpos (F, nq): free root, then balls."""
        quats = qpos[:, 3:].reshape(len(qpos), -1, 4)
        return cls(qpos[:, :3].copy(), quat_to_matrix(quats))


@dataclass(frozen=True)
class ClipState:
    """Everything kinematic about F frames, in the world frame.

    `rot` (F, B, 3, 3), `pos` and `com` (F, B, 3), `points` (F, P, 3; of a sphere its lowest point,
    which is not the same material from frame to frame), `right_jacobian` (F, B, 3, 3) of the
    deviation of each rotation.
    """

    rot: Array
    pos: Array
    com: Array
    points: Array
    right_jacobian: Array

    @cached_property
    def motion(self) -> Array:
        """(F, nv, 6): columns of the body Jacobian, `(omega, velocity of the point at the origin)`.

        Each per unit of deviation.
        """
        out = np.zeros((len(self.rot), 3 + 3 * self.rot.shape[1], 6))
        _motion(self.rot, self.pos, self.right_jacobian, out)
        return out


def forward(
    tree: BodyTree,
    reference: ReferencePose,
    deviation: Array,
    turns: tuple[Array, Array] | None = None,
) -> ClipState:
    """Compute the kinematics of `reference (+) deviation`.

    Args:
        deviation: (F, nv): root translation in the world, then rotation vectors applied on the
            right of the root's and each ball's rotation (MuJoCo's tangent space).
        turns: `turns_of(deviation)`, to be computed once for several references.
    """
    turn, right_jacobian = turns_of(deviation) if turns is None else turns
    frames, bodies = turn.shape[:2]
    rot, pos, com = (
        np.empty_like(turn),
        np.empty((frames, bodies, 3)),
        np.empty((frames, bodies, 3)),
    )
    points = np.empty((frames, len(tree.point_body), 3))
    _forward(
        reference.root, reference.rot, deviation, turn, tree.parent, tree.offset, tree.com,
        tree.point_body, tree.point_local, tree.point_radius, rot, pos, com, points,
    )  # fmt: skip
    return ClipState(rot, pos, com, points, right_jacobian)


def turns_of(deviation: Array) -> tuple[Array, Array]:
    """Return the rotations (F, B, 3, 3) in a deviation (F, nv) and their right Jacobians."""
    return exp_and_right_jacobian(deviation[:, 3:].reshape(len(deviation), -1, 3))


@jit
def _forward(
    root: Array,
    local: Array,
    deviation: Array,
    turn: Array,
    parent: NDArray[np.int64],
    offset: Array,
    com_local: Array,
    point_body: NDArray[np.int64],
    point_local: Array,
    point_radius: Array,
    rot: Array,
    pos: Array,
    com: Array,
    points: Array,
) -> None:
    turned = np.empty((3, 3))
    for f in range(len(root)):
        for b in range(len(parent)):
            above = parent[b]
            if above < 0:
                for i in range(3):
                    pos[f, b, i] = root[f, i] + deviation[f, i]
                _product(local[f, b], turn[f, b], rot[f, b])
            else:
                _product(local[f, b], turn[f, b], turned)
                _product(rot[f, above], turned, rot[f, b])
                _carry(rot[f, above], offset[b], pos[f, above], pos[f, b])
            _carry(rot[f, b], com_local[b], pos[f, b], com[f, b])
        for p in range(len(point_body)):
            b = point_body[p]
            _carry(rot[f, b], point_local[p], pos[f, b], points[f, p])
            points[f, p, 2] -= point_radius[p]


@jit
def _motion(rot: Array, pos: Array, right_jacobian: Array, out: Array) -> None:
    axes = np.empty((3, 3))
    for f in range(len(rot)):
        for k in range(3):
            out[f, k, 3 + k] = 1.0
        for b in range(rot.shape[1]):
            _product(rot[f, b], right_jacobian[f, b], axes)
            x, y, z = pos[f, b, 0], pos[f, b, 1], pos[f, b, 2]
            for k in range(3):
                row = out[f, 3 + 3 * b + k]
                row[0], row[1], row[2] = axes[0, k], axes[1, k], axes[2, k]
                row[3] = y * row[2] - z * row[1]
                row[4] = z * row[0] - x * row[2]
                row[5] = x * row[1] - y * row[0]


@jit
def _product(a: Array, b: Array, out: Array) -> None:
    for i in range(3):
        for j in range(3):
            out[i, j] = a[i, 0] * b[0, j] + a[i, 1] * b[1, j] + a[i, 2] * b[2, j]


@jit
def _carry(rot: Array, vector: Array, origin: Array, out: Array) -> None:
    for i in range(3):
        turned = rot[i, 0] * vector[0] + rot[i, 1] * vector[1] + rot[i, 2] * vector[2]
        out[i] = origin[i] + turned


def checked_qpos(humanoid: Humanoid, qpos: NDArray[np.floating], fps: float) -> Array:
    """Check the motion (F, nq) and return it as float64.

    Raises:
        InvalidMotionError: wrong shape, no frame, values that are not finite, a quaternion of no
            length.
        InvalidOptionError: a rate that is not positive.
    """
    qpos = np.asarray(qpos, dtype=np.float64)
    if qpos.ndim != 2 or qpos.shape[1] != humanoid.nq or not len(qpos):
        raise InvalidMotionError(
            "A motion is a matrix with one pose a frame.",
            found=qpos.shape,
            expected=f"(frames, {humanoid.nq})",
        )
    bad = ~np.isfinite(qpos).all(1)
    if bad.any():
        raise InvalidMotionError(
            f"A motion has values that are not finite, first in frame {int(np.argmax(bad))}.",
            found=f"{int(np.sum(bad))} of {len(qpos)} frames",
        )
    lengths = np.linalg.norm(qpos[:, 3:].reshape(len(qpos), -1, 4), axis=-1).min(1)
    if lengths.min() < 1e-6:
        raise InvalidMotionError(
            f"A motion has a quaternion of no length, first in frame {int(lengths.argmin())}.",
            found=f"{lengths.min():.3g}",
            expected="unit quaternions wxyz",
        )
    if not fps > 0:
        raise InvalidOptionError("A rate is positive.", found=fps, expected="frames per second")
    return qpos


def exp_and_right_jacobian(vectors: Array) -> tuple[Array, Array]:
    """Map rotation vectors (..., 3) to exp (..., 3, 3) and its right Jacobian (..., 3, 3).

    Sola et al., "A micro Lie theory", eqs. 132 and 143; power series below a milliradian.
    """
    turn, jacobian = np.empty((*vectors.shape, 3)), np.empty((*vectors.shape, 3))
    flat = np.ascontiguousarray(vectors).reshape(-1, 3)
    _exp_and_right_jacobian(flat, turn.reshape(-1, 3, 3), jacobian.reshape(-1, 3, 3))
    return turn, jacobian


@jit
def _exp_and_right_jacobian(vectors: Array, turn: Array, jacobian: Array) -> None:
    hat = np.zeros((3, 3))
    for n in range(len(vectors)):
        x, y, z = vectors[n, 0], vectors[n, 1], vectors[n, 2]
        square = x * x + y * y + z * z
        angle = math.sqrt(square)
        if angle < 1e-3:
            first, second, third = 1 - square / 6, 0.5 - square / 24, 1 / 6 - square / 120
        else:
            first = math.sin(angle) / angle
            second = (1 - math.cos(angle)) / square
            third = (angle - math.sin(angle)) / (square * angle)
        hat[0, 1], hat[0, 2], hat[1, 2] = -z, y, -x
        hat[1, 0], hat[2, 0], hat[2, 1] = z, -y, x
        for i in range(3):
            for j in range(3):
                twice = vectors[n, i] * vectors[n, j]  # the square of hat
                one = 0.0
                if i == j:
                    twice, one = twice - square, 1.0
                turn[n, i, j] = one + first * hat[i, j] + second * twice
                jacobian[n, i, j] = one - second * hat[i, j] + third * twice


def skew(vectors: Array) -> Array:
    """Map a (..., 3) to (..., 3, 3) with `skew(a) @ b = a x b`."""
    out = np.zeros((*vectors.shape, 3))
    x, y, z = vectors[..., 0], vectors[..., 1], vectors[..., 2]
    out[..., 0, 1], out[..., 0, 2], out[..., 1, 2] = -z, y, -x
    out[..., 1, 0], out[..., 2, 0], out[..., 2, 1] = z, -y, x
    return out


def quat_to_matrix(quat_wxyz: Array) -> Array:
    """Convert quaternions (..., 4), any non-zero length, to rotation matrices (..., 3, 3)."""
    quat = quat_wxyz / np.linalg.norm(quat_wxyz, axis=-1, keepdims=True)
    w, hat = quat[..., :1, None], skew(quat[..., 1:])
    return np.eye(3) + 2 * w * hat + 2 * hat @ hat
