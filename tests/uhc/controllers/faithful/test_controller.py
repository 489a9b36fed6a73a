"""The published controller's road: a body in SMPL's format, weights in the published form."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from body_models.skeleton import DEFAULT_SKELETON, PARENTS
from body_models.smpl import skin
from loop.errors import InvalidMotionError, MissingAssetError
from uhc.control.simulation import DIVERGED
from uhc.controllers.faithful.controller import (
    Faithful,
    _joints,
    reference_qpos,
    track_published,
)
from uhc.controllers.faithful.environment import ACTION, OBSERVATION, expert_of
from uhc.controllers.faithful.humanoid import build_smpl_humanoid
from uhc.controllers.faithful.weights import PublishedPolicy


def follow_faithful(*arguments, **options):
    """The joints reached, and how it went."""
    done = track_published(*arguments, **options)
    return done.joints, done


def constant(bias):
    """A published policy that answers the same to everything."""
    weights = np.zeros((ACTION, OBSERVATION))
    return PublishedPolicy(
        np.zeros(OBSERVATION), np.ones(OBSERVATION), (weights,), (np.asarray(bias),)
    )


@pytest.fixture(scope="module")
def faithful(smpl_body):
    return Faithful(smpl_body, build_smpl_humanoid(smpl_body), constant(np.zeros(ACTION)))


@pytest.fixture(scope="module")
def waving(smpl_body):
    """(9, 22, 3): the body's own rest pose in the air, with wrists that rise."""
    rest = smpl_body.skeleton().rest_joints + np.array([0.0, 5.0, 0.0])
    clip = np.repeat(rest[None], 9, axis=0)
    clip[:, [18, 19, 20, 21], 1] += np.linspace(0.0, 0.05, 9)[:, None]
    return clip


def test_joints_become_poses_of_the_robot_and_joints_again(faithful, waving):
    qpos = reference_qpos(waving, faithful)
    assert qpos.shape == (13, 76)  # 0.4 s at 30 Hz
    again = _joints(faithful.robot, expert_of(faithful.robot, qpos).positions, 30.0)
    again[..., 1] += waving[0, 0, 1] - again[0, 0, 1]
    assert again.shape == waving.shape and again.dtype == np.float32
    assert np.linalg.norm(again - waving, axis=-1).mean() < 0.02
    turned = np.stack([waving[..., 2], waving[..., 1], -waving[..., 0]], axis=-1)
    sideways = expert_of(faithful.robot, reference_qpos(turned, faithful)).positions
    other = _joints(faithful.robot, sideways, 30.0)
    other[..., 1] += waving[0, 0, 1] - other[0, 0, 1]
    expected = np.stack([again[..., 2], again[..., 1], -again[..., 0]], axis=-1)
    np.testing.assert_allclose(other, expected, atol=2e-3)


def test_it_falls_without_help_and_the_help_is_counted(faithful, waving):
    """Fifty newtons up at the pelvis are fifty newtons of the report."""
    joints, done = follow_faithful(waving, faithful)
    assert done.force_bw == 0.0 and done.clamp_n == float("inf")
    assert done.success and joints.shape == waving.shape  # it stands on the floor
    pushed = np.zeros(ACTION)
    pushed[73] = 0.5
    _, helped = follow_faithful(waving, Faithful(faithful.body, faithful.robot, constant(pushed)))
    weight = 9.81 * faithful.robot.model.body_mass.sum()
    assert helped.force_bw == pytest.approx(50.0 / weight) and helped.torque_bwm == 0.0


def test_the_first_mesh_stands_on_the_floor(faithful, waving):
    """The clip is lowered by what its mesh says, not its joints; its height in the input goes."""
    qpos = [reference_qpos(waving + np.array([0.0, up, 0.0]), faithful) for up in (0.0, 2.0)]
    np.testing.assert_allclose(qpos[0], qpos[1], atol=1e-6)
    first, robot = qpos[0][0], faithful.robot
    poses = np.empty((1, 24, 3))
    poses[0, 0] = Rotation.from_quat(first[3:7], scalar_first=True).as_rotvec()
    poses[0, robot.smpl_joints[1:]] = Rotation.from_euler(
        "ZYX", first[7:].reshape(23, 3)
    ).as_rotvec()
    vertices, _ = skin(faithful.body, poses, trans=first[None, :3] - robot.pelvis)
    assert vertices[..., 2].min() == pytest.approx(0.0, abs=1e-4)


