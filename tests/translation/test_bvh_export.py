"""BVH files written, read back with our reader, and judged by what they look like."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from body_models.skeleton import DEFAULT_SKELETON, JOINT_COUNT, JOINT_NAMES
from loop.errors import InvalidOptionError
from translation.bvh import metres_per_unit, read_bvh
from translation.bvh_export import write_bvh
from translation.ik import IKResult, forward_kinematics, solve_ik


def result_of(quats: np.ndarray, seed: int = 0) -> IKResult:
    root = np.random.default_rng(seed).normal(size=(len(quats), 3))
    joints = forward_kinematics(root, quats, DEFAULT_SKELETON)
    return IKResult(root, quats, joints, 0.0, 0.0, DEFAULT_SKELETON)


def random_quats(frames: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(frames * JOINT_COUNT, 4))
    turns = Rotation.from_quat(vectors)  # uniform over all rotations
    return turns.as_quat(scalar_first=True).reshape(frames, JOINT_COUNT, 4)


def test_round_trip_of_any_rotation(tmp_path: Path) -> None:
    result = result_of(random_quats(50, seed=1))
    write_bvh(tmp_path / "clip.bvh", result, 20.0)
    bvh = read_bvh(tmp_path / "clip.bvh")
    assert bvh.fps == pytest.approx(20.0)
    np.testing.assert_allclose(bvh.positions(JOINT_NAMES) / 100, result.joints, atol=1e-6)


def test_gimbal_lock_and_half_turns(tmp_path: Path) -> None:
    turns = Rotation.from_euler(
        "ZYX", [[a, b, c] for a in (0, 30, 180) for b in (90, -90) for c in (0, 77)], degrees=True
    )
    quats = np.tile([1.0, 0, 0, 0], (len(turns), JOINT_COUNT, 1))
    quats[:, [0, 4, 16]] = turns.as_quat(scalar_first=True)[:, None]
    result = result_of(quats)
    write_bvh(tmp_path / "clip.bvh", result, 30.0)
    positions = read_bvh(tmp_path / "clip.bvh").positions(JOINT_NAMES)
    np.testing.assert_allclose(positions / 100, result.joints, atol=1e-6)


def test_angles_do_not_jump(tmp_path: Path) -> None:
    # a body that spins: interpolation between the frames must not spin back
    quats = np.tile([1.0, 0, 0, 0], (60, JOINT_COUNT, 1))
    spin = np.radians(np.arange(60) * 25.0)
    quats[:, 0] = Rotation.from_rotvec(np.outer(spin, [0, 0, 1])).as_quat(scalar_first=True)
    write_bvh(tmp_path / "clip.bvh", result_of(quats), 20.0)
    values = read_bvh(tmp_path / "clip.bvh").values
    np.testing.assert_allclose(np.diff(values[:, 3]), 25.0, atol=1e-4)


def test_the_file_itself(tmp_path: Path) -> None:
    quats = np.tile([1.0, 0, 0, 0], (2, JOINT_COUNT, 1))
    write_bvh(tmp_path / "clip.bvh", result_of(quats), 20.0)
    text = (tmp_path / "clip.bvh").read_text()
    assert text.startswith("HIERARCHY\nROOT pelvis\n{\n  OFFSET 0.000000 0.000000 0.000000\n")
    assert text.count("JOINT ") == 21 and text.count("End Site") == 5
    assert text.count("{") == text.count("}") == 27
    assert "Frames: 2\nFrame Time: 0.050000000\n" in text
    bvh = read_bvh(tmp_path / "clip.bvh")
    leg = [bvh.names.index(name) for name in ("left_knee", "left_ankle")]
    assert metres_per_unit(float(np.linalg.norm(bvh.offsets[leg], axis=1).sum())) == 0.01


def test_real_clip_within_a_tenth_of_a_millimetre(tmp_path: Path, shared: Path) -> None:
    joints = np.load(shared / "data/humanml3d_sample/new_joints/012314.npy")
    result = solve_ik([joints], threads=1)[0]
    write_bvh(tmp_path / "clip.bvh", result, 20.0)
    positions = read_bvh(tmp_path / "clip.bvh").positions(JOINT_NAMES) / 100
    assert np.linalg.norm(positions - result.joints, axis=-1).max() < 1e-4
    assert np.linalg.norm(positions - joints, axis=-1).mean() < 0.01


def test_faults(tmp_path: Path) -> None:
    result = result_of(random_quats(1, seed=2))
    with pytest.raises(InvalidOptionError):
        write_bvh(tmp_path / "clip.bvh", result, 0.0)
    assert not list(tmp_path.iterdir())
