"""Body models: files of every kind, and skinning against a loop over vertices."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.bodies import body_content, write_npz
from body_models.skeleton import JOINT_COUNT, PARENTS
from body_models.smpl import BodyModel, find_body_model, load_body_model, pose_joints, skin
from loop.errors import CorruptFileError, InvalidMotionError, MissingAssetError
from tests.body_models.bodies import write_python2_pickle

KINDS = {"smpl": 24, "smplh": 52, "smplx": 55}


def rodrigues(vector: np.ndarray) -> np.ndarray:
    """Rotation matrix of an axis-angle vector, by the series of its cross-product matrix."""
    x, y, z = vector
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    total, term = np.eye(3), np.eye(3)
    for order in range(1, 40):
        term = term @ cross / order
        total = total + term
    return total


def reference_skin(
    content: dict[str, np.ndarray], pose: np.ndarray, betas: np.ndarray, trans: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Loper et al. 2015, equations 2 to 10, one vertex at a time with 4 x 4 matrices."""
    parents = [-1, *content["kintree_table"][0, 1:].astype(int)]
    shaped = content["v_template"].copy()
    for number, beta in enumerate(betas):
        shaped += beta * content["shapedirs"][:, :, number]
    rest = np.array([(row[:, None] * shaped).sum(axis=0) for row in content["J_regressor"]])
    turns = [rodrigues(vector) for vector in pose]
    chain: list[np.ndarray] = []
    for joint, parent in enumerate(parents):
        local = np.eye(4)
        local[:3, :3] = turns[joint]
        local[:3, 3] = rest[joint] - (rest[parent] if parent >= 0 else 0)
        chain.append(local if parent < 0 else chain[parent] @ local)
    feature = np.concatenate([(turn - np.eye(3)).ravel() for turn in turns[1:]])
    vertices = np.empty_like(shaped)
    for v in range(len(shaped)):
        blend = np.zeros((4, 4))
        for joint, matrix in enumerate(chain):
            away = np.eye(4)
            away[:3, 3] = -rest[joint]
            blend += content["weights"][v, joint] * (matrix @ away)
        point = shaped[v] + content["posedirs"][v] @ feature
        vertices[v] = (blend @ np.append(point, 1.0))[:3] + trans
    return vertices, np.array([matrix[:3, 3] for matrix in chain]) + trans


@pytest.mark.parametrize("kind", KINDS)
def test_skinning_equals_a_loop_over_vertices(tmp_path: Path, kind: str) -> None:
    content = body_content(kind, betas=16)
    body = load_body_model(write_npz(tmp_path / "model.npz", content))
    assert body.kind == kind and len(body.parents) == KINDS[kind]
    rng = np.random.default_rng(1)
    poses = rng.normal(size=(70, KINDS[kind], 3)) * 0.6  # more frames than are skinned at a time
    betas, trans = rng.normal(size=16), rng.normal(size=(70, 3))
    vertices, joints = skin(body, poses, betas, trans)
    for frame in (0, 63, 64, 69):
        expected_v, expected_j = reference_skin(content, poses[frame], betas, trans[frame])
        np.testing.assert_allclose(vertices[frame], expected_v, atol=2e-6)
        np.testing.assert_allclose(joints[frame], expected_j, atol=2e-6)
    np.testing.assert_allclose(pose_joints(body, poses, betas, trans), joints, atol=2e-6)


def test_identity_pose_is_the_template_and_missing_joints_rest(tmp_path: Path) -> None:
    content = body_content()
    body = load_body_model(write_npz(tmp_path / "model.npz", content))
    vertices, joints = skin(body, np.zeros((2, 1, 3)))
    np.testing.assert_allclose(vertices[1], content["v_template"], atol=1e-6)
    np.testing.assert_allclose(joints[0], content["J_regressor"] @ content["v_template"], atol=1e-6)
    rng = np.random.default_rng(2)
    poses = np.zeros((3, 24, 3))
    poses[:, :22] = rng.normal(size=(3, 22, 3))
    np.testing.assert_array_equal(skin(body, poses)[0], skin(body, poses[:, :22])[0])


