"""Units, axes and sides of joints from elsewhere, on real and on made bodies."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from loop.errors import InvalidMotionError
from tests.dataset.test_spoiled_inputs import walking
from translation.bvh import read_bvh
from translation.daz import daz_joints
from translation.free_fall import centre_of_mass, free_fall
from translation.humanml import joints_to_vectors
from translation.motion_files import read_motions
from translation.units import METRES, TO_Y_UP, Convention, check_body, check_vectors


@settings(max_examples=60, deadline=None)
@given(
    unit=st.sampled_from(sorted(METRES)),
    up=st.sampled_from(sorted(TO_Y_UP)),
    left=st.booleans(),
    yaw=st.floats(-3.1, 3.1),
    size=st.floats(0.75, 1.2),
)
def test_the_options_of_the_remedy_convert(unit, up, left, yaw, size) -> None:
    """Any body in any convention: what the error asks for gives the body back."""
    body = (
        Rotation.from_rotvec([0, yaw, 0]).apply(walking().reshape(-1, 3)).reshape(-1, 22, 3) * size
    )
    stored = (body * [-1.0 if left else 1.0, 1, 1]) @ TO_Y_UP[up] / METRES[unit]
    options: dict[str, object] = {}
    for _ in range(3):  # an error may tell one option after another
        found = Convention(**options).convert(stored)  # type: ignore[arg-type]
        try:
            check_body(found)
            break
        except InvalidMotionError as error:
            words = (
                str(error.remedy)
                .removeprefix("add ")
                .replace("--left_handed", "--left_handed 1")
                .split()
            )
            options |= {
                n.removeprefix("--"): v for n, v in zip(words[::2], words[1::2], strict=True)
            }
    np.testing.assert_allclose(Convention(**options).convert(stored), body, atol=1e-4)  # type: ignore[arg-type]


def lying(on_back: bool) -> np.ndarray:
    """The walker laid down on the floor, still in metres and y up."""
    turn = Rotation.from_rotvec([-np.pi / 2 if on_back else np.pi / 2, 0, 0])
    joints = turn.apply((walking() - walking()[:, :1]).reshape(-1, 3)).reshape(-1, 22, 3)
    return joints - [0, joints[..., 1].min() - 0.03, 0]


@pytest.mark.parametrize("on_back", [True, False])
def test_lying_on_the_floor_is_not_z_up(on_back: bool) -> None:
    check_body(lying(on_back))


def test_a_handstand_passes_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    joints = walking()
    for arm in ((16, 18, 20), (17, 19, 21)):  # arms beside the ears
        for bone, joint in enumerate(arm[1:], 1):
            joints[:, joint] = joints[:, arm[0]] + [0, 0.26 * bone, 0]
    check_body(joints * [1, -1, -1])
    assert "upside down" in caplog.text


def test_real_takes_pass_and_each_other_convention_is_told(shared: Path) -> None:
    for name in ("07_01", "02_05", "14_08", "09_03", "13_11"):
        bvh = read_bvh(shared / f"data/cmu_bvh/{name}.bvh.gz")
        joints = daz_joints(bvh)[::6]
        check_body(joints)
        for up in ("z", "x"):
            with pytest.raises(InvalidMotionError, match=f"--up {up}"):
                check_body(joints @ TO_Y_UP[up])
        with pytest.raises(InvalidMotionError, match="--units cm"):
            check_body(joints * 100)
        with pytest.raises(InvalidMotionError, match="--left_handed"):
            check_body(joints * [-1, 1, 1])


@pytest.mark.parametrize("take", ["01_14", "03_01", "05_06", "09_10"])
def test_odd_takes_are_not_read_in_z_up_without_a_word(
    take: str, shared: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Of 122 takes those in which somebody climbs, bends or runs uphill; the floor is no level."""
    joints = daz_joints(read_bvh(shared / f"data/cmu_bvh/{take}.bvh.gz"))[::3]
    check_body(joints)
    assert not caplog.records
    check_body(joints @ TO_Y_UP["z"])
    assert "add --up z" in caplog.text


@pytest.mark.parametrize("take", ["13_10", "14_28"])
def test_without_a_floor_z_up_is_not_read_in_silence(
    take: str, shared: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Joints relative to the pelvis: the toes alone took these for lying bodies."""
    joints = daz_joints(read_bvh(shared / f"data/cmu_bvh/{take}.bvh.gz"))[::6]
    check_body((joints - joints[:, :1]) @ TO_Y_UP["z"])
    assert "add --up z" in caplog.text


def test_a_wrong_size_is_not_taken_for_a_unit() -> None:
    with pytest.raises(InvalidMotionError, match="scale the joints"):
        check_body(walking() * 2)


def test_exchanged_knees_and_ankles_are_told(caplog: pytest.LogCaptureFixture) -> None:
    """Straight legs look the same, but for one thigh of twice the length."""
    check_body(walking()[:, [0, 1, 2, 3, 7, 8, 6, 4, 5, *range(9, 22)]])
    assert "no human length" in caplog.text


def test_the_user_s_files_are_read_or_told_what_they_are(shared: Path) -> None:
    """Cases 03, 04 and 05: joints of other pipelines, and everything that MDM writes."""
    for path in sorted((shared / "cases" / "05-mdm-results-npy" / "in").glob("*.npy")):
        motions = read_motions(path)
        assert {m.joints.shape for m in motions} == {(60, 22, 3)}, path
    expected = {"centimetres": "--units cm", "millimetres": "--units mm", "inches": "--units in"}
    expected |= {"z_up": "--up z", "y_down": "--up y_down", "metres": ""}
    for case in ("03-joints-other-units", "04-export-units"):
        for path in sorted((shared / "cases" / case / "in").glob("*.npy")):
            option = next(option for kind, option in expected.items() if kind in path.stem)
            if option:
                with pytest.raises(InvalidMotionError, match=option):
                    read_motions(path)
            else:
                read_motions(path)


def test_normalised_vectors_are_refused(shared: Path, caplog: pytest.LogCaptureFixture) -> None:
    sample = shared / "data" / "humanml3d_sample"
    vectors = np.load(sample / "new_joint_vecs" / "012314.npy")
    check_vectors(vectors)
    with pytest.raises(InvalidMotionError, match="normalised"):
        check_vectors((vectors - np.load(sample / "Mean.npy")) / np.load(sample / "Std.npy"))


def test_a_damaged_step_is_told_from_the_velocities(tmp_path: Path, caplog) -> None:
    vectors = joints_to_vectors(walking(61))
    vectors[30, 2] += 0.4
    np.save(tmp_path / "a.npy", vectors)
    with caplog.at_level(logging.WARNING):
        read_motions(tmp_path / "a.npy")
    assert "differ by 0.40 m in frame 30" in caplog.text


@pytest.mark.parametrize("fps", [30.0, 60.0, 120.0])
def test_a_thrown_body_falls_with_g(fps: float) -> None:
    at = np.arange(int(1.2 * fps)) / fps
    height = np.where((at > 0.3) & (at < 0.8), 2.45 * (at - 0.3) - 9.81 / 2 * (at - 0.3) ** 2, 0)
    joints = walking(1) + height[:, None, None] * [0, 1, 0]
    assert free_fall(joints, fps) == pytest.approx(9.81, rel=0.03)
    assert free_fall(joints, fps / 2) == pytest.approx(9.81 / 4, rel=0.03)
    assert free_fall(walking(), 20.0) is None
    np.testing.assert_allclose(
        centre_of_mass(joints)[:, 1], centre_of_mass(walking(1))[0, 1] + height
    )