def test_at_the_published_rate_a_frame_is_a_control_step(faithful, waving):
    """20 fps motion played as 30 Hz; a teleport records the failed state and the one after it."""
    joints, done = follow_faithful(waving, faithful, playback_rate=1.5)
    assert joints.shape == waving.shape and len(done.qpos) == len(waving) and done.success
    assert joints[..., 1].min() == pytest.approx(0.0, abs=1e-6)
    far = waving.copy()
    far[4:, :, 0] += 3.0  # no robot follows that
    joints, done = follow_faithful(far, faithful, playback_rate=1.5, teleport=True)
    assert done.teleports >= 1 and done.failed_frame == 4 and not done.success
    assert len(joints) == len(far) + done.teleports == len(done.qpos)
    np.testing.assert_allclose(done.qpos[5], reference_qpos(far, faithful, 1.5)[4])
    assert np.abs(done.qpos[4] - done.qpos[5]).max() > 2.0
    stopped, _ = follow_faithful(far, faithful, playback_rate=1.5)
    assert len(stopped) == 4 and np.abs(stopped - joints[:4]).max() < 0.1
    far = waving.copy()
    far[-1, :, 0] += 3.0  # published: a failure in the last step has reached the end
    joints, done = follow_faithful(far, faithful, playback_rate=1.5, teleport=True)
    assert done.success and done.teleports == 0 and len(joints) == len(far)


def test_after_a_teleport_the_policy_goes_on_with_what_it_saw_before(faithful, waving, monkeypatch):
    far = waving.copy()
    far[4:, :, 0] += 3.0
    seen = []
    monkeypatch.setattr(
        PublishedPolicy, "act", lambda _, observation: seen.append(observation) or np.zeros(ACTION)
    )
    follow_faithful(far, faithful, playback_rate=1.5, teleport=True)
    assert len(seen) == 8
    distance = [np.abs(each[-17 - 192 - 72 : -17 - 192][:24]).max() for each in seen]
    # At frame 3 the target has jumped; at 4, put there, it still sees itself far behind.
    assert distance[2] < 0.5 and distance[3] > 2.5 and distance[4] > 2.5 and distance[5] < 0.5


def test_the_result_has_the_body_it_is_retargeted_to(faithful, waving):
    joints, _ = follow_faithful(waving, faithful, 1.5, skeleton=DEFAULT_SKELETON)
    lengths = np.linalg.norm(joints[:, 1:] - joints[:, PARENTS[1:]], axis=-1)
    np.testing.assert_allclose(lengths, np.tile(DEFAULT_SKELETON.lengths[1:], (9, 1)), atol=1e-5)


@pytest.mark.parametrize("frames", [5, 6])
def test_as_many_frames_come_back_as_were_given(faithful, waving, frames):
    joints, done = follow_faithful(waving[:frames], faithful)
    assert done.success and joints.shape == (frames, 22, 3)


def test_the_controller_can_be_sent_to_a_worker(faithful, waving):
    sent = pickle.loads(pickle.dumps(faithful))
    here, there = (follow_faithful(waving[:5], each)[0] for each in (faithful, sent))
    assert here.tobytes() == there.tobytes()


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300, -1e9])
def test_a_broken_network_is_a_counted_failure(faithful, waving, value):
    broken = Faithful(faithful.body, faithful.robot, constant(np.full(ACTION, value)))
    joints, done = follow_faithful(waving, broken)
    assert not done.success and done.reason == DIVERGED and done.failed_frame == 1
    assert np.isfinite(joints).all() and np.isfinite([done.error_m, done.force_bw]).all()
    wild = Faithful(faithful.body, faithful.robot, constant(np.full(ACTION, 50.0)))
    joints, done = follow_faithful(waving, wild)
    assert not done.success and done.reason and np.isfinite(joints).all()


def test_what_is_missing_or_no_motion_is_named(faithful, tmp_path):
    with pytest.raises(MissingAssetError, match=r"get_smpl_data\.sh"):
        Faithful.load(tmp_path / "iter_5000.p", tmp_path)
    with pytest.raises(InvalidMotionError):
        follow_faithful(np.full((8, 22, 3), np.nan), faithful)
    with pytest.raises(InvalidMotionError, match="short"):
        follow_faithful(np.zeros((2, 22, 3)), faithful)
