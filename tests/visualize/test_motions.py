"""Both kinds of motion file, and files that are not one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from loop.errors import CorruptFileError, InvalidMotionError, MissingAssetError
from visualize.motions import read_joints


def test_vectors_and_joints_of_the_real_clip_are_the_same_motion(shared: Path) -> None:
    sample = shared / "data" / "humanml3d_sample"
    joints = read_joints(sample / "new_joints" / "012314.npy")
    vectors = read_joints(sample / "new_joint_vecs" / "012314.npy")
    assert joints.shape == vectors.shape == (170, 22, 3)
    np.testing.assert_allclose(joints, vectors, atol=1e-3)


def test_files_that_are_not_motions(tmp_path: Path) -> None:
    with pytest.raises(MissingAssetError):
        read_joints(tmp_path / "nowhere.npy")
    (tmp_path / "text.npy").write_text("not numpy")
    (tmp_path / "empty.npy").touch()
    np.save(tmp_path / "whole.npy", np.zeros((40, 22, 3)))
    (tmp_path / "cut.npy").write_bytes((tmp_path / "whole.npy").read_bytes()[:500])
    np.save(tmp_path / "object.npy", np.array([{}], dtype=object), allow_pickle=True)
    for name in ("text", "empty", "cut", "object"):
        with pytest.raises(CorruptFileError):
            read_joints(tmp_path / f"{name}.npy")
    np.save(tmp_path / "shape.npy", np.zeros((10, 21, 3)))
    with pytest.raises(InvalidMotionError, match=r"shape\.npy"):
        read_joints(tmp_path / "shape.npy")
