"""The command: both kinds of motion file, and files that are not one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from loop.errors import CorruptFileError, InvalidMotionError, InvalidOptionError, MissingAssetError
from visualize.motions import read_joints
from visualize.side_by_side import parse_panel


def test_vectors_and_joints_of_the_real_clip_are_the_same_motion(shared: Path) -> None:
    sample = shared / "data" / "humanml3d_sample"
    joints = read_joints(sample / "new_joints" / "012314.npy")
    vectors = read_joints(sample / "new_joint_vecs" / "012314.npy")
    assert joints.shape == vectors.shape == (170, 22, 3)
    np.testing.assert_allclose(joints, vectors, atol=1e-3)


def test_command_line(tmp_path: Path, repository: Path) -> None:
    joints = np.random.default_rng(0).normal(size=(6, 22, 3)) * 0.3 + [0, 1, 0]
    np.save(tmp_path / "a.npy", joints)
    out = tmp_path / "x.mp4"
    command = [sys.executable, "-m", "visualize.side_by_side", "--out", str(out)]
    command += ["--panel", f"before={tmp_path / 'a.npy'}", "--panel", str(tmp_path / "a.npy")]
    subprocess.run(command, check=True, cwd=repository)
    assert iio.imread(out).shape == (6, 548, 964, 3)


def test_panels_are_split_at_the_first_equals_sign() -> None:
    assert parse_panel("a = b=dir/x=1.npy") == ("a ", Path(" b=dir/x=1.npy"))
    assert parse_panel("dir/clip.npy") == ("clip", Path("dir/clip.npy"))
    assert parse_panel("=x.npy") == ("", Path("x.npy"))
    for text in ("before=", ""):
        with pytest.raises(InvalidOptionError):
            parse_panel(text)


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
