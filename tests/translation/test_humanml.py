from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from body_models.skeleton import DEFAULT_SKELETON, KINEMATIC_CHAINS, MIRROR, PARENTS
from loop.errors import InvalidMotionError
from translation.humanml import (
    RAW_DIRECTIONS,
    heading,
    joints_to_vectors,
    mirror_joints,
    place,
    uniform_skeleton,
    vectors_to_joints,
)


@pytest.fixture
def joints(shared: Path) -> np.ndarray:
    return np.load(shared / "data/humanml3d_sample/new_joints/012314.npy").astype(np.float64)


@pytest.fixture
def vectors(shared: Path) -> np.ndarray:
    return np.load(shared / "data/humanml3d_sample/new_joint_vecs/012314.npy")


def about_y(angle: float | np.ndarray) -> Rotation:
    return Rotation.from_rotvec(np.multiply.outer(angle, [0.0, 1.0, 0.0]))


def spinning(joints: np.ndarray, turns: float) -> np.ndarray:
    """The clip turned more and more about +y."""
    yaw = about_y(np.linspace(0, 2 * np.pi * turns, len(joints)))
    return np.einsum("fab,fjb->fja", yaw.as_matrix(), joints)


def encode_frame_by_frame(joints: np.ndarray) -> np.ndarray:
    """HumanML3D's recipe with scipy rotations and loops, for clips that never face backwards."""
    forward = []
    for frame in joints:
        across = frame[17] - frame[16] - (frame[2] - frame[1])
        forward.append(np.cross([0, 1, 0], across / np.linalg.norm(across)))
    smooth = gaussian_filter1d(np.array(forward), 20, axis=0, mode="nearest")
    heading = [about_y(angle) for angle in -np.arctan2(smooth[:, 0], smooth[:, 2])]
    heading[0] = Rotation.identity()
    rows = []
    for t in range(len(joints) - 1):
        now, then = joints[t], joints[t + 1]
        turn = (heading[t + 1] * heading[t].inv()).as_rotvec()[1] / 2
        step = heading[t + 1].apply(then[0] - now[0])
        local = heading[t].apply(now - now[0] * [1, 0, 1])
        sixd = np.zeros((22, 6))
        for chain in KINEMATIC_CHAINS:
            reached = heading[t]
            for joint in chain[1:]:
                bone = now[joint] - now[PARENTS[joint]]
                bone /= np.linalg.norm(bone)
                axis = np.cross(RAW_DIRECTIONS[joint], bone)
                angle = np.arctan2(np.linalg.norm(axis), RAW_DIRECTIONS[joint] @ bone)
                whole = Rotation.from_rotvec(angle * axis / np.linalg.norm(axis))
                sixd[joint] = (reached.inv() * whole).as_matrix()[:, :2].T.ravel()
                reached = whole
        moved = heading[t].apply(then - now)
        contact = np.sum((then - now)[[7, 10, 8, 11]] ** 2, axis=-1) < 0.002
        parts = [[turn], step[[0, 2]], [now[0, 1]], local[1:].ravel(), sixd[1:].ravel()]
        rows.append(np.concatenate([*parts, moved.ravel(), contact]))
    return np.array(rows)


def test_decoding_gives_the_stored_joints(joints: np.ndarray, vectors: np.ndarray) -> None:
    decoded = vectors_to_joints(vectors)
    assert decoded.dtype == np.float32
    np.testing.assert_allclose(decoded, joints, atol=1e-6)


