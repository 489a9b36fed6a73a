"""Skinning against SMPL's own, and against rigid motion."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from body_models.skeleton import DEFAULT_SKELETON, PARENTS
from body_models.smpl import BodyModel
from body_models.smpl import skin as smpl_skin
from translation.ik import IKResult, forward_kinematics
from visualize.video.skinned_mesh import fit, from_body_model, skin, sole_depth


def toy_body(seed: int = 0, joints: int = 24) -> BodyModel:
    """Vertices around the default skeleton, random weights, with pose offsets; SMPL's 24 joints."""
    rng = np.random.default_rng(seed)
    places = np.concatenate([DEFAULT_SKELETON.rest_joints, DEFAULT_SKELETON.rest_joints[20:]])
    count = 5 * joints
    vertices = np.repeat(places, 5, axis=0) + rng.normal(scale=0.05, size=(count, 3))
    regressor = np.zeros((joints, count))
    for joint in range(joints):
        rows = slice(5 * joint, 5 * joint + 5)
        vertices[rows] += places[joint] - vertices[rows].mean(axis=0)
        regressor[joint, rows] = 0.2
    weights = rng.dirichlet(np.full(joints, 0.2), size=count)
    return BodyModel(
        v_template=vertices,
        shapedirs=np.zeros((count, 3, 0)),
        posedirs=0.01 * rng.normal(size=(count, 3, 9 * (joints - 1))),
        J_regressor=regressor,
        weights=weights,
        parents=(*PARENTS, 20, 21),
        faces=np.array([[0, 1, 2]]),
    )


def pose(frames: int, seed: int = 1) -> tuple[IKResult, np.ndarray]:
    rng = np.random.default_rng(seed)
    angles = 0.5 * rng.normal(size=(frames, 22, 3))
    quats = Rotation.from_rotvec(angles.reshape(-1, 3)).as_quat(scalar_first=True)
    quats = quats.reshape(frames, 22, 4)
    root = rng.normal(size=(frames, 3))
    joints = forward_kinematics(root, quats, DEFAULT_SKELETON)
    return IKResult(root, quats, joints, 0.0, 0.0, DEFAULT_SKELETON), angles


def test_on_its_own_skeleton_it_is_what_smpl_does() -> None:
    body = toy_body()
    result, angles = pose(3)
    expected, _ = smpl_skin(body, angles, trans=result.root_position - body.shaped()[1][0])
    # SMPL's two hands are at rest, which adds nothing, so that 22 joints are enough.
    mesh = fit(from_body_model(body), DEFAULT_SKELETON)
    np.testing.assert_allclose(np.stack(list(skin(mesh, result))), expected, atol=1e-4)


def test_fit_brings_joints_to_the_skeleton_and_keeps_what_is_rigid() -> None:
    mesh = from_body_model(toy_body())
    rigid = np.zeros_like(mesh.weights)
    owner = np.minimum(np.repeat(np.arange(24), 5), 21)
    rigid[np.arange(len(rigid)), owner] = 1.0
    turned = Rotation.from_rotvec([0.0, 0.0, 0.4]).as_matrix()
    moved = replace(
        mesh,
        vertices=(1.1 * mesh.vertices @ turned.T).astype(np.float32),
        joints=1.1 * mesh.joints @ turned.T,
        weights=rigid,
    )
    fitted = fit(moved, DEFAULT_SKELETON)
    np.testing.assert_allclose(fitted.joints, DEFAULT_SKELETON.rest_joints)
    # Each joint's vertices were centred on it and still are.
    centres = [fitted.vertices[owner == joint].mean(axis=0) for joint in range(20)]
    np.testing.assert_allclose(centres, DEFAULT_SKELETON.rest_joints[:20], atol=1e-4)


def test_sole_is_below_the_toe_joint() -> None:
    mesh = from_body_model(toy_body())
    weights = np.zeros_like(mesh.weights)
    weights[:, 0] = 1.0
    weights[:2, [0, 10]] = [0.0, 1.0]
    vertices = mesh.vertices.copy()
    vertices[:2, 1] = mesh.joints[10, 1] - [0.03, -0.2]
    toes = mesh.joints.copy()
    toes[11, 1] = toes[10, 1]
    foot = replace(mesh, weights=weights, vertices=vertices, joints=toes)
    np.testing.assert_allclose(sole_depth(foot), 0.03, atol=1e-6)
