"""The objective of the kinodynamic refinement, its gradient and its Gauss-Newton matrix.

    J(deviation) =  sum_j w_j/2 |p_j - p_j^kin|^2                      stay with the given motion
                  + phi(demanded wrench)                               be explained by contacts
                  + penetration/2 min(z, 0)^2                          stay above the floor
                  + clearance/2 max(0, c - z)^2   (feet without load)  and clear of it in swing
                  + smoothness/2 |dd deviation/dt^2|^2 + pull/2 |deviation|^2

phi is the optimal value of `uhc.refine.contact_forces`, where the effort of a contact point rises
with its height and speed, and its load pays for slip and height. Forces are eliminated, so by the
envelope theorem the gradient of phi holds them fixed, and its curvature in the wrench is known
exactly (variable projection, Golub and Pereyra 1973; Kaufman's approximation for the rest). Which
feet bear no load is a label a frame, held while J is lowered and renewed between steps.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from body_models.arrays import Array
from uhc.humanoid.kinematics import (
    CONTACTS,
    JOINTS,
    BodyTree,
    ClipState,
    ReferencePose,
    forward,
    turns_of,
)
from uhc.refine.banded import PentadiagonalBlocks
from uhc.refine.contact_forces import ContactForces, solve_contact_forces
from uhc.refine.rolling import rolling_torque, slip
from uhc.refine.tree_sums import couple, point_stiffness, point_wrenches, sum_subtrees
from uhc.refine.wrench import Demand, demand_jacobian, demanded_wrench

JOINT_WEIGHT = np.ones(22)
JOINT_WEIGHT[[7, 8, 10, 11]] = 1.5  # ankles and toes
JOINT_WEIGHT[[3, 6, 9, 13, 14]] = 0.5  # spine and collars


@dataclass(frozen=True)
class Weights:
    """Weights and scales of the objective; metres, seconds, body weights.

    Chosen on nine agile clips and one of HumanML3D, with and without noise, by distance, slide and
    the help that simulated tracking needs. All but `effort` change little within a factor of three.
    """

    wrench: float = 1.0
    torque: float = 4.0  # W of the torque rows, 1/m
    friction: float = 0.8
    effort: float = 0.1
    effort_height: float = 0.03  # z0, m
    effort_speed: float = 1.0  # v0, m/s
    slip: float = 2.0
    creep: float = 0.02  # m/s: slower than this, as captured feet creep, a loaded foot slips free
    height: float = 50.0
    penetration: float = 500.0
    clearance: float = 100.0
    clearance_height: float = 0.02  # m
    idle_load: float = 0.05  # BW: a foot with less is (partly) in swing
    smoothness: float = 2e-6
    pull: float = 1e-3


@dataclass(frozen=True)
class Evaluation:
    """J at one deviation, with what its derivatives and the caller need."""

    deviation: Array
    state: ClipState
    steady: ClipState
    demand: Demand
    contact: ContactForces
    slip: Array
    idle: Array
    cost: float
    cost_per_frame: Array


class Objective:
    """J for one clip. Methods are pure: the same arguments give the same result.

    `steady` (F, nq) are the poses of which forces are asked, the given ones without what is too
    fast to matter to balance; by default the given ones. Both deviate alike.
    """

    def __init__(
        self, tree: BodyTree, qpos: Array, dt: float, weights: Weights, steady: Array | None = None
    ) -> None:
        self.tree = tree
        self.weights = weights
        self.dt = dt
        self.reference = ReferencePose.from_qpos(qpos)
        self.steady = None if steady is None else ReferencePose.from_qpos(steady)
        self.shape = (len(qpos), 3 * len(tree.group_body))
        self.target = forward(tree, self.reference, np.zeros(self.shape)).points[:, JOINTS]
        feet = np.unique(tree.point_body[CONTACTS], return_inverse=True)[1]
        self._same_foot = np.equal.outer(feet, feet).astype(float)
        self._is_foot = tree.point_radius[CONTACTS] == 0.0

    def reweighted(self, weights: Weights) -> Objective:
        """Return the same clip under other weights."""
        other = copy(self)
        other.weights = weights
        return other

    def evaluate(
        self, deviation: Array, idle: Array | None = None, start: Array | None = None
    ) -> Evaluation:
        """Evaluate J at `deviation` (F, nv).

        Args:
            idle: (F, P) in 0..1, how much a contact point is in swing; None derives it from the
                loads found here (`swing_labels`).
            start: (F - 2, 6) dual of the contact problem to start from.
        """
        w = self.weights
        turns = turns_of(deviation)
        state = forward(self.tree, self.reference, deviation, turns)
        steady = state if self.steady is None else forward(self.tree, self.steady, deviation, turns)
        demand = demanded_wrench(self.tree, steady, self.dt)
        places = state.points[:, CONTACTS]
        slid = beyond(slip(self.tree, state), w.creep * self.dt)
        height, speed_square = places[1:-1, :, 2] ** 2, _speed_square(slid, self.dt)
        contact = solve_contact_forces(
            demand.wrench,
            steady.points[1:-1, CONTACTS] - demand.centre[:, None],
            w.effort * (1 + height / w.effort_height**2 + speed_square / w.effort_speed**2),
            0.5 * (w.height * height + w.slip * speed_square),
            friction=w.friction,
            torque_weight=w.torque,
            start=start,
        )
        idle = self.swing_labels(contact) if idle is None else idle
        distance = ((state.points[:, JOINTS] - self.target) ** 2).sum(-1) @ JOINT_WEIGHT
        below = np.minimum(places[..., 2], 0.0)
        short = np.maximum(w.clearance_height - places[..., 2], 0.0)
        cost = 0.5 * (distance + w.pull * (deviation**2).sum(-1))
        cost += 0.5 * (w.penetration * below**2 + w.clearance * idle * short**2).sum(-1)
        bend = np.diff(deviation, 2, axis=0) / self.dt**2
        cost[1:-1] += w.wrench * contact.value + 0.5 * w.smoothness * (bend**2).sum(-1)
        return Evaluation(
            deviation, state, steady, demand, contact, slid, idle, float(cost.sum()), cost
        )

    def swing_labels(self, contact: ContactForces) -> Array:
        """Label feet (F, P): 1 where idle, 0 from load `idle_load` on; ends as their neighbour.

        0 for spheres: what is no foot does not step over the floor.
        """
        foot_load = contact.load @ self._same_foot
        labels = np.maximum(0.0, 1.0 - foot_load / self.weights.idle_load)
        labels = np.where(self._is_foot, labels, 0.0)
        return np.concatenate([labels[:1], labels, labels[-1:]])

    def relabel(self, at: Evaluation) -> Evaluation:
        """Return the same point of J with swing labels that fit its own forces."""
        idle = self.swing_labels(at.contact)
        w, height = self.weights, at.state.points[:, CONTACTS, 2]
        square = np.maximum(w.clearance_height - height, 0.0) ** 2
        more = 0.5 * w.clearance * ((idle - at.idle) * square).sum(-1)
        return replace(
            at, idle=idle, cost=at.cost + float(more.sum()), cost_per_frame=at.cost_per_frame + more
        )

    def linearise(self, at: Evaluation) -> tuple[Array, PentadiagonalBlocks]:
        """Return the gradient (F, nv) of J and its positive definite Gauss-Newton matrix."""
        gradient = self.weights.pull * at.deviation
        blocks = self._floor_and_joints(at, gradient)
        self._add_wrench(at, gradient, blocks)
        self._add_smoothness(at, gradient, blocks)
        return gradient, blocks

    def _floor_and_joints(self, at: Evaluation, gradient: Array) -> PentadiagonalBlocks:
        """Return the terms that are squares of point positions; adds to `gradient`."""
        w, tree, places = self.weights, self.tree, at.state.points[:, CONTACTS]
        upright, pair = self._contact_stiffness(at)
        below = places[..., 2] < 0
        short = at.idle * (places[..., 2] < w.clearance_height)
        pair = pair * at.slip.any(-1)
        push = np.zeros_like(places)
        slide = pair[..., None] * at.slip
        push[:-1, :, :2] -= slide
        push[1:, :, :2] += slide
        push[..., 2] = (upright + w.penetration * below) * places[..., 2]
        push[..., 2] += w.clearance * short * (places[..., 2] - w.clearance_height)
        stiff = np.zeros_like(places)
        stiff[:-1, :, :2] += pair[..., None]
        stiff[1:, :, :2] += pair[..., None]
        stiff[..., 2] = upright + w.penetration * below + w.clearance * short
        joint_push = JOINT_WEIGHT[:, None] * (at.state.points[:, JOINTS] - self.target)
        joint_stiff = np.broadcast_to(JOINT_WEIGHT[:, None], joint_push.shape)
        bodies, frames = len(tree.parent), len(gradient)
        wrenches = np.zeros((frames, bodies, 6))
        pushes = np.concatenate([joint_push, push], 1)
        point_wrenches(at.state.points, pushes, tree.point_body, wrenches)
        if len(tree.spheres):
            torques = rolling_torque(tree, at.state, slide)
            for sphere, body in enumerate(tree.point_body[tree.spheres]):
                wrenches[:, body, :3] += torques[:, sphere]
        sum_subtrees(tree.parent, wrenches)
        grouped = at.state.motion.reshape(frames, -1, 3, 6)
        gradient += (grouped @ wrenches[:, tree.group_body, :, None]).reshape(gradient.shape)
        stiffness = np.concatenate([joint_stiff, stiff], 1)
        points, motion = at.state.points, at.state.motion
        diagonal = self._couple(motion, (points, stiffness, points), tree.point_body, motion)
        diagonal[:, *np.diag_indices(diagonal.shape[1])] += w.pull
        apart = np.zeros_like(push[:-1])
        apart[..., :2] = -pair[..., None]
        soles = np.ascontiguousarray(places)
        first = self._couple(
            motion[1:], (soles[1:], apart, soles[:-1]), tree.point_body[CONTACTS], motion[:-1],
            symmetric=False,
        )  # fmt: skip
        second = np.zeros((len(first) - 1, *first.shape[1:]))
        return PentadiagonalBlocks(diagonal, first, second)

    def _contact_stiffness(self, at: Evaluation) -> tuple[Array, Array]:
        """Return how stiffly load holds contacts: upright (F, P), between frames (F - 1, P)."""
        w = self.weights
        squares = w.effort * (at.contact.generators**2).sum(-1)
        load = at.contact.load
        upright = np.zeros_like(at.idle)
        upright[1:-1] = w.wrench * (w.height * load + squares / w.effort_height**2)
        sliding = np.zeros_like(at.idle)
        sliding[1:-1] = w.wrench * (w.slip * load + squares / w.effort_speed**2)
        return upright, 0.5 * (sliding[1:] + sliding[:-1]) / self.dt**2

    def _couple(
        self,
        left: Array,
        springs: tuple[Array, Array, Array],
        bodies: NDArray[np.int64],
        right: Array,
        symmetric: bool = True,
    ) -> Array:
        """Sum over springs `left_d^T spring right_e` where both move the point: (F, nv, nv).

        Only the lower half when symmetric: bodies are numbered so that those above come first.
        """
        below = np.zeros((len(left), len(self.tree.parent), 6, 6))
        point_stiffness(*springs, bodies, below)
        sum_subtrees(self.tree.parent, below.reshape(*below.shape[:2], 36))
        out = np.zeros((*left.shape[:2], right.shape[1]))
        couple(left, below, right, self.tree.parent, symmetric, out)
        return out

    def _add_wrench(self, at: Evaluation, gradient: Array, blocks: PentadiagonalBlocks) -> None:
        """Add the unexplained wrench: exact in the wrench, forces held (they are optimal)."""
        jacobians = demand_jacobian(
            self.tree, at.steady, at.demand, self.dt, at.contact.points, CONTACTS
        )
        root = np.sqrt(self.weights.wrench) * np.linalg.cholesky(at.contact.curvature)
        scaled = []
        for shift, jacobian in enumerate(jacobians):
            pulled = (at.contact.dual[:, None, :] @ jacobian)[:, 0]
            gradient[shift : shift + len(pulled)] += self.weights.wrench * pulled
            scaled.append(np.swapaxes(root, -1, -2) @ jacobian)
        before, here, after = scaled
        rows = np.zeros((len(gradient), 18, gradient.shape[1]))
        rows[:-2, :6], rows[1:-1, 6:12], rows[2:, 12:] = before, here, after
        blocks.diagonal[:] += np.swapaxes(rows, 1, 2) @ rows
        blocks.first[:-1] += np.swapaxes(here, 1, 2) @ before
        blocks.first[1:] += np.swapaxes(after, 1, 2) @ here
        blocks.second[:] += np.swapaxes(after, 1, 2) @ before

    def _add_smoothness(self, at: Evaluation, gradient: Array, blocks: PentadiagonalBlocks) -> None:
        weight = self.weights.smoothness / self.dt**4
        bend = weight * np.diff(at.deviation, 2, axis=0)
        gradient[:-2] += bend
        gradient[1:-1] -= 2 * bend
        gradient[2:] += bend
        dof = np.arange(gradient.shape[1])
        for shift, square in enumerate((1.0, 4.0, 1.0)):
            blocks.diagonal[shift : shift + len(bend), dof, dof] += weight * square
        blocks.first[:-1, dof, dof] -= 2 * weight
        blocks.first[1:, dof, dof] -= 2 * weight
        blocks.second[:, dof, dof] += weight


def beyond(vectors: Array, free: float) -> Array:
    """Shorten vectors (..., n) by `free`, those that are shorter to nothing."""
    if free == 0.0:
        return vectors
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors * np.maximum(1.0 - free / np.maximum(length, 1e-12), 0.0)


def _speed_square(slid: Array, dt: float) -> Array:
    """Average the slip's squared speeds before and after an inner frame, (F - 2, P), m^2/s^2."""
    step = (slid**2).sum(-1) / dt**2
    return 0.5 * (step[1:] + step[:-1])
