"""The published robot: 24 bodies of SMPL, each the convex hull of its vertices, on hinges.

As UHC builds it (protocol of `uhc_explicit`), from a SMPL file of the user. World z up; the bodies
keep SMPL's own axes, so a person who stands has the root turned by 90 degrees about x.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from body_models.arrays import Array
from body_models.smpl import BodyModel
from loop.errors import InvalidMotionError, InvalidOptionError
from uhc.controllers.faithful.quaternions import root_quats
from uhc.humanoid.untyped import mujoco

BODIES = (
    "Pelvis", "L_Hip", "R_Hip", "Torso", "L_Knee", "R_Knee", "Spine", "L_Ankle", "R_Ankle", "Chest",
    "L_Toe", "R_Toe", "Neck", "L_Thorax", "R_Thorax", "Head", "L_Shoulder", "R_Shoulder",
    "L_Elbow", "R_Elbow", "L_Wrist", "R_Wrist", "L_Hand", "R_Hand",
)  # fmt: skip
"""UHC's names of SMPL's 24 joints, in SMPL's order."""
TIMESTEP_S, SUBSTEPS = 1.0 / 450.0, 15
HULL_VERTICES = 50
SOLE_M = 0.01
"""Vertices this close to the lowest one of both feet are made level."""
DECIMALS = 4
"""To which the published model file rounds where the joints are, metres."""
LEAST_RADIUS_M = 0.02
"""A body with too few vertices for a hull becomes a ball of this size."""

# kp, kd, torque limit, as published; the sides differ in the source.
_GAINS = {
    "Hip": (500, 50, 500), "Knee": (500, 50, 500), "Ankle": (400, 40, 500), "Toe": (200, 20, 500),
    "Torso": (1000, 100, 500), "Spine": (1000, 100, 500), "Chest": (1000, 100, 500),
    "Neck": (100, 10, 250), "Head": (100, 10, 250), "L_Thorax": (400, 40, 500),
    "R_Thorax": (400, 40, 150), "L_Shoulder": (400, 40, 500), "R_Shoulder": (400, 40, 250),
    "Elbow": (300, 30, 150), "Wrist": (100, 10, 150), "Hand": (100, 10, 150),
}  # fmt: skip
# Degrees (as `MjSpec` wants them) about z, y, x; +-180 where nothing is said.
_RANGES = {
    "Elbow": ((-720, 720),) * 3, "Knee": ((-11.25, 11.25), (-11.25, 11.25), (-11.25, 180)),
    "Ankle": ((-90, 90),) * 3, "Toe": ((-45, 45), (-45, 45), (-90, 90)),
}  # fmt: skip


@dataclass(frozen=True)
class SmplHumanoid:
    """The compiled robot.

    `qpos` (76,) is [root position 3, root quaternion wxyz 4, then z, y, x angles of each body],
    `qvel` (75,) its velocities. Bodies are in the order of the tree, without the world.
    """

    model: Any
    smpl_joints: NDArray[np.int64]
    """(24,) SMPL joint of each body."""
    kp: Array
    """(75,) stiffness of the stable PD controller; 0 for the root."""
    kd: Array
    torque_limits: Array
    """(69,) Nm."""
    pelvis: Array
    """(3,) pelvis of SMPL's rest pose, rounded: `trans` of SMPL plus this is the root's place."""


def build_smpl_humanoid(body: BodyModel) -> SmplHumanoid:
    """Compile the robot of a SMPL body (24 joints) of the mean shape.

    Joints are where the published model file puts them, rounded to `DECIMALS`; the soles are flat,
    all vertices near the lowest one of the whole body being put at their mean height.

    Raises:
        InvalidOptionError: the body is not SMPL's.
    """
    if body.kind != "smpl":
        raise InvalidOptionError(
            "the published robot is made of SMPL", found=body.kind, expected="smpl, 24 joints"
        )
    vertices, joints = body.shaped()
    joints, vertices = np.round(joints, DECIMALS), vertices.copy()
    soles = vertices[:, 1] < vertices[:, 1].min() + SOLE_M
    vertices[soles, 1] = vertices[soles, 1].mean()
    spec = _spec()
    owner = body.weights.argmax(axis=1)
    bodies: dict[int, Any] = {-1: spec.worldbody}
    order = _tree_order(body.parents)
    for joint in order:
        parent = body.parents[joint]
        place = joints[joint] - (joints[parent] if joint else joints[0])
        bodies[joint] = _add_body(bodies[parent], joint, place)
        _add_hull(spec, bodies[joint], joint, vertices[owner == joint] - joints[joint])
    for side in ("L", "R"):
        spec.add_exclude(bodyname1=f"{side}_Shoulder", bodyname2="Chest")
    gains = np.array([_lookup(_GAINS, BODIES[joint]) for joint in order[1:]], dtype=np.float64)
    kp, kd, limits = np.repeat(gains, 3, axis=0).T
    return SmplHumanoid(
        model=spec.compile(),
        smpl_joints=np.array(order),
        kp=np.concatenate([np.zeros(6), kp]),
        kd=np.concatenate([np.zeros(6), kd]),
        torque_limits=limits,
        pelvis=joints[0],
    )


