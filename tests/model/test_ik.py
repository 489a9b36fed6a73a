"""Inverse kinematics by name: the same through the correction of a clip."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from body_models.skeleton import DEFAULT_SKELETON, Skeleton
from loop.errors import InvalidOptionError, MissingAssetError
from model import ik
from model.ik import ik_named, joints_to_poses
from model.vposer import VPoser, fit_poses, load_vposer
from tests.model.test_vposer import lightning, motion, published_state, write
from translation.ik import solve_ik
from uhc.options import CorrectionOptions
from uhc.pipeline import correct_clip


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[VPoser]:
    """A synthetic VPoser where the user's would be."""
    monkeypatch.chdir(tmp_path)
    write(Path("body_models/vposer_v2_05"), lightning(published_state()))
    ik._vposer.cache_clear()
    yield load_vposer()
    ik._vposer.cache_clear()


def test_each_name_is_its_own_solver(network: VPoser) -> None:
    joints, _ = motion(network, frames=3, seed=4)
    ours, prior = joints_to_poses(joints), joints_to_poses(joints, DEFAULT_SKELETON, "vposer")
    np.testing.assert_array_equal(ours.local_quat_wxyz, solve_ik([joints])[0].local_quat_wxyz)
    expected = fit_poses(joints, DEFAULT_SKELETON, network)
    np.testing.assert_array_equal(prior.local_quat_wxyz, expected.local_quat_wxyz)
    measured = joints_to_poses(joints, ik="vposer").skeleton
    np.testing.assert_allclose(measured.lengths, Skeleton.from_joints(joints).lengths)


def test_a_clip_is_corrected_by_way_of_the_prior(network: VPoser) -> None:
    """Standing still in a pose of the prior: both reach it, with rotations of their own."""
    with torch.no_grad():
        pose, _ = motion(network, frames=1, seed=5)
    joints = np.repeat(pose, 12, axis=0)
    joints[..., 1] -= joints[..., 1].min()
    found = correct_clip(joints, CorrectionOptions("kinematic", ik="vposer"))
    ours = correct_clip(joints, CorrectionOptions("kinematic"))
    assert found.success and ours.success and found.joints is not None
    assert found.root_aligned_mm < 40
    assert not np.array_equal(found.joints, ours.joints)


def test_what_is_not_there_is_told_before_any_clip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingAssetError, match=r"get_smpl_data\.sh"):
        CorrectionOptions(ik="vposer")
    with pytest.raises(InvalidOptionError, match="analytic"):
        ik_named("lbfgs")
