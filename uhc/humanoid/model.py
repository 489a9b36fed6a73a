"""The simulated body: a MuJoCo humanoid generated from a skeleton, with no mesh and no XML file.

MuJoCo is z up. The conversion from and to our y-up metres happens in this module and nowhere
else: the point (x, y, z) y up becomes (x, -z, y) z up, and a rotation follows its vector part.
Body frames coincide with the world at rest, so local rotations convert the same way.
"""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from body_models.arrays import Array
from body_models.skeleton import Skeleton
from loop.errors import InvalidMotionError, InvalidOptionError
from uhc.humanoid.body import N_JOINTS, Contacts, Humanoid
from uhc.humanoid.poses import points_on_bodies
from uhc.humanoid.segments import (
    ANKLES,
    FOOT_DROP_M,
    LEAVES,
    SPHERES,
    TORQUE_LIMIT_NM,
    add_body,
    add_foot,
    add_segment,
    add_sphere,
    base_spec,
)


def yup_to_zup(points_yup: NDArray[np.floating]) -> Array:
    """Convert points or vectors (..., 3), y up, to z up."""
    points = np.asarray(points_yup, dtype=np.float64)
    return np.stack([points[..., 0], -points[..., 2], points[..., 1]], axis=-1)


def zup_to_yup(points_zup: NDArray[np.floating]) -> Array:
    """Convert points or vectors (..., 3), z up, to y up."""
    points = np.asarray(points_zup, dtype=np.float64)
    return np.stack([points[..., 0], points[..., 2], -points[..., 1]], axis=-1)


def build_humanoid(
    skeleton: Skeleton, foot_drop: float = FOOT_DROP_M, contacts: Contacts = "feet"
) -> Humanoid:
    """Compile the humanoid of a skeleton (its `parents` and rest `offsets`, metres, y up).

    `foot_drop` is the height of the ankle above the toe joint when the foot is flat, metres: the
    box of the foot is level in that pose, whatever the rest pose of the skeleton looks like.
    `contacts` says what is meant to bear load. The masses are the same with either.
    Raises InvalidOptionError when a bone is too short or too long to be a human's, or for contacts
    that do not exist.
    """
    if contacts not in get_args(Contacts):
        raise InvalidOptionError(
            "Unknown contacts of a humanoid.", found=contacts, expected=get_args(Contacts)
        )
    parents = np.asarray(skeleton.parents, dtype=np.int64)
    offsets = yup_to_zup(np.asarray(skeleton.offsets))
    _check_bones(offsets)
    order = _depth_first(parents)
    index = {joint: i for i, joint in enumerate(order)}
    carriers = [int(parents[j]) if j in LEAVES else j for j in range(N_JOINTS)]
    joint_offsets = np.array([offsets[j] if j in LEAVES else np.zeros(3) for j in range(N_JOINTS)])
    spec = base_spec()
    bodies: dict[int, Any] = {-1: spec.worldbody}
    corners = []
    for joint in order:
        body = add_body(bodies[int(parents[joint])], joint, offsets[joint])
        if joint in ANKLES:
            toe = offsets[joint + 3]
            corners.append(add_foot(body, joint, toe, foot_drop))
        else:
            ends = [offsets[c] for c in range(1, 22) if parents[c] == joint]
            add_segment(body, joint, ends, touches=contacts == "feet")
        bodies[joint] = body
    for joint, carrier in enumerate(carriers):
        bodies[carrier].add_site(name=f"joint_{joint}", pos=joint_offsets[joint])
    for foot, ankle in enumerate(ANKLES):
        for c in range(4):
            bodies[ankle].add_site(name=f"corner_{4 * foot + c}", pos=corners[foot][c])
    spheres = SPHERES if contacts == "body" else ()
    centres = np.array([joint_offsets[at] for _, at, _ in spheres]).reshape(-1, 3)
    for s, (carrier, _, radius) in enumerate(spheres):
        add_sphere(bodies[carrier], f"sphere_{s}", centres[s], radius)
        bodies[carrier].add_site(name=f"sphere_{s}", pos=centres[s])
    body_offsets = np.array([offsets[j] if j else np.zeros(3) for j in order])
    limits = [np.inf] * 6 + [float(TORQUE_LIMIT_NM[j]) for j in order[1:] for _ in range(3)]
    return Humanoid(
        model=spec.compile(),
        body_joints=np.array(order),
        body_parents=np.array([-1] + [index[int(parents[j])] for j in order[1:]]),
        body_offsets=body_offsets,
        joint_bodies=np.array([index[c] for c in carriers]),
        joint_offsets=joint_offsets,
        corner_bodies=np.repeat([index[a] for a in ANKLES], 4),
        corner_offsets=np.concatenate(corners),
        sphere_bodies=np.array([index[c] for c, _, _ in spheres], dtype=np.int64),
        sphere_offsets=centres,
        sphere_radii=np.array([radius for _, _, radius in spheres]),
        torque_limits=np.array(limits),
    )