def poses_to_qpos(humanoid: SmplHumanoid, poses: ArrayLike, trans: ArrayLike) -> Array:
    """Convert SMPL poses (F, 24, 3) axis-angle and trans (F, 3), world z up, to qpos (F, 76).

    As published, root quaternions have the sign of `root_quats`, and angles are those of each
    frame alone, between -pi and pi: they may jump from one frame to the next.

    Raises:
        InvalidMotionError: arrays of other shapes.
    """
    angles, shift = np.asarray(poses, np.float64), np.asarray(trans, np.float64)
    if angles.shape[1:] != (24, 3) or shift.shape != (len(angles), 3):
        raise InvalidMotionError(
            "poses of SMPL have 24 joints",
            found=(angles.shape, shift.shape),
            expected="(F, 24, 3) and (F, 3)",
        )
    rest = angles[:, humanoid.smpl_joints[1:]].reshape(-1, 3)
    turns = Rotation.from_rotvec(rest).as_euler("ZYX").reshape(len(angles), -1)
    return np.concatenate([shift + humanoid.pelvis, root_quats(angles[:, 0]), turns], axis=1)


def _spec() -> Any:
    spec = mujoco.MjSpec()
    spec.modelname = "uhc_explicit"
    spec.option.timestep = TIMESTEP_S
    spec.option.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_AUTORESET)
    spec.worldbody.add_geom(
        name="floor",
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=[0, 0, 1],
        condim=3,
        margin=0.001,
        friction=[1.0, 0.005, 0.0001],
    )
    return spec


def _add_body(parent: Any, joint: int, place: Array) -> Any:
    name = BODIES[joint]
    body = parent.add_body(name=name, pos=place)
    if joint == 0:
        body.add_freejoint(name=name)
        return body
    ranges = _lookup(_RANGES, name, ((-180, 180),) * 3)
    for axis, unit, span in zip("zyx", np.eye(3)[::-1], ranges, strict=True):
        body.add_joint(
            name=f"{name}_{axis}",
            type=mujoco.mjtJoint.mjJNT_HINGE,
            axis=unit,
            range=span,
            limited=mujoco.mjtLimited.mjLIMITED_TRUE,
            armature=0.01,
        )
    return body


def _add_hull(spec: Any, body: Any, joint: int, vertices: Array) -> None:
    """Add collision and inertia of a body from its vertices (V, 3) in its own frame."""
    common: dict[str, Any] = {"condim": 1, "margin": 0.001, "contype": 1, "conaffinity": 1}
    spread = np.linalg.svd(vertices - vertices.mean(0), compute_uv=False) if len(vertices) else []
    if len(vertices) < 4 or spread[2] < 1e-3:
        body.add_geom(type=mujoco.mjtGeom.mjGEOM_SPHERE, size=[LEAST_RADIUS_M, 0, 0], **common)
        return
    spec.add_mesh(
        name=BODIES[joint],
        uservert=vertices.ravel(),
        inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_CONVEX,
        maxhullvert=HULL_VERTICES,
    )
    body.add_geom(type=mujoco.mjtGeom.mjGEOM_MESH, meshname=BODIES[joint], **common)


def _lookup(table: dict[str, Any], name: str, default: Any = None) -> Any:
    """Look up the entry of a body: under its full name, else under its name without the side."""
    return table.get(name, table.get(name.removeprefix("L_").removeprefix("R_"), default))


def _tree_order(parents: tuple[int, ...]) -> list[int]:
    order: list[int] = []

    def visit(joint: int) -> None:
        order.append(joint)
        for child, parent in enumerate(parents):
            if parent == joint:
                visit(child)

    visit(0)
    return order