def test_encoding_gives_every_stored_number(vectors: np.ndarray) -> None:
    again = joints_to_vectors(vectors_to_joints(vectors, append_next=True))
    assert again.dtype == np.float32
    np.testing.assert_allclose(again, vectors, atol=1e-5)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    frames=st.integers(1, 196),
    size=st.floats(0.01, 2.0),
    turn=st.floats(0.0, 1.5),
)
def test_in_their_own_heading_any_vectors_come_back(
    seed: int, frames: int, size: float, turn: float
) -> None:
    """Vectors that no motion has: positions, yaw, and a root that no displacement agrees with."""
    rng = np.random.default_rng(seed)
    vectors = (size * rng.normal(size=(frames, 263))).astype(np.float32)
    vectors[:, 0] = rng.uniform(-turn, turn, frames)
    vectors[:, 1:3] *= 0.1
    joints = vectors_to_joints(vectors, append_next=True)
    again = joints_to_vectors(joints, placed=True, half_yaw=heading(vectors))
    np.testing.assert_allclose(again[:, :67], vectors[:, :67], atol=1e-5)


def test_the_own_heading_of_a_real_motion_is_the_measured_one(vectors: np.ndarray) -> None:
    joints = vectors_to_joints(vectors, append_next=True)
    kept = joints_to_vectors(joints, placed=True, half_yaw=heading(vectors))
    np.testing.assert_allclose(kept, joints_to_vectors(joints, placed=True), atol=1e-5)
    np.testing.assert_allclose(kept, vectors, atol=1e-5)


def test_a_heading_of_other_frames_is_refused(joints: np.ndarray) -> None:
    with pytest.raises(InvalidMotionError, match="other frames"):
        joints_to_vectors(joints, half_yaw=np.zeros(len(joints) - 1))


def test_without_the_last_frame_only_the_last_headings_change(
    joints: np.ndarray, vectors: np.ndarray
) -> None:
    again = joints_to_vectors(joints)
    assert again.shape == (169, 263)
    np.testing.assert_allclose(again[:89], vectors[:89], atol=1e-5)  # 170 - 81: smoothing window
    error = np.abs(again - vectors[:-1])
    # heading-free: root height and contacts; then the step, displacements; positions and rotations
    assert error[:, [3, 259, 260, 261, 262]].max() < 1e-6
    assert error[:, np.r_[0:3, 193:259]].max() < 1e-3
    assert 1e-3 < error[:, 4:193].max() < 0.02
    np.testing.assert_allclose(vectors_to_joints(again), joints[:-1], atol=1e-5)


def test_encoding_agrees_with_scipy_frame_by_frame(joints: np.ndarray) -> None:
    clip = place(joints[30:100])
    np.testing.assert_allclose(joints_to_vectors(clip), encode_frame_by_frame(clip), atol=1e-5)


@pytest.mark.parametrize("turns", [1.3, -2.4, 7.0])
def test_round_trip_survives_facing_backwards(joints: np.ndarray, turns: float) -> None:
    clip = place(spinning(joints, turns))
    np.testing.assert_allclose(vectors_to_joints(joints_to_vectors(clip)), clip[:-1], atol=1e-5)


def test_vectors_ignore_where_the_clip_stands(joints: np.ndarray) -> None:
    turned = about_y(2.1).apply(joints.reshape(-1, 3)).reshape(joints.shape)
    moved = turned + np.array([3.0, 0.7, -2.0])
    np.testing.assert_allclose(joints_to_vectors(moved), joints_to_vectors(joints), atol=1e-5)
    lifted = joints_to_vectors(joints + np.array([0.0, 0.5, 0.0]), placed=True)
    np.testing.assert_allclose(lifted[:, 3], joints[:-1, 0, 1] + 0.5, atol=1e-5)


def test_place_is_idempotent_and_canonical(joints: np.ndarray) -> None:
    placed = place(about_y(-1.0).apply(joints.reshape(-1, 3)).reshape(joints.shape) + 2.0)
    assert placed[..., 1].min() == pytest.approx(0.0, abs=1e-12)
    np.testing.assert_allclose(placed[0, 0, [0, 2]], 0.0, atol=1e-12)
    np.testing.assert_allclose(place(placed), placed, atol=1e-9)
    np.testing.assert_allclose(placed, joints, atol=1e-5)


