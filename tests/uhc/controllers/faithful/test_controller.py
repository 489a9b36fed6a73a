"""The published controller's road: a body in SMPL's format, weights in the published form."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from loop.errors import InvalidMotionError, MissingAssetError
from uhc.control.simulation import DIVERGED
from uhc.controllers.faithful.controller import (
    Faithful,
    _joints,
    follow_faithful,
    load_faithful,
    reference_qpos,
)
from uhc.controllers.faithful.environment import ACTION, OBSERVATION, expert_of
from uhc.controllers.faithful.humanoid import build_smpl_humanoid
from uhc.controllers.faithful.weights import PublishedPolicy


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
    again = _joints(faithful.robot, expert_of(faithful.robot, qpos).positions)
    assert again.shape == waving.shape and again.dtype == np.float32
    assert np.linalg.norm(again - waving, axis=-1).mean() < 0.02
    turned = np.stack([waving[..., 2], waving[..., 1], -waving[..., 0]], axis=-1)
    other = _joints(
        faithful.robot, expert_of(faithful.robot, reference_qpos(turned, faithful)).positions
    )
    expected = np.stack([again[..., 2], again[..., 1], -again[..., 0]], axis=-1)
    np.testing.assert_allclose(other, expected, atol=2e-3)


def test_it_falls_without_help_and_the_help_is_counted(faithful, waving):
    """Fifty newtons up at the pelvis are fifty newtons of the report."""
    joints, done = follow_faithful(waving, faithful)
    assert done.force_bw == 0.0 and done.clamp_n == float("inf")
    drop = waving[len(joints) - 1, 0, 1] - joints[-1, 0, 1]
    assert drop == pytest.approx(0.5 * 9.81 * ((len(joints) - 1) / 20) ** 2, rel=0.15)
    pushed = np.zeros(ACTION)
    pushed[73] = 0.5
    _, helped = follow_faithful(waving, Faithful(faithful.body, faithful.robot, constant(pushed)))
    weight = 9.81 * faithful.robot.model.body_mass.sum()
    assert helped.force_bw == pytest.approx(50.0 / weight) and helped.torque_bwm == 0.0


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
        load_faithful(tmp_path, tmp_path / "iter_5000.p")
    with pytest.raises(InvalidMotionError):
        follow_faithful(np.full((8, 22, 3), np.nan), faithful)
    with pytest.raises(InvalidMotionError, match="short"):
        follow_faithful(np.zeros((2, 22, 3)), faithful)
