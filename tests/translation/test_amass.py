"""AMASS files in and out, on files generated in the published formats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from benchmarks.bodies import body_content, write_npz
from body_models.skeleton import JOINT_COUNT
from body_models.smpl import BodyModel, load_body_model, pose_joints, skin
from loop.errors import CorruptFileError, InvalidMotionError, InvalidOptionError, MissingAssetError
from translation.amass import amass_joints, read_amass, write_amass
from translation.ik import IKResult, forward_kinematics, solve_ik


def smplh_content(frames: int = 61, rate: float = 120.0) -> dict[str, Any]:
    """As in the SMPL-H release of AMASS, smooth enough to resample."""
    rng = np.random.default_rng(0)
    time = np.arange(frames)[:, None] / rate
    poses = 0.3 * np.sin(time * rng.uniform(2, 8, 156) + rng.uniform(0, 6, 156))
    upright = Rotation.from_euler("x", 90, degrees=True)
    yaw = Rotation.from_rotvec(np.hstack([0 * time, 0 * time, 0.5 * time]))
    poses[:, :3] = (yaw * upright).as_rotvec()
    return {
        "poses": poses,
        "trans": np.hstack([time, 0.2 * time, 0.9 + 0 * time]),
        "betas": rng.normal(size=16),
        "dmpls": np.zeros((frames, 8)),
        "gender": np.array("female"),
        "mocap_framerate": np.array(rate),
    }


def write(folder: Path, content: dict[str, Any]) -> Path:
    np.savez(folder / "walk_poses.npz", **content)
    return folder / "walk_poses.npz"


@pytest.fixture
def body(tmp_path: Path) -> BodyModel:
    return load_body_model(write_npz(tmp_path / "model.npz", body_content("smplh", betas=16)))


def test_smplh_file(tmp_path: Path) -> None:
    content = smplh_content()
    motion = read_amass(write(tmp_path, content))
    assert motion.poses.shape == (61, 52, 3) and motion.gender == "female" and motion.fps == 120.0
    np.testing.assert_array_equal(motion.poses.reshape(61, 156), content["poses"])
    np.testing.assert_array_equal(motion.betas, content["betas"])


def test_smplx_file_and_its_parts(tmp_path: Path) -> None:
    full = np.random.default_rng(1).normal(size=(4, 165))
    content = {
        "trans": np.zeros((4, 3)),
        "gender": np.array(b"neutral"),
        "mocap_frame_rate": np.array(60),
        "betas": np.zeros(16),
        "surface_model_type": np.array("smplx"),
        "markers_obs": np.array([{}], dtype=object),  # pickled, and none of our business
    }
    whole = read_amass(write(tmp_path, content | {"poses": full}))
    assert whole.gender == "neutral" and whole.fps == 60.0 and whole.poses.shape == (4, 55, 3)
    at = {"root_orient": (0, 3), "pose_body": (3, 66), "pose_jaw": (66, 69), "pose_eye": (69, 75)}
    parts = {key: full[:, a:b] for key, (a, b) in (at | {"pose_hand": (75, 165)}).items()}
    np.testing.assert_array_equal(read_amass(write(tmp_path, content | parts)).poses, whole.poses)


def test_joints_in_the_frame_and_rate_of_humanml3d(tmp_path: Path, body: BodyModel) -> None:
    content = smplh_content()
    joints = amass_joints(read_amass(write(tmp_path, content)), body)
    # HumanML3D's own way: every sixth frame of 120 fps, the mesh's joints, axes by hand
    every = slice(None, None, 6)
    poses = content["poses"][every].reshape(-1, 52, 3)
    _, z_up = skin(body, poses, content["betas"], content["trans"][every])
    x, y, z = np.moveaxis(z_up[:, :JOINT_COUNT], -1, 0)
    assert joints.shape == (11, 22, 3) and joints.dtype == np.float32
    np.testing.assert_allclose(joints, np.stack([-x, z, y], axis=-1), atol=1e-5)
    assert (joints[:, 15, 1] > joints[:, 7, 1] + 0.5).all(), "the head is above the feet"


def test_other_rates(tmp_path: Path, body: BodyModel) -> None:
    fast = amass_joints(read_amass(write(tmp_path, smplh_content(61, 120.0))), body)
    slow = amass_joints(read_amass(write(tmp_path, smplh_content(51, 100.0))), body)
    odd = amass_joints(read_amass(write(tmp_path, smplh_content(31, 59.0))), body)
    np.testing.assert_allclose(fast, slow, atol=1e-5)  # the same motion, whatever the camera
    np.testing.assert_allclose(odd[:10], fast[:10], atol=5e-4)


def random_result(body: BodyModel, betas: np.ndarray) -> IKResult:
    rng = np.random.default_rng(5)
    turns = Rotation.from_rotvec(rng.normal(size=(8 * JOINT_COUNT, 3)) * 0.5)
    quats = turns.as_quat(scalar_first=True).reshape(8, JOINT_COUNT, 4)
    root, skeleton = rng.normal(size=(8, 3)), body.skeleton(betas)
    return IKResult(root, quats, forward_kinematics(root, quats, skeleton), 0.0, 0.0, skeleton)


def test_written_rotations_place_the_body_where_the_joints_are(
    tmp_path: Path, body: BodyModel
) -> None:
    betas = np.random.default_rng(6).normal(size=16)
    result = random_result(body, betas)
    write_amass(tmp_path / "out.npz", result, 20.0, body, betas)
    motion = read_amass(tmp_path / "out.npz")
    assert motion.fps == 20.0 and motion.gender == "neutral"
    np.testing.assert_allclose(amass_joints(motion, body), result.joints, atol=1e-5)
    # z up in the file: turned by hand
    z_up = pose_joints(body, motion.poses, motion.betas, motion.trans)[:, :JOINT_COUNT]
    np.testing.assert_allclose(z_up[..., 2], result.joints[..., 1], atol=1e-5)


def test_what_blender_addons_ask_for(tmp_path: Path, body: BodyModel) -> None:
    write_amass(tmp_path / "out.npz", random_result(body, np.zeros(16)), 20.0)
    with np.load(tmp_path / "out.npz", allow_pickle=False) as archive:
        shapes = {key: archive[key].shape for key in archive.files}
        assert archive["mocap_framerate"] == archive["mocap_frame_rate"] == 20.0
    expected = {"poses": (8, 156), "trans": (8, 3), "betas": (16,), "dmpls": (8, 8), "gender": ()}
    assert shapes.items() >= expected.items()


def test_from_joints_through_ik_to_amass_and_back(tmp_path: Path, body: BodyModel) -> None:
    """The whole way of a sample: joints, inverse kinematics on the body, file, body, joints."""
    motion = read_amass(write(tmp_path, smplh_content()))
    joints = amass_joints(motion, body)
    result = solve_ik([joints], skeleton=body.skeleton(motion.betas), threads=1)[0]
    write_amass(tmp_path / "out.npz", result, 20.0, body, motion.betas, gender="female")
    back = amass_joints(read_amass(tmp_path / "out.npz"), body)
    np.testing.assert_allclose(back, result.joints, atol=1e-5)
    assert np.linalg.norm(back - joints, axis=-1).mean() < 0.01


WAYS: dict[str, dict[str, Any]] = {
    "gender in bytes": {"gender": np.array(b"female")},
    "gender in an array of one": {"gender": np.array(["female"])},
    "gender printed as bytes": {"gender": np.array("b'female'")},
    "gender in capitals": {"gender": np.array("Female")},
    "rate in an array": {"mocap_framerate": np.array([120.0])},
    "rate in whole numbers": {"mocap_framerate": np.array(120)},
    "rate under SMPL-X's name": {"mocap_framerate": None, "mocap_frame_rate": np.array(120.0)},
    "poses a joint": {"poses": smplh_content()["poses"].reshape(61, 52, 3)},
    "single precision": {"poses": smplh_content()["poses"].astype(np.float32)},
    "no soft tissue": {"dmpls": None},
    "betas a row": {"betas": smplh_content()["betas"][None]},
}


@pytest.mark.parametrize("way", WAYS)
def test_other_ways_to_write_the_same(tmp_path: Path, way: str) -> None:
    content = {k: v for k, v in (smplh_content() | WAYS[way]).items() if v is not None}
    found, expected = (read_amass(write(tmp_path, c)) for c in (content, smplh_content()))
    assert (found.gender, found.fps) == (expected.gender, expected.fps) == ("female", 120.0)
    np.testing.assert_allclose(found.poses, expected.poses, atol=1e-6)
    np.testing.assert_array_equal(found.betas, expected.betas)


def test_smpl_poses_without_shape_or_gender(tmp_path: Path, body: BodyModel) -> None:
    content = smplh_content()
    short = {key: content[key] for key in ("trans", "mocap_framerate")}
    short["poses"] = content["poses"][:, :72]
    motion = read_amass(write(tmp_path, short))
    assert motion.gender == "neutral" and motion.poses.shape == (61, 24, 3)
    assert amass_joints(motion, body).shape == (11, 22, 3)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), compressed=st.booleans())
def test_spoiled_bytes_end_in_our_errors(
    data: st.DataObject, compressed: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("amass") / "walk_poses.npz"
    (np.savez_compressed if compressed else np.savez)(path, **smplh_content(frames=2))
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(raw[: data.draw(st.sampled_from([len(raw), len(raw) - 1, len(raw) // 2]))])
    try:
        assert read_amass(path).poses.shape == (2, 52, 3)
    except (CorruptFileError, InvalidMotionError) as error:
        assert "walk_poses" in str(error)


FAULTS: dict[str, tuple[dict[str, Any], type[Exception]]] = {
    "no poses": ({"poses": None}, CorruptFileError),
    "no rate": ({"mocap_framerate": None}, CorruptFileError),
    "no trans": ({"trans": None}, CorruptFileError),
    "rate zero": ({"mocap_framerate": np.array(0.0)}, CorruptFileError),
    "odd width": ({"poses": np.zeros((61, 157))}, CorruptFileError),
    "hands only": ({"poses": np.zeros((61, 45))}, CorruptFileError),
    "flat trans": ({"trans": np.zeros(61)}, CorruptFileError),
    "gender": ({"gender": np.array("robot")}, CorruptFileError),
    "pickled": ({"poses": np.array([{}], dtype=object)}, CorruptFileError),
    "lengths": ({"trans": np.zeros((60, 3))}, InvalidMotionError),
    "nan": ({"trans": np.full((61, 3), np.nan)}, InvalidMotionError),
    "no frame": ({"poses": np.zeros((0, 156)), "trans": np.zeros((0, 3))}, InvalidMotionError),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_bad_files(tmp_path: Path, fault: str) -> None:
    changes, expected = FAULTS[fault]
    content = {k: v for k, v in (smplh_content() | changes).items() if v is not None}
    with pytest.raises(expected):
        read_amass(write(tmp_path, content))


def test_other_faults(tmp_path: Path, body: BodyModel) -> None:
    with pytest.raises(MissingAssetError):
        read_amass(tmp_path / "absent.npz")
    (tmp_path / "page.npz").write_text("<html>")
    with pytest.raises(CorruptFileError):
        read_amass(tmp_path / "page.npz")
    smpl = load_body_model(write_npz(tmp_path / "smpl.npz", body_content("smpl")))
    with pytest.raises(InvalidMotionError, match="poses do not fit"):
        amass_joints(read_amass(write(tmp_path, smplh_content())), smpl)
    result = random_result(body, np.zeros(16))
    faults: tuple[dict[str, Any], ...] = (
        {"fps": 0.0},
        {"fps": 20.0, "gender": "x"},
        {"fps": 20.0, "betas": [0.0] * 17},
    )
    for options in faults:
        with pytest.raises(InvalidOptionError):
            write_amass(tmp_path / "out.npz", result, **options)
    assert not (tmp_path / "out.npz").exists()


SAME: dict[str, Any] = {
    "betas a frame": lambda c: {"betas": np.tile(c["betas"], (61, 1))},
    "gender a frame": lambda c: {"gender": np.array([str(c["gender"])] * 61)},
    "gender as object": lambda c: {"gender": np.array(str(c["gender"]), dtype=object)},
    "rate a frame": lambda c: {"mocap_framerate": np.full(61, 120.0)},
    "both rates": lambda c: {"mocap_frame_rate": np.array(120)},
    "big-endian": lambda c: {"poses": c["poses"].astype(">f8"), "trans": c["trans"].astype(">f8")},
    "a rate that was rounded": lambda c: {"mocap_frame_rate": np.array(119.99999)},
    "a shape that was rounded": lambda c: {
        "betas": np.stack([c["betas"]] * 60 + [c["betas"] + 1e-7])
    },
}
OTHER: dict[str, Any] = {
    "a shape that changes": lambda c: {"betas": np.arange(61 * 16).reshape(61, 16)},
    "a gender that changes": lambda c: {"gender": np.array(["male"] * 60 + ["female"])},
    "a shape a frame, flattened": lambda c: {"betas": np.tile(c["betas"][:10], 61)},
    "rotations of six numbers": lambda c: {"poses": np.zeros((61, 22 * 6))},
    "a pose without its root": lambda c: {"poses": np.zeros((61, 69))},
    "a shape of other frames": lambda c: {"betas": np.zeros((7, 16))},
    "two rates": lambda c: {"mocap_frame_rate": np.array(60)},
    "degrees": lambda c: {"poses": np.degrees(c["poses"] + 0.5)},
    "a shape that is not finite": lambda c: {"betas": np.full(16, np.nan)},
    "code": lambda c: {"gender": np.array(print, dtype=object)},
    "a pelvis that is nowhere": lambda c: {"trans": np.full((61, 3), np.nan)},
    "quaternions": lambda c: {"poses": np.zeros((61, 52, 4))},
    "a rate of nothing": lambda c: {"mocap_framerate": np.array(0.0)},
}


@pytest.mark.parametrize("way", SAME)
def test_constants_once_a_frame_are_the_same_motion(tmp_path: Path, way: str) -> None:
    content = smplh_content()
    clean = read_amass(write(tmp_path, content))
    found = read_amass(write(tmp_path, content | SAME[way](content)))
    assert (found.gender, found.fps) == (clean.gender, clean.fps)
    for name in ("poses", "trans", "betas"):
        np.testing.assert_array_equal(getattr(found, name), getattr(clean, name))


@pytest.mark.parametrize("way", OTHER)
def test_what_is_no_constant_is_refused(tmp_path: Path, way: str) -> None:
    content = smplh_content()
    with pytest.raises((CorruptFileError, InvalidMotionError)) as refused:
        read_amass(write(tmp_path, content | OTHER[way](content)))
    assert refused.value.path is not None


def test_half_precision_and_a_rate_of_the_user_s(tmp_path: Path) -> None:
    content = smplh_content()
    half = {key: content[key].astype(np.float16) for key in ("poses", "trans")}
    path = write(tmp_path, content | half)
    found = read_amass(path, fps=60.0)
    assert found.fps == 60.0
    np.testing.assert_allclose(found.poses.reshape(61, -1), content["poses"], atol=2e-3)
