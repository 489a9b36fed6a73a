"""The published environment: sizes, reward, stable PD, residual forces, failure."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from loop.errors import InvalidMotionError
from uhc.controllers.faithful.environment import ACTION, OBSERVATION, FaithfulEnv, expert_of
from uhc.controllers.faithful.humanoid import build_smpl_humanoid, poses_to_qpos
from uhc.controllers.faithful.quaternions import local_quats


@pytest.fixture(scope="module")
def robot(smpl_body):
    return build_smpl_humanoid(smpl_body)


def waving(robot, frames=12, height=5.0):
    """(F, 76): a person upright in the air who lifts both arms slowly."""
    poses = np.zeros((frames, 24, 3))
    poses[:, 0, 0] = np.pi / 2
    poses[:, [16, 17], 2] = 0.01 * np.arange(frames)[:, None]
    return poses_to_qpos(robot, poses, np.tile([0.0, 0.0, height], (frames, 1)))


@pytest.fixture
def env(robot):
    return FaithfulEnv(robot, expert_of(robot, waving(robot)))


def test_published_sizes(env):
    observation, _ = env.reset(seed=0)
    assert observation.shape == (OBSERVATION,) == (657,) and ACTION == 315
    np.testing.assert_allclose(observation[:4], [1, 0, 0, 0], atol=1e-9)  # heading
    np.testing.assert_allclose(observation[-17:], 0.0)  # betas, neutral
    after, reward, failed, cut, _ = env.step(np.zeros(ACTION))
    assert after.shape == (657,) and 0 < reward <= 1 and not failed and not cut


def test_reward_is_one_on_the_reference_and_falls_with_half_angles(env):
    env.reset(options={"frame": 3})
    env._quats_before = local_quats(env.expert.qpos[2])
    assert env._reward(np.zeros((24, 9))) == pytest.approx(1.0)
    forces = np.zeros((24, 9))
    forces[0, 3:6] = [0.0, 3.0, 4.0]
    assert env._reward(forces) == pytest.approx(0.95 + 0.05 * np.exp(-25.0))
    knee = env.humanoid.model.joint("L_Knee_x").qposadr[0]
    env._quats = local_quats(env.data.qpos + 0.6 * (np.arange(76) == knee))
    expected = 0.6 + 0.3 * np.exp(-2.0 * 0.3**2) + 0.1 * np.exp(-0.005 * (0.6 * 30) ** 2)
    assert env._reward(np.zeros((24, 9))) == pytest.approx(expected)


def test_stable_pd_follows_without_gravity(robot):
    model = robot.model
    gravity = model.opt.gravity.copy()
    model.opt.gravity[:] = 0.0
    try:
        env = FaithfulEnv(robot, expert_of(robot, waving(robot)))
        env.reset()
        for _ in range(11):
            _, _, failed, _, info = env.step(np.zeros(ACTION))
            assert not failed
        assert info["success"] and info["distance"] < 0.02
        np.testing.assert_allclose(env.data.qpos[7:], env.expert.qpos[-1, 7:], atol=0.05)
    finally:
        model.opt.gravity[:] = gravity


def test_residual_force_of_the_body_weight_hovers(robot, env):
    """The published help is not physical: it holds a body up in the air."""
    env.reset()
    action = np.zeros(ACTION)
    weight = robot.model.body_mass.sum() * 9.81
    # The pelvis' frame is turned by 90 degrees about x: its y axis is up. Applied at the centre of
    # mass of the whole body, the force does not turn it.
    com = env.data.subtree_com[1] - env.data.xpos[1]
    frame = env.data.xmat[1].reshape(3, 3)
    action[69:72] = frame.T @ com
    action[72:75] = frame.T @ [0.0, 0.0, weight / 100.0]
    start = env.data.subtree_com[1, 2]
    falls = FaithfulEnv(robot, env.expert)
    falls.reset()
    for _ in range(6):
        env.step(action)
        falls.step(np.zeros(ACTION))
    assert abs(env.data.subtree_com[1, 2] - start) < 0.01
    drop = 0.5 * 9.81 * 0.2**2
    assert start - falls.data.subtree_com[1, 2] == pytest.approx(drop, rel=0.1)


def test_offsets_move_joint_targets_and_meta_scales_the_gains(robot):
    model = robot.model
    gravity = model.opt.gravity.copy()
    model.opt.gravity[:] = 0.0
    try:
        turned = []
        for meta in (0.0, -1.0):  # -1 takes the gains away
            env = FaithfulEnv(robot, expert_of(robot, waving(robot)))
            env.reset()
            action = np.zeros(ACTION)
            elbow = model.joint("L_Elbow_x").qposadr[0]
            action[elbow - 7] = 0.5
            action[285:] = meta
            for _ in range(5):
                env.step(action)
            turned.append(env.data.qpos[elbow])
        assert turned[0] > 0.3 and abs(turned[1]) < 0.05
    finally:
        model.opt.gravity[:] = gravity


def test_falling_behind_and_divergence_are_failures(robot, env):
    far = waving(robot)
    far[4:, 0] += 3.0
    env = FaithfulEnv(robot, expert_of(robot, far))
    env.reset()
    ends = [env.step(np.zeros(ACTION))[2] for _ in range(4)]
    assert ends == [False, False, False, True]
    env.teleport()
    assert env.frame == 4 and np.allclose(env.data.qpos, env.expert.qpos[4])
    seen, before = env.observe(), env.data.qpos.copy()
    observation, _, failed, _, info = env.step(np.full(ACTION, np.nan))
    assert failed and not info["success"]
    assert np.array_equal(observation, seen) and np.array_equal(env.data.qpos, before)


def test_velocities_look_back_and_frame_0_repeats_frame_1(robot, env):
    after = np.zeros(75)
    mujoco.mj_differentiatePos(robot.model, after, 1 / 30, env.expert.qpos[2], env.expert.qpos[3])
    np.testing.assert_allclose(env.expert.qvel[3], after)
    np.testing.assert_array_equal(env.expert.qvel[0], env.expert.qvel[1])
    jumping = waving(robot)
    jumping[5:, 9] += 2 * np.pi  # the same pose, as Euler angles that are not unwrapped have it
    assert expert_of(robot, jumping).qvel[5, 8] == 10.0
    with pytest.raises(InvalidMotionError):
        expert_of(robot, np.full((3, 76), np.nan))


def test_a_breakdown_of_the_physics_is_a_failure(env, monkeypatch):
    def broken(*_):
        raise mujoco.FatalError("the stack is full")

    env.reset()
    monkeypatch.setattr(FaithfulEnv, "_substep", broken)
    _, _, failed, _, info = env.step(np.zeros(ACTION))
    assert failed and not info["success"]


def test_ranges_contacts_and_start_are_the_published_ones(robot):
    model = robot.model

    def degrees(name):
        return np.rad2deg([model.joint(f"{name}_{axis}").range for axis in "zyx"]).round(2).tolist()

    narrow = [-11.25, 11.25]
    assert degrees("R_Knee") == [narrow, narrow, [-11.25, 180]]
    assert degrees("L_Elbow") == [[-720, 720]] * 3 and degrees("Chest") == [[-180, 180]] * 3
    assert degrees("R_Ankle") == [[-90, 90]] * 3
    assert degrees("L_Toe") == [[-45, 45], [-45, 45], [-90, 90]]
    assert (model.dof_armature[6:] == 0.01).all() and not model.dof_damping.any()
    assert not model.jnt_stiffness.any() and model.nexclude == 2
    assert sorted(model.geom_condim.tolist()) == [1] * 24 + [3]
    assert (model.geom_margin == 0.001).all()
    fast = waving(robot)
    fast[:, 0] += 2.0 * np.arange(len(fast))  # 60 m/s
    env = FaithfulEnv(robot, expert_of(robot, fast))
    env.reset()
    assert env.data.qvel[0] == 10.0 and env.frame == 0


def test_residual_forces_come_in_the_order_of_smpl(robot):
    """The second force of an action is the left hip's, the third the right hip's, no knee's."""
    env = FaithfulEnv(robot, expert_of(robot, waving(robot)))
    for row, name in ((0, "Pelvis"), (1, "L_Hip"), (2, "R_Hip"), (7, "L_Ankle"), (23, "R_Hand")):
        forces, applied = np.zeros((2, 24, 3, 3)), []
        forces[1, row] = [[0.1, 0.2, 0.0], [3.0, 0.0, 1.0], [0.0, 2.0, 0.0]]
        for each in forces:
            env.reset()
            env._substep(np.zeros(69), each, 0.0, 0.0)
            applied.append(env.data.qfrc_applied.copy())
        env.reset()
        body = robot.model.body(name).id
        frame = env.data.xmat[body].reshape(3, 3)
        point, force, turn = forces[1, row] @ frame.T
        push, twist = np.zeros((3, 75)), np.zeros((3, 75))
        mujoco.mj_jac(robot.model, env.data, push, twist, env.data.xpos[body] + point, body)
        expected = 100.0 * (push.T @ force + twist.T @ turn)
        np.testing.assert_allclose(applied[1] - applied[0], expected, atol=1e-9)


def test_what_is_observed_after_a_step_is_a_physics_step_old(robot):
    env = FaithfulEnv(robot, expert_of(robot, waving(robot)))
    env.reset()
    env.data.qvel[0] = 3.0
    observation, *_ = env.step(np.zeros(ACTION))
    late = env.data.qpos[0] - env.data.xpos[1, 0]
    assert late == pytest.approx(env.data.qvel[0] / 450, rel=1e-3)
    places = observation[-17 - 192 - 144 : -17 - 192 - 72].reshape(3, 24)
    assert places[0, 0] == pytest.approx(-late, rel=0.01)
    assert np.ptp(places[2]) > 1.0  # all z: a person's height
