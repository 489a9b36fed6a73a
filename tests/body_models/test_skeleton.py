from __future__ import annotations

from dataclasses import FrozenInstanceError
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from body_models.skeleton import (
    BRANCHES,
    DEFAULT_SKELETON,
    JOINT_COUNT,
    JOINT_NAMES,
    KINEMATIC_CHAINS,
    MIRROR,
    PARENTS,
    Skeleton,
    check_joints,
    kabsch,
)
from loop.errors import InvalidMotionError


def test_tree_chains_and_mirror_agree() -> None:
    assert len(JOINT_NAMES) == len(PARENTS) == JOINT_COUNT
    assert all(parent < joint for joint, parent in enumerate(PARENTS))
    bones = {(a, b) for chain in KINEMATIC_CHAINS for a, b in pairwise(chain)}
    assert bones == {(parent, joint) for joint, parent in enumerate(PARENTS) if joint}
    for joint, twin in enumerate(MIRROR):
        assert MIRROR[twin] == joint
        swapped = JOINT_NAMES[joint].replace("left", "?").replace("right", "left")
        assert JOINT_NAMES[twin] == swapped.replace("?", "right")
        assert joint == 0 or PARENTS[twin] == MIRROR[PARENTS[joint]]


def test_default_body_is_a_standing_adult_facing_z() -> None:
    rest = DEFAULT_SKELETON.rest_joints
    feet = min(rest[10, 1], rest[11, 1])
    assert 1.5 < rest[15, 1] - feet < 1.7  # the head joint is at the base of the skull
    assert rest[1, 0] > 0 > rest[2, 0]  # left is +x
    assert rest[10, 2] > rest[7, 2]  # toes ahead of the ankles
    np.testing.assert_allclose(rest[20, 1], rest[16, 1])  # level arms


def test_from_joints_finds_lengths_and_fans_of_another_body() -> None:
    rng = np.random.default_rng(1)
    offsets = DEFAULT_SKELETON.offsets * rng.uniform(0.7, 1.3, (JOINT_COUNT, 1))
    offsets[[1, 3, 12]] += rng.normal(0, 0.02, (3, 3))  # other fan angles too
    rotations = Rotation.random(50 * JOINT_COUNT, rng=rng).as_matrix()
    rotations = rotations.reshape(50, JOINT_COUNT, 3, 3)
    joints = np.zeros((50, JOINT_COUNT, 3))
    for joint, parent in enumerate(PARENTS[1:], start=1):
        joints[:, joint] = joints[:, parent] + rotations[:, parent] @ offsets[joint]
    found = Skeleton.from_joints(joints)
    np.testing.assert_allclose(found.lengths, np.linalg.norm(offsets, axis=-1), atol=1e-9)
    for _, children in BRANCHES:
        rows = list(children)
        expected = offsets[rows] @ offsets[rows].T
        np.testing.assert_allclose(found.offsets[rows] @ found.offsets[rows].T, expected, atol=1e-9)


def test_table_matches_the_real_clip(shared: Path) -> None:
    joints = np.load(shared / "data/humanml3d_sample/new_joints/012314.npy")
    measured = Skeleton.from_joints(joints)
    np.testing.assert_allclose(measured.lengths, DEFAULT_SKELETON.lengths, atol=1e-4)
    np.testing.assert_allclose(measured.offsets, DEFAULT_SKELETON.offsets, atol=0.01)


def test_kabsch_agrees_with_scipy() -> None:
    rng = np.random.default_rng(2)
    source, target = rng.normal(size=(20, 3, 3)), rng.normal(size=(20, 3, 3))
    for i, found in enumerate(kabsch(source, target)):
        expected = Rotation.align_vectors(target[i], source[i])[0]
        np.testing.assert_allclose(found, expected.as_matrix(), atol=1e-9)


def test_skeleton_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        DEFAULT_SKELETON.offsets[0] = 1.0
    with pytest.raises(FrozenInstanceError):
        DEFAULT_SKELETON.parents = ()  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    ("joints", "words"),
    [
        (np.zeros((5, 21, 3)), r"\(5, 21, 3\)"),
        (np.zeros((0, 22, 3)), "0 frames"),
        (np.full((5, 22, 3), np.nan), "frame 0"),
        (np.zeros((5, 22, 3)), "left_hip has no length"),
    ],
)
def test_bad_joints_are_named(joints: np.ndarray, words: str) -> None:
    with pytest.raises(InvalidMotionError, match=words):
        Skeleton.from_joints(joints)


def test_first_bad_frame_is_named_in_a_batch() -> None:
    joints = np.zeros((3, 9, 22, 3))
    joints[2, 4, 7, 1] = np.inf
    joints[0, 6, 7, 1] = np.nan
    with pytest.raises(InvalidMotionError, match="first in frame 4"):
        check_joints(joints)


def test_bad_offsets_are_refused() -> None:
    with pytest.raises(InvalidMotionError, match="offsets"):
        Skeleton(offsets=np.zeros((22, 2)))
