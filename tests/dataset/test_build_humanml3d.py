"""The published pipeline on AMASS files made from CMU takes by our own inverse kinematics."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import dataset.build_humanml3d as module
from benchmarks.bodies import body_content, write_npz
from body_models.skeleton import DEFAULT_SKELETON, PARENTS
from body_models.smpl import load_body_model
from dataset.build_humanml3d import build
from dataset.captions import read_captions
from dataset.cmu_captions import Take
from dataset.cmu_takes import read_take
from dataset.doctor import examine
from dataset.humanml3d_takes import CUT_S
from loop.errors import CorruptFileError, InvalidOptionError, MissingAssetError
from tests.dataset.test_cmu_rows import texts_of
from translation.amass import write_amass
from translation.ik import solve_ik

ROWS = (  # archive, file, rate, start, end, id
    ("CMU", "07/07_01", 120.0, 0, 50, "000000"),
    ("CMU", "07/07_01", 120.0, 5, 60, "000001"),
    ("MPI_HDM05", "bk/a", 100.0, 3, 45, "000002"),
    ("TotalCapture", "s1/b", 60.0, 0, 50, "000003"),
    ("Transitions_mocap", "t/c", 250.0, 2, 44, "000004"),
    ("CMU", "07/spoiled", 120.0, 0, 50, "000005"),
    ("KIT", "3/kick", 100.0, 0, 50, "000006"),
    ("CMU", "07/07_01", 120.0, 7, 8, "000007"),
    ("humanact12", "humanact12/P1", 20.0, 0, -1, "000008"),
)
GENDERS = {"CMU": "male", "MPI_HDM05": "female", "TotalCapture": "neutral", "KIT": "male"}
LEFT = [1, 4, 7, 10, 13, 16, 18, 20]
RIGHT = [2, 5, 8, 11, 14, 17, 19, 21]


@dataclass
class World:
    root: Path
    bodies: dict[str, dict[str, np.ndarray]]

    def build(self, out: Path, **options: Any) -> dict[str, str]:
        arguments: dict[str, Any] = {
            "amass": self.root / "amass",
            "smplh": self.root / "smplh",
            "humanact12": self.root / "humanact12.zip",
            "humanml3d": self.root / "public",
            "out": out,
        }
        return build(**{**arguments, **options})


@pytest.fixture(scope="module")
def world(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    root = tmp_path_factory.mktemp("amass")
    bodies = {}
    for vertices, gender in ((60, "male"), (70, "female")):
        bodies[gender] = body_content("smplh", vertices=vertices, betas=16)
        write_npz(root / "smplh" / gender / "model.npz", bodies[gender])
    take = read_take(shared / "data/cmu_bvh/07_01.bvh.gz", Take("07_01", 7, "", ""), None, "y")
    assert take.joints is not None
    there = take.joints.astype(np.float64)  # walks there, back, and there again
    write_takes(root, np.concatenate([there, there[::-1], there])[:110])
    write_public(root)
    return World(root, bodies)


def write_takes(root: Path, joints: np.ndarray) -> None:
    """The same motion in every archive, as that body, at that rate (the motion is what it is)."""
    betas = np.random.default_rng(0).normal(size=16)
    for archive, name, rate, *_ in ROWS[:6]:
        gender = GENDERS.get(archive, "female")
        shown = "male" if gender == "male" else "female"
        body = load_body_model(root / "smplh" / shown / "model.npz")
        (result,) = solve_ik([joints], skeleton=body.skeleton(betas), threads=1)
        repeat = int(rate / 20)
        fast = type(result)(
            np.repeat(result.root_position, repeat, axis=0),
            np.repeat(result.local_quat_wxyz, repeat, axis=0),
            result.joints, 0.0, 0.0, result.skeleton,
        )  # fmt: skip
        path = root / "amass" / archive / f"{name}_poses.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_amass(path, fast, rate, body, betas, gender)
        if "spoiled" in name:
            path.write_bytes(path.read_bytes()[:2000])
    with zipfile.ZipFile(root / "humanact12.zip", "w") as archive_file:
        buffer = io.BytesIO()
        more = np.concatenate([joints[:50], joints[:50, 20:]], axis=1)
        np.save(buffer, more.astype(np.float32))
        archive_file.writestr("humanact12/P1.npy", buffer.getvalue())


def write_public(root: Path) -> None:
    public = root / "public"
    (public / "texts").mkdir(parents=True)
    lines = ["source_path,start_frame,end_frame,new_name"]
    for archive, name, _, start, end, clip in ROWS:
        suffix = "" if archive == "humanact12" else "_poses"
        lines.append(f"./pose_data/{archive}/{name}{suffix}.npy,{start},{end},{clip}.npy")
    (public / "index.csv").write_text("\n".join(lines) + "\n")
    clips = [row[5] for row in ROWS]
    for name, text in texts_of(clips).items():
        (public / f"texts/{name}.txt").write_text(text)
    for split, part in (("train", clips[:3]), ("val", clips[3:4]), ("test", clips[4:])):
        (public / f"{split}.txt").write_text("".join(f"{c}\nM{c}\n" for c in part))


def joints_by_hand(world: World, row: tuple, *, mirror: bool) -> np.ndarray:
    """Joints of a row on the uniform skeleton, by plain loops over the arrays of the files."""
    archive, name, rate, start, end, _ = row
    file = np.load(world.root / "amass" / archive / f"{name}_poses.npz")
    body = world.bodies["male" if str(file["gender"]) == "male" else "female"]
    step = int(float(file["mocap_framerate"]) / 20)
    assert float(file["mocap_framerate"]) == rate
    vertices = body["v_template"] + body["shapedirs"][..., :10] @ file["betas"][:10]
    rest = body["J_regressor"] @ vertices
    parents = body["kintree_table"][0].astype(np.int64)
    frames = []
    for pose, trans in zip(file["poses"][::step], file["trans"][::step], strict=True):
        local = Rotation.from_rotvec(pose.reshape(52, 3)).as_matrix()
        world_turn, placed = [local[0]], [rest[0]]
        for j in range(1, 52):
            world_turn.append(world_turn[parents[j]] @ local[j])
            placed.append(
                placed[parents[j]] + world_turn[parents[j]] @ (rest[j] - rest[parents[j]])
            )
        frames.append((np.array(placed) + trans)[:22])
    x, y, z = np.moveaxis(np.array(frames), -1, 0)
    seconds = {"MPI_HDM05": 3, "TotalCapture": 1, "Transitions_mocap": 0.5}.get(archive, 0)
    joints = np.stack([-x, z, y], axis=-1)[int(seconds * 20) :][start:end]
    if mirror:
        joints = joints * [-1.0, 1.0, 1.0]
        joints[:, [*LEFT, *RIGHT]] = joints[:, [*RIGHT, *LEFT]]
    return on_uniform_skeleton(joints)


def on_uniform_skeleton(joints: np.ndarray) -> np.ndarray:
    lengths = DEFAULT_SKELETON.lengths
    leg = np.linalg.norm(joints[0, 5] - joints[0, 2]) + np.linalg.norm(joints[0, 8] - joints[0, 5])
    result = np.zeros_like(joints)
    result[:, 0] = joints[:, 0] * (lengths[5] + lengths[8]) / leg
    for j in range(1, 22):
        bone = joints[:, j] - joints[:, PARENTS[j]]
        result[:, j] = result[:, PARENTS[j]] + lengths[j] * bone / np.linalg.norm(
            bone, axis=-1, keepdims=True
        )
    result[..., 1] -= result[..., 1].min()
    result -= result[:1, :1] * [1.0, 0.0, 1.0]
    across = result[0, 2] - result[0, 1] + result[0, 17] - result[0, 16]
    ahead = np.cross([0.0, 1.0, 0.0], across)
    return (
        Rotation.from_euler("y", -np.arctan2(ahead[0], ahead[2]))
        .apply(result.reshape(-1, 3))
        .reshape(result.shape)
    )


def test_joints_vectors_and_ids(world: World, tmp_path: Path, caplog) -> None:
    failed = world.build(tmp_path / "HumanML3D")
    out = tmp_path / "HumanML3D"
    assert set(failed) == {"000005", "000006", "000007"}
    assert "cannot be read" in failed["000005"] and "fewer than two" in failed["000007"]
    assert failed["000006"] == "archive KIT is missing" and "1  rows: archive KIT" in caplog.text
    assert "6 of 9 rows made" in caplog.text
    for row in [row for row in ROWS if row[5] not in failed and row[0] != "humanact12"]:
        for mirror, clip in ((False, row[5]), (True, f"M{row[5]}")):
            expected = joints_by_hand(world, row, mirror=mirror)
            vectors = np.load(out / "new_joint_vecs" / f"{clip}.npy")
            assert vectors.shape == (len(expected) - 1, 263) and vectors.dtype == np.float32
            found = np.load(out / "new_joints" / f"{clip}.npy")
            np.testing.assert_allclose(found, expected[:-1], atol=2e-4)
            np.testing.assert_allclose(vectors[:, 3], expected[:-1, 0, 1], atol=1e-5)
            moved = np.linalg.norm(np.diff(expected, axis=0), axis=-1)
            stored = np.linalg.norm(vectors[:, 193:259].reshape(-1, 22, 3), axis=-1)
            np.testing.assert_allclose(stored, moved, atol=1e-5)
    act = np.load(world.root / "humanact12.zip")["humanact12/P1"][:, :22].astype(np.float64)
    np.testing.assert_allclose(  # whole, and its x is not negated
        np.load(out / "new_joints/000008.npy"), on_uniform_skeleton(act)[:-1], atol=2e-4
    )
    assert (out / "test.txt").read_text().split() == ["000004", "M000004", "000008", "M000008"]
    assert read_captions(out / "texts/M000000.txt")[0][0].text == "a person steps to the right."
    everything = [np.load(p) for p in sorted((out / "new_joint_vecs").iterdir())]
    mean = np.concatenate(everything).astype(np.float64).mean(axis=0)
    np.testing.assert_allclose(np.load(out / "Mean.npy"), mean, atol=1e-5)
    assert not [finding for finding in examine(out) if finding.fault]
    assert not (tmp_path / "HumanML3D.partial").exists()


def test_it_goes_on_where_it_stopped(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.build(tmp_path / "whole", workers=2)
    real, seen = module.make, []

    def stopping(task: module.Task, *rest: object) -> dict[str, str]:
        if len(seen) == 2:
            raise KeyboardInterrupt
        seen.append(task.source_path)
        return real(task, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "make", stopping)
    with pytest.raises(KeyboardInterrupt):
        world.build(tmp_path / "again")
    assert not (tmp_path / "again").exists()
    with pytest.raises(InvalidOptionError, match="other options"):
        world.build(tmp_path / "again", resample="exact")
    done = {p: p.stat().st_mtime_ns for p in (tmp_path / "again.partial/new_joint_vecs").iterdir()}
    assert len(done) == 6  # rows of two takes and their mirror images
    monkeypatch.setattr(module, "make", real)
    world.build(tmp_path / "again")
    for path, time in done.items():
        assert (tmp_path / "again/new_joint_vecs" / path.name).stat().st_mtime_ns == time
    for path in (tmp_path / "whole").rglob("*.*"):
        if path.is_file():
            assert (
                path.read_bytes()
                == (tmp_path / "again" / path.relative_to(tmp_path / "whole")).read_bytes()
            ), path


def test_exactly_twenty_a_second(world: World, tmp_path: Path) -> None:
    """250 a second become 20.8 as published: after 2 s, 1.6 frames apart."""
    world.build(tmp_path / "a")
    world.build(tmp_path / "b", resample="exact")
    load = lambda name, clip: np.load(tmp_path / name / f"new_joints/{clip}.npy")  # noqa: E731
    np.testing.assert_allclose(load("a", "000000"), load("b", "000000"), atol=1e-4)
    assert np.abs(load("a", "000004") - load("b", "000004")).max() > 0.01
    assert CUT_S["Transitions_mocap"] == 0.5
    assert json.loads((tmp_path / "b/dataset.json").read_text())["resample"] == "exact"


def test_without_bodies_nothing_is_begun(world: World, tmp_path: Path) -> None:
    with pytest.raises(MissingAssetError, match=r"get_smpl_data\.sh"):
        world.build(tmp_path / "out", smplh=tmp_path)
    assert not list(tmp_path.iterdir())


SOURCES = {
    "amass": "amass", "smplh": "smplh", "humanact12": "humanact12.zip", "humanml3d": "public"
}  # fmt: skip


@pytest.mark.parametrize("name", SOURCES)
def test_a_build_goes_on_only_with_the_files_that_it_was_begun_with(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def stopping(*_: object) -> dict[str, str]:
        raise KeyboardInterrupt

    kept, link, other = world.root / SOURCES[name], tmp_path / "link", tmp_path / "other"
    link.symlink_to(kept)
    copy = shutil.copytree if kept.is_dir() else shutil.copy
    copy(kept, other)
    with monkeypatch.context() as patch:
        patch.setattr(module, "make", stopping)
        for place in (kept, link):  # another name of the same files
            with pytest.raises(KeyboardInterrupt):
                world.build(tmp_path / "out", **{name: place})
    with pytest.raises(InvalidOptionError, match="other options") as refused:
        world.build(tmp_path / "out", **{name: other})
    assert str(other) in str(refused.value.expected) and str(kept) in str(refused.value.found)
    subprocess.run((refused.value.remedy or "").partition(", or")[0], shell=True, check=True)
    assert set(world.build(tmp_path / "out", **{name: other})) == {"000005", "000006", "000007"}
    assert not list(tmp_path.rglob("build.json"))


def test_what_no_record_names_is_told_and_recorded(world: World, tmp_path: Path, caplog) -> None:
    """Older versions recorded no places; rows of HumanAct12 are not made without its archive."""
    partial = tmp_path / "out.partial"
    partial.mkdir()
    (partial / "build.json").write_text('{"resample": "published"}')
    (partial / "new_joint_vecs").mkdir()
    world.build(tmp_path / "out")
    assert "without a record of amass, humanact12, humanml3d, smplh" in caplog.text
    assert (tmp_path / "out/new_joints/000008.npy").is_file()


@pytest.mark.parametrize("text", ["[]", "null", "{"])
def test_a_damaged_record_of_a_build(world: World, tmp_path: Path, text: str) -> None:
    partial = tmp_path / "out.partial"
    partial.mkdir()
    (partial / "build.json").write_text(text)
    with pytest.raises(CorruptFileError) as damaged:
        world.build(tmp_path / "out")
    assert damaged.value.path == partial / "build.json" and damaged.value.remedy
