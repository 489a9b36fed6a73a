from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from body_models.skeleton import DEFAULT_SKELETON, JOINT_COUNT, MIRROR, PARENTS, Skeleton
from loop.errors import InvalidMotionError, InvalidOptionError
from translation.humanml import mirror_joints
from translation.ik import ELBOWS, KNEES, IKSettings, forward_kinematics, solve_ik
from translation.ik_guess import guess_rotations
from translation.rotations import qmul, qrot

LEAVES = [joint for joint in range(JOINT_COUNT) if joint not in PARENTS]


@pytest.fixture
def joints(shared: Path) -> np.ndarray:
    return np.load(shared / "data/humanml3d_sample/new_joints/012314.npy").astype(np.float64)


def rotvec(quat_wxyz: np.ndarray) -> np.ndarray:
    flat = Rotation.from_quat(quat_wxyz.reshape(-1, 4), scalar_first=True).as_rotvec()
    return flat.reshape(*quat_wxyz.shape[:-1], 3)


def quat(rotation_vectors: np.ndarray) -> np.ndarray:
    flat = Rotation.from_rotvec(rotation_vectors.reshape(-1, 3)).as_quat(scalar_first=True)
    return flat.reshape(*rotation_vectors.shape[:-1], 4)


def random_motion(seed: int, frames: int = 12, angle: float = 0.5) -> tuple[np.ndarray, ...]:
    """A smooth random motion: root position (F, 3) and local quaternions a body can make."""
    rng = np.random.default_rng(seed)
    turns = gaussian_filter1d(rng.normal(size=(frames + 40, JOINT_COUNT, 3)), 6, axis=0)[20:-20]
    turns *= angle / turns.std()
    turns[:, LEAVES] = 0.0
    turns[:, KNEES, 0] = np.abs(turns[:, KNEES, 0])
    turns[:, ELBOWS, 1] = np.abs(turns[:, ELBOWS, 1]) * [-1.0, 1.0]
    turns[:, KNEES, 1:] *= 0.1
    turns[:, ELBOWS, 0] = turns[:, ELBOWS, 2] = 0.0
    yaw = quat(np.array([0.0, rng.uniform(-np.pi, np.pi), 0.0]))
    local = quat(turns)
    local[:, 0] = qmul(np.broadcast_to(yaw, local[:, 0].shape), local[:, 0])
    root = np.cumsum(rng.normal(0, 0.02, (frames, 3)), axis=0)
    root[:, 1] += 0.95
    return root, local