def pose_to_qpos(
    humanoid: Humanoid,
    root_position_yup: NDArray[np.floating],
    local_quat_wxyz: NDArray[np.floating],
) -> Array:
    """Convert roots (F, 3) and local rotations (F, 22, 4), y up, to qpos (F, nq), z up.

    Rotations are those of the SMPL convention: joint j turns everything after it, joint 0 is the
    root's rotation in the world. Rotations of leaves (toes, head, wrists) have no coordinate.
    Raises InvalidMotionError for shapes that do not fit.
    """
    position = np.asarray(root_position_yup, dtype=np.float64)
    quats = np.asarray(local_quat_wxyz, dtype=np.float64)
    if quats.ndim != 3 or quats.shape[1:] != (N_JOINTS, 4) or position.shape != (len(quats), 3):
        raise InvalidMotionError(
            "A pose needs one root position and 22 rotations a frame.",
            found=f"{position.shape} and {quats.shape}",
            expected="(F, 3) and (F, 22, 4)",
        )
    qpos = np.empty((len(quats), humanoid.nq))
    qpos[:, :3] = yup_to_zup(position)
    chosen = quats[:, humanoid.body_joints]
    turned = np.concatenate([chosen[..., :1], yup_to_zup(chosen[..., 1:])], axis=-1)
    qpos[:, 3:] = (turned / np.linalg.norm(turned, axis=-1, keepdims=True)).reshape(len(quats), -1)
    return qpos


def qpos_to_joints_zup(humanoid: Humanoid, qpos: NDArray[np.floating]) -> Array:
    """Compute the 22 joints (F, 22, 3) in metres, z up, of poses (F, nq)."""
    return points_on_bodies(humanoid, qpos, humanoid.joint_bodies, humanoid.joint_offsets)


def qpos_to_joints(humanoid: Humanoid, qpos: NDArray[np.floating]) -> NDArray[np.float32]:
    """Compute the 22 joints (F, 22, 3) float32 in metres, y up, of poses (F, nq)."""
    return zup_to_yup(qpos_to_joints_zup(humanoid, qpos)).astype(np.float32)


def qpos_to_corners(humanoid: Humanoid, qpos: NDArray[np.floating]) -> Array:
    """Compute the 8 foot corners (F, 8, 3) in metres, z up: left foot's four, then right foot's."""
    return points_on_bodies(humanoid, qpos, humanoid.corner_bodies, humanoid.corner_offsets)


def qpos_to_spheres(humanoid: Humanoid, qpos: NDArray[np.floating]) -> Array:
    """Compute the lowest point (F, S, 3) of each contact sphere in metres, z up."""
    points = points_on_bodies(humanoid, qpos, humanoid.sphere_bodies, humanoid.sphere_offsets)
    points[..., 2] -= humanoid.sphere_radii
    return points


def _check_bones(offsets: Array) -> None:
    lengths = np.linalg.norm(offsets[1:], axis=1)
    if offsets.shape != (N_JOINTS, 3) or not np.isfinite(lengths).all():
        raise InvalidOptionError(
            "A skeleton needs 22 finite offsets.", found=offsets.shape, expected="(22, 3)"
        )
    if lengths.min() < 0.005 or lengths.max() > 1.5:
        raise InvalidOptionError(
            "A bone of the skeleton has no human length.",
            found=f"{lengths.min():.4f} to {lengths.max():.4f} m",
            expected="0.005 to 1.5 m",
            remedy="check the unit: joints are in metres",
        )


def _depth_first(parents: NDArray[np.int64]) -> list[int]:
    """List joints that have a body, in the order MuJoCo numbers them (children by number)."""
    order: list[int] = []

    def visit(joint: int) -> None:
        order.append(joint)
        for child in range(joint + 1, N_JOINTS):
            if parents[child] == joint and child not in LEAVES:
                visit(child)

    visit(0)
    return order
