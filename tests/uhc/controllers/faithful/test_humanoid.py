"""The published robot against SMPL's own kinematics, on a body made in SMPL's format."""

from __future__ import annotations

import dataclasses

import mujoco
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from benchmarks.bodies import body_content, write_npz
from body_models.smpl import load_body_model, pose_joints
from loop.errors import InvalidMotionError, InvalidOptionError
from uhc.controllers.faithful.humanoid import (
    BODIES,
    build_smpl_humanoid,
    poses_to_qpos,
)
from uhc.controllers.faithful.quaternions import root_quats


@pytest.fixture(scope="module")
def robot(smpl_body):
    return build_smpl_humanoid(smpl_body)


def test_sizes_and_order_are_the_published_ones(robot):
    model = robot.model
    assert (model.nq, model.nv, model.nbody) == (76, 75, 25)
    names = [model.body(i).name for i in range(1, 25)]
    assert names[:6] == ["Pelvis", "L_Hip", "L_Knee", "L_Ankle", "L_Toe", "R_Hip"]
    assert names[14:19] == ["L_Thorax", "L_Shoulder", "L_Elbow", "L_Wrist", "L_Hand"]
    assert sorted(names) == sorted(BODIES)
    assert model.opt.timestep * 15 == pytest.approx(1 / 30)


def test_gains_stand_at_their_joints(robot):
    def of(name):
        dof = robot.model.joint(f"{name}_z").dofadr[0]
        return robot.kp[dof], robot.kd[dof], robot.torque_limits[dof - 6]

    assert of("L_Knee") == (500, 50, 500) and of("Chest") == (1000, 100, 500)
    assert of("R_Thorax") == (400, 40, 150) and of("R_Shoulder") == (400, 40, 250)
    assert of("R_Hand") == (100, 10, 150) and not robot.kp[:6].any()
    knee = robot.model.joint("L_Knee_z").range
    np.testing.assert_allclose(np.rad2deg(knee), [-11.25, 11.25])


def test_poses_are_those_of_smpl(smpl_body, robot):
    rng = np.random.default_rng(0)
    poses, trans = rng.normal(0, 0.5, (5, 24, 3)), rng.normal(size=(5, 3))
    qpos = poses_to_qpos(robot, poses, trans)
    expected = pose_joints(smpl_body, poses, trans=trans)[:, robot.smpl_joints]
    data = mujoco.MjData(robot.model)
    for pose, joints in zip(qpos, expected, strict=True):
        data.qpos[:] = pose
        mujoco.mj_kinematics(robot.model, data)
        np.testing.assert_allclose(data.xpos[1:], joints, atol=2e-4)  # rounded joints


def test_joints_are_rounded_and_both_soles_share_one_height(smpl_body):
    """As in the published model file: four decimals; one threshold above the lowest vertex."""
    vertices = smpl_body.v_template.copy()
    feet = smpl_body.weights.argmax(axis=1)
    for foot, height in ((7, 0.0), (8, 0.004), (10, 0.008), (11, 0.02)):
        own = feet == foot
        vertices[own, 1] += height - vertices[own, 1].min() - 2.0
    robot = build_smpl_humanoid(dataclasses.replace(smpl_body, v_template=vertices))
    ticks = robot.model.body_pos[1:] * 1e4
    np.testing.assert_allclose(ticks, ticks.round(), atol=1e-9)
    np.testing.assert_allclose(robot.pelvis * 1e4, (robot.pelvis * 1e4).round(), atol=1e-9)
    data = mujoco.MjData(robot.model)
    mujoco.mj_forward(robot.model, data)
    lowest = {}
    for name in ("L_Ankle", "R_Ankle", "L_Toe", "R_Toe"):
        geom = robot.model.geom(robot.model.body(name).geomadr[0])
        mesh = robot.model.mesh(int(geom.dataid[0]))
        start, count = int(mesh.vertadr[0]), int(mesh.vertnum[0])
        points = robot.model.mesh_vert[start : start + count]
        world = points @ data.geom_xmat[geom.id].reshape(3, 3).T + data.geom_xpos[geom.id]
        lowest[name] = world[:, 1].min()
    low = vertices[:, 1] < -2.0 + 0.01
    level = vertices[low, 1].mean() - np.round(vertices[feet == 0].mean(0), 4)[1]
    for name in ("L_Ankle", "R_Ankle", "L_Toe"):
        assert lowest[name] == pytest.approx(level, abs=1e-6)
    assert lowest["R_Toe"] > level + 0.005  # too high for the threshold of both feet


@pytest.mark.parametrize(
    ("rotvec", "positive"),
    [
        ((np.pi / 2, 0.0, 0.0), 1),  # a person who stands in a world that is z up
        ((0.0, 0.0, 0.1), 0),
        ((0.0, 0.0, -3.0), 3),
        ((0.0, 3.0, 0.0), 2),
        ((0.0, -3.0, 0.0), 2),
        ((-3.0, 0.0, 0.0), 1),
    ],
)
def test_root_quaternions_have_the_published_sign(rotvec, positive):
    """Of the two that are the same rotation, the one whose named part is positive."""
    quat = root_quats(np.array([rotvec]))[0]
    assert quat[positive] > 0
    turned = Rotation.from_quat(quat, scalar_first=True) * Rotation.from_rotvec(rotvec).inv()
    assert turned.magnitude() < 1e-12


def test_what_does_not_fit_is_refused(robot, tmp_path):
    with pytest.raises(InvalidMotionError, match="24 joints"):
        poses_to_qpos(robot, np.zeros((2, 22, 3)), np.zeros((2, 3)))
    path = write_npz(tmp_path / "SMPLH.npz", body_content("smplh"))
    with pytest.raises(InvalidOptionError, match="made of SMPL"):
        build_smpl_humanoid(load_body_model(path))