def test_turning_the_root_turns_the_body_about_its_pelvis(tmp_path: Path) -> None:
    body = load_body_model(write_npz(tmp_path / "model.npz", body_content()))
    still, turned = np.zeros((1, 24, 3)), np.zeros((1, 24, 3))
    still[0, 1:] = turned[0, 1:] = np.random.default_rng(3).normal(size=(23, 3)) * 0.4
    turned[0, 0] = [0.0, np.pi / 2, 0.0]
    (before, joints), (after, _) = skin(body, still), skin(body, turned)
    x, y, z = np.moveaxis(before[0] - joints[0, 0], -1, 0)
    np.testing.assert_allclose(after[0] - joints[0, 0], np.stack([z, y, -x], -1), atol=2e-6)


@pytest.mark.parametrize("chumpy", [False, True])
def test_pickles_of_python_2_equal_the_npz(tmp_path: Path, chumpy: bool) -> None:
    content = body_content(betas=300)
    read = load_body_model(write_python2_pickle(tmp_path / "SMPL_MALE.pkl", content, chumpy))
    expected = load_body_model(write_npz(tmp_path / "model.npz", content))
    assert read.shapedirs.shape == (60, 3, 16)  # 300 in the file
    for name in ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "faces"):
        np.testing.assert_array_equal(getattr(read, name), getattr(expected, name))
    assert read.parents == expected.parents and read.parents[:22] == PARENTS
    assert "chumpy" not in sys.modules


def test_betas(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "model.npz", body_content(betas=10))
    assert load_body_model(path).shapedirs.shape[-1] == 10
    body = load_body_model(path, betas=4)
    assert body.shapedirs.shape[-1] == 4
    np.testing.assert_array_equal(body.shaped([0.5])[0], body.shaped([0.5, 0, 0])[0])
    with pytest.raises(InvalidMotionError, match="betas"):
        body.shaped(np.zeros(5))
    with pytest.raises(InvalidMotionError, match="betas"):
        body.shaped([np.nan])


def test_skeleton_has_the_bodys_bones(tmp_path: Path) -> None:
    body = load_body_model(write_npz(tmp_path / "model.npz", body_content("smplh", betas=16)))
    betas = np.random.default_rng(4).normal(size=16)
    rest = body.shaped(betas)[1][:JOINT_COUNT]
    np.testing.assert_allclose(body.skeleton(betas).rest_joints, rest - rest[0], atol=1e-12)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("smpl", "smpl/SMPL_NEUTRAL.pkl"),
        ("smpl", "smpl/SMPL_NEUTRAL.npz"),
        ("smplh", "smplh/neutral/model.npz"),
        ("smplh", "smplh/SMPLH_NEUTRAL.pkl"),
        ("smplx", "smplx/SMPLX_NEUTRAL.npz"),
        ("smplx", "smplx/neutral/model.npz"),
    ],
)
def test_files_are_found_by_their_published_names(
    tmp_path: Path, kind: Literal["smpl", "smplh", "smplx"], name: str
) -> None:
    with pytest.raises(MissingAssetError) as caught:
        find_body_model(kind, folder=tmp_path)
    assert name in str(caught.value)
    assert "get_smpl_data.sh" in str(caught.value) and "is.tue.mpg.de" in str(caught.value)
    write = write_npz if name.endswith("npz") else lambda p, c: write_python2_pickle(p, c, True)
    path = write(tmp_path / name, body_content(kind))
    assert find_body_model(kind, folder=tmp_path) == path
    assert load_body_model(path).kind == kind


def test_a_body_is_read_only(tmp_path: Path) -> None:
    body = load_body_model(write_npz(tmp_path / "model.npz", body_content()))
    with pytest.raises(ValueError, match="read-only"):
        body.v_template[0] = 1.0


