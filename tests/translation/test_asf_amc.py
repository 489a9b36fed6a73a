"""Acclaim files written by hand, whose forward kinematics is known."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from loop.errors import CorruptFileError, InvalidMotionError, MissingAssetError, ScscError
from tests.translation.acclaim import BONES, amc, asf
from translation.asf_amc import bone_ends, read_asf

UNIT = 1 / 0.45


def write(folder: Path, skeleton: str, motion: str) -> tuple[Path, Path]:
    (folder / "07.asf").write_text(skeleton)
    (folder / "07_01.amc").write_text(motion)
    return folder / "07.asf", folder / "07_01.amc"


def ends(folder: Path, skeleton: str, motion: str) -> dict[str, np.ndarray]:
    a, m = write(folder, skeleton, motion)
    return {name: end / UNIT for name, end in bone_ends(m, read_asf(a)).items()}


def test_at_rest_bones_point_where_the_file_says(tmp_path: Path) -> None:
    found = ends(tmp_path, asf(), amc([{"root": (1, 2, 3, 0, 0, 0)}]))
    for name, (parent, direction, length, _) in BONES.items():
        expected = found[parent] + np.array(direction) * length
        np.testing.assert_allclose(found[name], expected, atol=1e-9)
    np.testing.assert_allclose(found["root"], [[1, 2, 3]], atol=1e-9)


def test_a_bent_knee_in_closed_form(tmp_path: Path) -> None:
    """The root turns by 90 degrees about y, so that x points along -z; the knee bends by 90."""
    frames = [{"root": (0, 10, 0, 0, 90, 0), "ltibia": (90,)}]
    found = ends(tmp_path, asf(), amc(frames))
    thigh = np.array([0.0, -0.94 * 7.2, -0.34 * 7.2])  # (x, y, 0) has become (0, y, -x)
    hip = np.array([0.4, -0.6, -0.6]) * 2.4 + [0, 10, 0]
    # about its own x, which now is -z, y became z and, by the root, x
    shin = np.array([-0.94, 0.0, -0.34]) * 7.4
    np.testing.assert_allclose(found["lfemur"], [hip + thigh], atol=1e-9)
    np.testing.assert_allclose(found["ltibia"], [hip + thigh + shin], atol=1e-9)


def test_the_local_frame_decides_about_what_a_bone_turns(tmp_path: Path) -> None:
    """With a frame turned by 90 degrees about z, the bone's x is the skeleton's y."""
    frames = [{"lradius": (90,)}]
    found = ends(tmp_path, asf({"lradius": (0, 0, 90)}), amc(frames))
    np.testing.assert_allclose(
        found["lradius"] - found["lhumerus"], [[0, 0, -3.5]], atol=1e-9
    )  # x turned by 90 degrees about y
    plain = ends(tmp_path, asf(), amc(frames))
    np.testing.assert_allclose(plain["lradius"] - plain["lhumerus"], [[3.5, 0, 0]], atol=1e-9)


angles = st.floats(-170, 170).map(lambda x: round(x, 3))


@settings(max_examples=25, deadline=None)
@given(
    axis=st.tuples(angles, angles, angles),
    thigh=st.tuples(angles, angles, angles),
    knee=angles,
    root=st.tuples(angles, angles, angles),
)
def test_matrices_written_out_agree(tmp_path_factory, axis, thigh, knee, root) -> None:
    def euler(x: float, y: float, z: float) -> np.ndarray:
        (a, b, c), one = np.radians([x, y, z]), np.eye(3)
        rx, ry, rz = one.copy(), one.copy(), one.copy()
        rx[1:, 1:] = [[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]
        ry[::2, ::2] = [[np.cos(b), np.sin(b)], [-np.sin(b), np.cos(b)]]
        rz[:2, :2] = [[np.cos(c), -np.sin(c)], [np.sin(c), np.cos(c)]]
        return rz @ ry @ rx

    frames = [{"root": (0, 0, 0, *root), "lfemur": thigh, "ltibia": (knee,)}]
    skeleton = asf({"lfemur": axis, "ltibia": axis[::-1]})
    found = ends(tmp_path_factory.mktemp("acclaim"), skeleton, amc(frames))
    c1, c2 = euler(*axis), euler(*axis[::-1])
    g = euler(*root) @ c1 @ euler(*thigh) @ c1.T
    offset = np.array(BONES["lfemur"][1]) * 7.2
    np.testing.assert_allclose(found["lfemur"][0] - found["lhipjoint"][0], g @ offset, atol=1e-9)
    g = g @ c2 @ euler(knee, 0, 0) @ c2.T
    offset = np.array(BONES["ltibia"][1]) * 7.4
    np.testing.assert_allclose(found["ltibia"][0] - found["lfemur"][0], g @ offset, atol=1e-9)


def test_gzip_crlf_comments_and_radians(tmp_path: Path) -> None:
    frames = [{"root": (0, 9, 0, 10, 20, 30), "head": (5, 6, 7)}] * 3
    expected = ends(tmp_path, asf(), amc(frames))
    skeleton = "# by hand\r\n" + asf().replace("\n", "\r\n").replace("angle deg", "angle rad")
    turned = {
        name: tuple(np.radians(values) if name != "root" else values)
        for name, values in frames[0].items()
    }
    turned["root"] = (0, 9, 0, *np.radians([10, 20, 30]))
    (tmp_path / "07.asf.gz").write_bytes(gzip.compress(skeleton.encode()))
    (tmp_path / "07_01.amc.gz").write_bytes(gzip.compress(amc([turned] * 3).encode()))
    found = bone_ends(tmp_path / "07_01.amc.gz", read_asf(tmp_path / "07.asf.gz"))
    for name, end in expected.items():
        np.testing.assert_allclose(found[name] / UNIT, end, atol=1e-9)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda text: text.replace(":hierarchy", ":hier"), "hierarchy"),
        (lambda text: text.replace("root lhipjoint", "root nobody"), "hang on nothing"),
        (lambda text: text.replace("direction 0.6 -0.6 0.4", "direction 0.6 -0.6"), "3 numbers"),
        (lambda text: text.replace("dof rx ry rz", "dof tx ry rz", 1), "channels"),
        (lambda text: text[:300], "bonedata"),
        (lambda text: "", "units"),
    ],
)
def test_damaged_skeletons(tmp_path: Path, spoil, message: str) -> None:
    path, _ = write(tmp_path, spoil(asf()), amc([{}]))
    with pytest.raises(CorruptFileError, match=message):
        read_asf(path)


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda text: text[: len(text) // 2], CorruptFileError),
        (lambda text: text.replace("ltibia 0", "ltibia", 1), CorruptFileError),
        (lambda text: text.replace("ltibia 0", "knee 0", 1), CorruptFileError),
        (lambda text: text.replace("ltibia 0", "ltibia x", 1), CorruptFileError),
        (lambda text: text.replace("ltibia 0", "ltibia nan", 1), InvalidMotionError),
        (lambda text: ":DEGREES\n", CorruptFileError),
    ],
)
def test_damaged_motions(tmp_path: Path, spoil, error: type[ScscError]) -> None:
    skeleton, motion = write(tmp_path, asf(), spoil(amc([{}] * 4)))
    with pytest.raises(error, match="07_01"):
        bone_ends(motion, read_asf(skeleton))


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(MissingAssetError):
        read_asf(tmp_path / "07.asf")
    skeleton, motion = write(tmp_path, asf(), amc([{}]))
    motion.unlink()
    with pytest.raises(MissingAssetError, match="07_01"):
        bone_ends(motion, read_asf(skeleton))


def test_scipy_composes_about_fixed_axes() -> None:
    """What the reader relies on: lower-case orders of scipy are fixed axes, first named first."""
    both = Rotation.from_euler("xy", [90, 90], degrees=True).apply([0, 1, 0])
    np.testing.assert_allclose(both, [1, 0, 0], atol=1e-12)