def test_batch_equals_single(joints: np.ndarray) -> None:
    batch = np.stack([joints[:60], joints[60:120]])
    for one, encoded in zip(batch, joints_to_vectors(batch), strict=True):
        np.testing.assert_allclose(joints_to_vectors(one), encoded, atol=1e-6)
        np.testing.assert_allclose(
            vectors_to_joints(encoded), vectors_to_joints(encoded[None])[0], atol=1e-6
        )


def test_uniform_skeleton_changes_lengths_only(joints: np.ndarray) -> None:
    np.testing.assert_allclose(uniform_skeleton(joints, DEFAULT_SKELETON), joints, atol=1e-3)
    big = uniform_skeleton(1.5 * joints, DEFAULT_SKELETON)
    np.testing.assert_allclose(big, joints, atol=1e-3)
    vectors = joints_to_vectors(1.5 * joints, target=DEFAULT_SKELETON)
    np.testing.assert_allclose(vectors, joints_to_vectors(joints), atol=2e-3)
    stretched = joints.copy()
    stretched[:, [20]] += joints[:, [20]] - joints[:, [18]]
    np.testing.assert_allclose(uniform_skeleton(stretched, DEFAULT_SKELETON), joints, atol=1e-3)


def test_mirror_is_an_involution_that_swaps_sides(joints: np.ndarray) -> None:
    mirrored = mirror_joints(joints)
    np.testing.assert_array_equal(mirror_joints(mirrored), joints)
    np.testing.assert_array_equal(mirrored[:, 4, 0], -joints[:, 5, 0])
    one, other = joints_to_vectors(joints), joints_to_vectors(mirrored)
    np.testing.assert_allclose(other[1:, 0], -one[1:, 0], atol=1e-5)
    np.testing.assert_array_equal(other[:, 259:261], one[:, 261:263])
    swapped = one[:, 4:67].reshape(-1, 21, 3)[:, np.array(MIRROR[1:]) - 1] * [-1, 1, 1]
    np.testing.assert_allclose(other[:, 4:67].reshape(-1, 21, 3), swapped, atol=1e-5)


def test_feet_touch_when_they_move_less_than_the_threshold() -> None:
    joints = np.repeat(DEFAULT_SKELETON.rest_joints[None], 3, axis=0)
    joints[1:, 7, 0] += np.sqrt(0.0019)
    joints[1:, 11, 2] += np.sqrt(0.0021)
    contacts = joints_to_vectors(joints)[:, 259:]
    np.testing.assert_array_equal(contacts, [[1, 1, 1, 0], [1, 1, 1, 1]])


def test_bad_motions_are_refused(joints: np.ndarray) -> None:
    with pytest.raises(InvalidMotionError, match="1 frames"):
        joints_to_vectors(joints[:1])
    with pytest.raises(InvalidMotionError, match=r"\(170, 66\)"):
        joints_to_vectors(joints.reshape(170, 66))
    broken = joints.copy()
    broken[17:, 4] = np.nan
    with pytest.raises(InvalidMotionError, match="frame 17"):
        joints_to_vectors(broken)
    with pytest.raises(InvalidMotionError, match="no heading"):
        joints_to_vectors(np.zeros((4, 22, 3)))
    broken = joints.copy()
    broken[5, 20] = broken[5, 18]
    with pytest.raises(InvalidMotionError, match="joint 20 has no length in frame 5"):
        joints_to_vectors(broken)
    with pytest.raises(InvalidMotionError, match="no length"):
        uniform_skeleton(broken, DEFAULT_SKELETON)


def test_bad_vectors_are_refused(vectors: np.ndarray) -> None:
    with pytest.raises(InvalidMotionError, match=r"\(170, 251\)"):
        vectors_to_joints(vectors[:, :251])
    with pytest.raises(InvalidMotionError, match="0 frames"):
        vectors_to_joints(vectors[:0])
    vectors[9, 100] = np.inf
    with pytest.raises(InvalidMotionError, match="frame 9"):
        vectors_to_joints(vectors)