FAULTS = {
    "v_template": np.zeros((60, 2)),
    "posedirs": np.zeros((60, 3, 10)),
    "J_regressor": np.zeros((24, 59)),
    "weights": np.full((60, 24), np.nan),
    "f": np.full((1, 3), 60),
    "kintree_table": np.array([[-1, 5, *range(1, 23)], range(24)]),
    "shapedirs": np.zeros((60, 10)),
}


@pytest.mark.parametrize("key", FAULTS)
def test_arrays_that_do_not_fit(tmp_path: Path, key: str) -> None:
    path = write_npz(tmp_path / "model.npz", body_content() | {key: FAULTS[key]})
    with pytest.raises(CorruptFileError, match="get_smpl_data"):
        load_body_model(path)


def test_damaged_files(tmp_path: Path) -> None:
    content = body_content()
    del content["weights"]
    with pytest.raises(CorruptFileError, match="weights"):
        load_body_model(write_npz(tmp_path / "model.npz", content))
    path = write_npz(tmp_path / "cut.npz", body_content())
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(CorruptFileError):
        load_body_model(path)
    (tmp_path / "page.pkl").write_text("<html>log in</html>")
    with pytest.raises(CorruptFileError):
        load_body_model(tmp_path / "page.pkl")
    with pytest.raises(MissingAssetError):
        load_body_model(tmp_path / "absent.npz")


@pytest.mark.parametrize(
    ("poses", "trans"),
    [
        (np.zeros((2, 25, 3)), None),
        (np.zeros((2, 72)), None),
        (np.zeros((2, 24, 3)), np.zeros((3, 3))),
        (np.full((2, 24, 3), np.nan), None),
        (np.zeros((2, 24, 3)), np.full((2, 3), np.inf)),
        (np.zeros((0, 24, 3)), None),
    ],
)
def test_motions_that_do_not_fit(
    tmp_path: Path, poses: np.ndarray, trans: np.ndarray | None
) -> None:
    body: BodyModel = load_body_model(write_npz(tmp_path / "model.npz", body_content()))
    with pytest.raises(InvalidMotionError):
        skin(body, poses, trans=trans)


@pytest.mark.parametrize(
    ("kind", "gender", "name"),
    [
        ("smpl", "female", "smpl/basicModel_f_lbs_10_207_0_v1.0.0.pkl"),
        ("smpl", "neutral", "smpl/basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl"),
        ("smplh", "male", "smplh/SMPLH_male.pkl"),
        ("smplx", "neutral", "smplx/smplx_neutral.npz"),
    ],
)
def test_files_unpacked_by_hand_are_found(
    tmp_path: Path,
    kind: Literal["smpl", "smplh", "smplx"],
    gender: Literal["neutral", "male", "female"],
    name: str,
) -> None:
    path = tmp_path / name
    write = write_npz if path.suffix == ".npz" else partial(write_python2_pickle, chumpy=True)
    write(path, body_content(kind))
    assert find_body_model(kind, gender, tmp_path) == path
    assert load_body_model(path).kind == kind
    other = "male" if gender == "female" else "female"
    with pytest.raises(MissingAssetError):
        find_body_model(kind, other, tmp_path)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), compressed=st.booleans(), pickled=st.booleans())
def test_spoiled_bytes_end_in_our_error(
    data: st.DataObject,
    compressed: bool,
    pickled: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("body")
    if pickled:
        path = write_python2_pickle(folder / "model.pkl", body_content(vertices=8), chumpy=True)
    else:
        path = folder / "model.npz"
        (np.savez_compressed if compressed else np.savez)(path, **body_content(vertices=8))
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, min(len(raw) - 1, 4000)))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(raw[: data.draw(st.sampled_from([len(raw), len(raw) - 1, len(raw) // 2]))])
    try:
        body = load_body_model(path)
    except CorruptFileError as error:
        assert path.name in str(error)
    else:  # what was hit are numbers, or nothing that is read
        assert body.v_template.shape == (8, 3)