def test_forward_kinematics_agrees_with_scipy() -> None:
    root, local = random_motion(0)
    found = forward_kinematics(root, local, DEFAULT_SKELETON)
    offsets = DEFAULT_SKELETON.offsets.copy()  # scipy takes no read-only vectors
    for f in range(len(root)):
        world = []
        for j, parent in enumerate(PARENTS):
            own = Rotation.from_quat(local[f, j], scalar_first=True)
            world.append(own if parent < 0 else world[parent] * own)
            expected = root[f]
            if parent >= 0:
                expected = found[f, parent] + world[parent].apply(offsets[j])
            np.testing.assert_allclose(found[f, j], expected, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_round_trip_of_random_motions(seed: int) -> None:
    root, local = random_motion(seed)
    joints = forward_kinematics(root, local, DEFAULT_SKELETON)
    (result,) = solve_ik([joints], DEFAULT_SKELETON, threads=1)
    assert result.mean_error_mm < 3.0
    again = forward_kinematics(result.root_position, result.local_quat_wxyz, DEFAULT_SKELETON)
    np.testing.assert_allclose(again, result.joints, atol=1e-9)
    distance_mm = 1000 * np.linalg.norm(again - joints, axis=-1)
    assert distance_mm.max() == pytest.approx(result.max_error_mm)
    # the pelvis carries a fan of bones, so its orientation is not open
    turn = rotvec(qmul(local[:, 0] * [1, -1, -1, -1], result.local_quat_wxyz[:, 0]))
    assert np.linalg.norm(turn, axis=-1).max() < 0.1


def test_closed_form_guess_reaches_every_joint() -> None:
    root, local = random_motion(3, frames=40, angle=1.0)
    joints = forward_kinematics(root, local, DEFAULT_SKELETON)
    guess = guess_rotations(joints, DEFAULT_SKELETON)
    np.testing.assert_allclose(forward_kinematics(root, guess, DEFAULT_SKELETON), joints, atol=1e-9)


def test_real_clip_is_reached_smoothly_with_plausible_joints(joints: np.ndarray) -> None:
    (result,) = solve_ik([joints], threads=1)
    assert result.mean_error_mm < 1.0
    assert result.max_error_mm < 10.0
    turns = rotvec(result.local_quat_wxyz)
    assert turns[:, KNEES, 0].min() > -0.05
    assert turns[:, ELBOWS[0], 1].max() < 0.05
    assert turns[:, ELBOWS[1], 1].min() > -0.05
    assert np.abs(turns[:, KNEES, 1:]).max() < 0.35
    assert np.array_equal(result.local_quat_wxyz[:, LEAVES, 1:], np.zeros((170, len(LEAVES), 3)))
    same = np.sum(result.local_quat_wxyz[1:] * result.local_quat_wxyz[:-1], axis=-1)
    assert 2 * np.arccos(np.clip(same, -1, 1)).max() < 1.0  # radians a frame, signs continuous


def test_turning_the_clip_turns_only_the_root(joints: np.ndarray) -> None:
    turn, shift = quat(np.array([0.0, 2.5, 0.0])), np.array([1.0, 0.0, -3.0])
    (plain,) = solve_ik([joints[:40]], threads=1)
    (turned,) = solve_ik([qrot(turn, joints[:40]) + shift], threads=1)
    np.testing.assert_allclose(
        turned.local_quat_wxyz[:, 1:], plain.local_quat_wxyz[:, 1:], atol=1e-6
    )
    np.testing.assert_allclose(
        turned.root_position, qrot(turn, plain.root_position) + shift, atol=1e-6
    )


def test_mirrored_clip_gives_mirrored_rotations(joints: np.ndarray) -> None:
    (plain,) = solve_ik([joints[:40]], threads=1)
    (mirrored,) = solve_ik([mirror_joints(joints[:40])], threads=1)
    expected = plain.local_quat_wxyz[:, MIRROR] * [1.0, 1.0, -1.0, -1.0]
    np.testing.assert_allclose(mirrored.local_quat_wxyz, expected, atol=1e-4)


def test_jumps_do_not_leave_the_body_flipped(joints: np.ndarray) -> None:
    upside_down = qrot(quat(np.array([np.pi, 0.0, 0.0])), joints[:8])
    backwards = qrot(quat(np.array([0.0, np.pi, 0.0])), joints[100:108])
    (result,) = solve_ik([np.concatenate([joints[:8], upside_down, backwards])], threads=1)
    assert result.mean_error_mm < 2.0
    assert result.max_error_mm < 20.0


def test_results_ignore_threads_and_companions(joints: np.ndarray) -> None:
    clips = [joints[:30], joints[30:90], joints[90:]]
    one, many = solve_ik(clips, threads=1), solve_ik(clips, threads=3)
    for a, b, clip in zip(one, many, clips, strict=True):
        np.testing.assert_array_equal(a.local_quat_wxyz, b.local_quat_wxyz)
        np.testing.assert_array_equal(a.root_position, b.root_position)
        (alone,) = solve_ik([clip], threads=1)
        np.testing.assert_array_equal(a.joints, alone.joints)


def test_another_body_shows_in_the_error(joints: np.ndarray) -> None:
    child = Skeleton(offsets=0.7 * DEFAULT_SKELETON.offsets)
    (result,) = solve_ik([joints[:20]], child, threads=1)
    assert result.skeleton is child
    assert result.mean_error_mm > 30.0


def test_bad_input_is_refused(joints: np.ndarray) -> None:
    assert solve_ik([]) == []
    joints[4, 3] = np.nan
    with pytest.raises(InvalidMotionError, match="frame 4"):
        solve_ik([joints])
    with pytest.raises(InvalidMotionError, match="clip 0 is not one motion"):
        solve_ik([np.zeros((2, 5, 22, 3))])
    with pytest.raises(InvalidOptionError, match="threads"):
        solve_ik([joints], threads=0)
    with pytest.raises(InvalidOptionError, match="settings"):
        IKSettings(step_cap=0.0)
    with pytest.raises(InvalidOptionError, match="settings"):
        IKSettings(rest=-1.0)
    with pytest.raises(InvalidMotionError, match="do not belong together"):
        forward_kinematics(np.zeros((5, 3)), np.zeros((4, 22, 4)), DEFAULT_SKELETON)
