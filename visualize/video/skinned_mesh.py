"""A body mesh that fits any skeleton and is bent by it: linear blend skinning, vectorised.

A mesh comes with its own joints at rest. `fit` turns and stretches it, bone by bone, onto the rest
pose of a motion's skeleton, so that its joints are where the motion has them and its feet meet the
floor where the motion's do; `skin` then bends it (Loper et al. 2015, "SMPL").
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from body_models.skeleton import PARENTS, Skeleton
from body_models.smpl import BodyModel
from translation.ik import IKResult

Array = NDArray[np.float64]

# The bone that tells how a joint's part of the mesh is turned and stretched: to this child. Leaves
# follow the bone that ends in them.
_ALONG = {
    0: 3, 1: 4, 2: 5, 3: 6, 4: 7, 5: 8, 6: 9, 7: 10, 8: 11, 9: 12, 12: 15, 13: 16, 14: 17,
    16: 18, 17: 19, 18: 20, 19: 21,
}  # fmt: skip
_LEAVES = (10, 11, 15, 20, 21)
_TRUNK = frozenset({0, 3, 6, 9, 12, 13, 14, 15})
"""Stretched the same in all directions as they are along the spine; limbs only along the bone."""


@dataclass(frozen=True, eq=False)
class SkinnedMesh:
    """A mesh of V vertices on the 22 joints, metres, y up, facing +z.

    Attributes:
        vertices: (V, 3) at rest.
        faces: (N, 3) triangles.
        weights: (V, 22) how much each joint moves each vertex; rows add up to 1.
        joints: (22, 3) at rest.
        pose_offsets: (189, 3 V) what each entry of the 21 joints' rotation matrices adds (SMPL), or
            None.
    """

    vertices: NDArray[np.float32]
    faces: NDArray[np.int64]
    weights: NDArray[np.float32]
    joints: Array
    pose_offsets: NDArray[np.float32] | None = None


def from_body_model(body: BodyModel) -> SkinnedMesh:
    """Return the mean body of a SMPL-family model; hands and face join their ancestor.

    Raises InvalidMotionError where its first joints are not SMPL's.
    """
    body.skeleton()  # checks the joints
    vertices, joints = body.shaped()
    weights = np.zeros((len(vertices), len(PARENTS)), np.float32)
    for joint in range(len(body.parents)):
        owner = joint
        while owner >= len(PARENTS):
            owner = body.parents[owner]
        weights[:, owner] += body.weights[:, joint]
    first = body.posedirs[..., : 9 * (len(PARENTS) - 1)]
    return SkinnedMesh(
        vertices.astype(np.float32),
        body.faces,
        weights,
        joints[: len(PARENTS)],
        first.reshape(-1, first.shape[-1]).T.astype(np.float32),
    )


def fit(mesh: SkinnedMesh, skeleton: Skeleton) -> SkinnedMesh:
    """Fit the mesh to the rest pose of `skeleton`, pelvis at the origin."""
    goal = skeleton.rest_joints
    maps = np.empty((len(PARENTS), 3, 3))
    for joint, child in _ALONG.items():
        before, after = mesh.joints[child] - mesh.joints[joint], goal[child] - goal[joint]
        maps[joint] = _turn_and_stretch(before, after, uniform=joint in _TRUNK)
    for joint in _LEAVES:
        maps[joint] = maps[PARENTS[joint]]
    shifts = goal - np.einsum("jab,jb->ja", maps, mesh.joints)
    blended = (mesh.weights @ maps.reshape(-1, 9)).reshape(-1, 3, 3)
    vertices = np.einsum("vab,vb->va", blended, mesh.vertices) + mesh.weights @ shifts
    return replace(mesh, vertices=vertices.astype(np.float32), joints=goal)


def _turn_and_stretch(before: Array, after: Array, uniform: bool) -> Array:
    """Compute the matrix (3, 3) that stretches along `before`, then rotates it to `after`."""
    length = float(np.linalg.norm(before))
    along = before / length
    stretch = float(np.linalg.norm(after)) / length
    scale = np.eye(3) * stretch if uniform else np.eye(3) + (stretch - 1) * np.outer(along, along)
    axis = np.cross(along, after / np.linalg.norm(after))
    sine = float(np.linalg.norm(axis))
    angle = float(np.arctan2(sine, along @ after / np.linalg.norm(after)))
    turn = Rotation.from_rotvec(axis / max(sine, 1e-12) * angle).as_matrix()
    return turn @ scale


def sole_depth(mesh: SkinnedMesh) -> float:
    """Measure how far the lowest vertex of the feet is below the toe joints at rest, metres."""
    feet = mesh.weights[:, [7, 8, 10, 11]].sum(axis=1) > 0.5
    toes = mesh.joints[[10, 11], 1].mean()
    return float(toes - mesh.vertices[feet, 1].min())


def skin(mesh: SkinnedMesh, pose: IKResult) -> Iterator[NDArray[np.float32]]:
    """Yield the vertices (V, 3) of every frame of a pose whose skeleton the mesh was fitted to."""
    frames = len(pose.root_position)
    local = Rotation.from_quat(pose.local_quat_wxyz.reshape(-1, 4), scalar_first=True).as_matrix()
    local = local.reshape(frames, len(PARENTS), 3, 3)
    world = local.copy()
    for joint in range(1, len(PARENTS)):
        world[:, joint] = world[:, PARENTS[joint]] @ local[:, joint]
    shifts = pose.joints - np.einsum("fjab,jb->fja", world, mesh.joints)
    bones = np.concatenate([world, shifts[..., None]], axis=-1).astype(np.float32)
    features = (local[:, 1:] - np.eye(3)).reshape(frames, -1).astype(np.float32)
    for frame in range(frames):
        rest = mesh.vertices
        if mesh.pose_offsets is not None:
            rest = rest + (features[frame] @ mesh.pose_offsets).reshape(-1, 3)
        blended = (mesh.weights @ bones[frame].reshape(-1, 12)).reshape(-1, 3, 4)
        yield np.einsum("vab,vb->va", blended[..., :3], rest) + blended[..., 3]
