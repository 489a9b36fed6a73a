"""Recorded forces: they are those of the correction, and they carry the body's weight."""

from __future__ import annotations

import numpy as np
import pytest

from body_models.skeleton import DEFAULT_SKELETON
from uhc.humanoid import qpos_to_joints
from uhc.pipeline import correct_clip
from uhc.recording import Recording, record
from uhc.request import Request


def swaying(frames: int = 24) -> np.ndarray:
    """Somebody stands, arms hanging, and shifts the hips 2 cm from side to side."""
    pose = DEFAULT_SKELETON.rest_joints.copy()
    for shoulder, elbow, wrist in ((16, 18, 20), (17, 19, 21)):
        for joint, parent in ((elbow, shoulder), (wrist, elbow)):
            pose[joint] = pose[parent] - [0, DEFAULT_SKELETON.lengths[joint], 0]
    joints = np.repeat((pose - [0, pose[:, 1].min() - 0.01, 0])[None], frames, axis=0)
    upper = [j for j in range(22) if j not in (4, 5, 7, 8, 10, 11)]
    joints[:, upper, 0] += 0.02 * np.sin(np.arange(frames) / 4)[:, None]
    return joints


@pytest.fixture(scope="module")
def recorded() -> Recording:
    return record(swaying())


def test_poses_are_those_of_the_correction(recorded: Recording) -> None:
    corrected = correct_clip(swaying(), Request())
    assert corrected.success and corrected.joints is not None
    joints = qpos_to_joints(recorded.humanoid, recorded.qpos)
    joints[..., 1] -= recorded.lift
    np.testing.assert_allclose(joints, corrected.joints, atol=1e-6)
    assert recorded.clamp_n == corrected.clamp_n


def test_the_floor_carries_the_weight_where_the_feet_are(recorded: Recording) -> None:
    settled = slice(4, None)
    load = recorded.contact_forces[settled, :, 2].sum(axis=1) + recorded.residual_force[settled, 2]
    assert abs(load.mean() / recorded.humanoid.body_weight - 1) < 0.05
    assert recorded.contact_forces[settled, :, 2].min() >= 0
    points = recorded.contact_points[settled]
    assert np.nanmax(np.abs(points[..., 2])) < 0.01
    # The left foot is at +x; each carries more when the hips are over it.
    assert np.nanmean(points[:, 0, 0]) > 0.03 and np.nanmean(points[:, 1, 0]) < -0.03
