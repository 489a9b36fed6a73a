"""The generated body: against MuJoCo's own kinematics, against anthropometry, and its borders."""

from __future__ import annotations

from dataclasses import replace

import mujoco
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from body_models.skeleton import DEFAULT_SKELETON
from loop.errors import InvalidMotionError, InvalidOptionError
from translation import ik
from uhc.humanoid.model import (
    Humanoid,
    build_humanoid,
    pose_to_qpos,
    qpos_to_corners,
    qpos_to_joints,
    qpos_to_joints_zup,
    yup_to_zup,
    zup_to_yup,
)
from uhc.humanoid.segments import FOOT_DROP_M, FOOT_SIZE_M, SOLE_BELOW_TOE_M


def random_poses(humanoid: Humanoid, count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(count, 3))
    quats = Rotation.random(count * 17, rng=rng).as_quat(scalar_first=True)
    return np.concatenate([root, quats.reshape(count, -1)], axis=1)


def test_has_the_published_size_and_mass(humanoid: Humanoid) -> None:
    assert (humanoid.nq, humanoid.nv) == (71, 54)
    assert humanoid.mass == pytest.approx(73.4)
    assert humanoid.body_weight == pytest.approx(720.0, abs=0.1)


def test_joints_and_corners_agree_with_mujoco(humanoid: Humanoid) -> None:
    qpos = random_poses(humanoid, 6)
    joints, corners = qpos_to_joints_zup(humanoid, qpos), qpos_to_corners(humanoid, qpos)
    data = mujoco.MjData(humanoid.model)
    for frame, pose in enumerate(qpos):
        data.qpos[:] = pose
        mujoco.mj_kinematics(humanoid.model, data)
        sites = [humanoid.model.site(f"joint_{joint}").id for joint in range(22)]
        np.testing.assert_allclose(joints[frame], data.site_xpos[sites], atol=1e-12)
        np.testing.assert_allclose(
            corners[frame], data.site_xpos[humanoid.corner_sites], atol=1e-12
        )


def test_agrees_with_the_kinematics_that_inverse_kinematics_inverts(humanoid: Humanoid) -> None:
    """y up there, z up here: the border has to give the same joints."""
    rng = np.random.default_rng(1)
    root = rng.normal(size=(5, 3))
    quats = Rotation.random(5 * 22, rng).as_quat(scalar_first=True).reshape(5, 22, 4)
    expected = ik.forward_kinematics(root, quats, DEFAULT_SKELETON)
    found = qpos_to_joints(humanoid, pose_to_qpos(humanoid, root, quats))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_up_is_up() -> None:
    np.testing.assert_array_equal(yup_to_zup(np.array([0.0, 1.0, 0.0])), [0.0, 0.0, 1.0])
    points = np.random.default_rng(0).normal(size=(4, 3))
    np.testing.assert_array_equal(zup_to_yup(yup_to_zup(points)), points)
    a, b = points[0], points[1]  # a rotation, not a reflection: cross products are kept
    np.testing.assert_allclose(yup_to_zup(np.cross(a, b)), np.cross(yup_to_zup(a), yup_to_zup(b)))


def test_a_flat_foot_has_its_sole_level_under_the_toe(humanoid: Humanoid) -> None:
    """Pitch the left foot so that its ankle is `FOOT_DROP_M` over the toe, as real feet rest."""
    toe = DEFAULT_SKELETON.offsets[10]
    pitch = np.arcsin(FOOT_DROP_M / np.linalg.norm(toe)) - np.arcsin(-toe[1] / np.linalg.norm(toe))
    quats = np.zeros((1, 22, 4))
    quats[..., 0] = 1.0
    quats[0, 7] = Rotation.from_rotvec([pitch, 0.0, 0.0]).as_quat(scalar_first=True)
    qpos = pose_to_qpos(humanoid, np.zeros((1, 3)), quats)
    joints, corners = qpos_to_joints_zup(humanoid, qpos)[0], qpos_to_corners(humanoid, qpos)[0, :4]
    assert joints[7, 2] - joints[10, 2] == pytest.approx(FOOT_DROP_M)
    np.testing.assert_allclose(corners[:, 2], joints[10, 2] - SOLE_BELOW_TOE_M, atol=1e-9)
    assert np.ptp(corners[:, 1]) == pytest.approx(FOOT_SIZE_M[0], abs=1e-3)


def test_only_the_floor_can_be_hit(humanoid: Humanoid) -> None:
    model = humanoid.model
    floor = model.geom("floor").id
    for geom in range(model.ngeom):
        for other in range(geom):
            hit = model.geom_contype[geom] & model.geom_conaffinity[other]
            hit |= model.geom_contype[other] & model.geom_conaffinity[geom]
            assert bool(hit) == (floor in (geom, other))


def test_falls_freely_without_forces(humanoid: Humanoid) -> None:
    """High over the floor the centre of mass follows its parabola and keeps its spin."""
    model, data = humanoid.model, mujoco.MjData(humanoid.model)
    rng = np.random.default_rng(3)
    data.qpos[:] = random_poses(humanoid, 1, seed=3)[0]
    data.qpos[2] = 50.0
    data.qvel[:] = rng.normal(size=humanoid.nv)
    mujoco.mj_forward(model, data)
    mujoco.mj_subtreeVel(model, data)
    start, velocity = data.subtree_com[0].copy(), data.subtree_linvel[0].copy()
    spin = data.subtree_angmom[0].copy()
    for _ in range(120):
        mujoco.mj_step(model, data)
    mujoco.mj_forward(model, data)
    mujoco.mj_subtreeVel(model, data)
    expected = start + 0.5 * velocity + 0.5 * np.array([0.0, 0.0, -9.81]) * 0.25
    np.testing.assert_allclose(data.subtree_com[0], expected, atol=0.02)
    np.testing.assert_allclose(data.subtree_angmom[0], spin, atol=0.03 * np.linalg.norm(spin))


@pytest.mark.parametrize("scale", [0.01, 50.0])
def test_refuses_bones_that_are_not_in_metres(scale: float) -> None:
    with pytest.raises(InvalidOptionError, match="metres"):
        build_humanoid(replace(DEFAULT_SKELETON, offsets=DEFAULT_SKELETON.offsets * scale))


def test_refuses_an_ankle_higher_than_the_foot_is_long() -> None:
    with pytest.raises(InvalidOptionError, match="ankle"):
        build_humanoid(DEFAULT_SKELETON, foot_drop=0.3)


def test_refuses_poses_that_do_not_fit(humanoid: Humanoid) -> None:
    with pytest.raises(InvalidMotionError, match=r"\(F, 22, 4\)"):
        pose_to_qpos(humanoid, np.zeros((2, 3)), np.zeros((3, 22, 4)))
