"""BVH of many makers onto our joints: small files written in each convention."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from body_models.skeleton import DEFAULT_SKELETON, JOINT_NAMES
from dataset.bvh import build, read_take
from dataset.cmu_captions import Take
from dataset.cmu_takes import read_take as read_cmu
from dataset.doctor import examine
from dataset.humanml3d import read_captions, read_ids
from loop.errors import CorruptFileError, InvalidMotionError, InvalidOptionError, MissingAssetError
from tests.dataset.test_cmu import walking
from tests.translation.acclaim import motionbuilder
from translation.bvh import read_bvh
from translation.bvh_export import write_bvh
from translation.floor import level_floor
from translation.ik import IKResult, solve_ik
from translation.skeletons import recognise

LIMBS = ("{s}UpLeg {s}Leg {s}Foot {toe}", "{s}Shoulder {s}Arm {s}ForeArm {s}Hand")
XSENS = ("{s}Hip {s}Knee {s}Ankle {s}Toe", "{s}Collar {s}Shoulder {s}Elbow {s}Wrist")
CONVENTIONS = {  # back to front: pelvis, three of the spine, neck, head; then legs and arms
    "mixamo": ("Hips Spine Spine1 Spine2 Neck Head", *LIMBS),
    "lafan1": ("Hips Spine Spine1 Spine2 Neck Head", *LIMBS),
    "100style": ("Hips Chest Chest2 Chest4 Neck Head", *XSENS),
    "cgspeed": ("Hips Waist Chest Chest2 Neck Head", *XSENS),
    "rokoko": (
        "Hips Spine1 Spine2 Spine4 Neck Head",
        "{s}Thigh {s}Shin {s}Foot {s}Toe",
        "{s}Shoulder {s}Arm {s}ForeArm {s}Hand",
    ),
    "bandai": (
        "Hips Spine Middle Chest Neck Head",
        "UpperLeg_{i} LowerLeg_{i} Foot_{i} Toes_{i}",
        "Shoulder_{i} UpperArm_{i} LowerArm_{i} Hand_{i}",
    ),
}
BETWEEN = {"bandai": "spine2", "cgspeed": "spine1"}
"""Joints of ours that lie between theirs, so that the table can only be near."""


@pytest.fixture(scope="module")
def walk(shared: Path) -> IKResult:
    take = read_cmu(shared / "data/cmu_bvh/07_01.bvh.gz", Take("07_01", 7, "", ""), None, "y")
    assert take.joints is not None
    there = take.joints.astype(np.float64)
    there = np.concatenate([there, there[::-1]])
    (result,) = solve_ik([there], skeleton=DEFAULT_SKELETON, threads=1)
    return result


def names_of(convention: str) -> dict[str, str]:
    spine, leg, arm = CONVENTIONS[convention]
    ours = dict(
        zip(["pelvis", "spine1", "spine2", "spine3", "neck", "head"], spine.split(), strict=True)
    )
    for side in ("Left", "Right"):
        toe = f"{side}{'ToeBase' if convention == 'mixamo' else 'Toe'}"
        for parts, theirs in (("hip knee ankle foot", leg), ("collar shoulder elbow wrist", arm)):
            words = theirs.format(s=side, i=side[0], toe=toe).split()
            keys = [f"{side.lower()}_{part}" for part in parts.split()]
            ours |= dict(zip(keys, words, strict=True))
    return ours


def export(path: Path, walk: IKResult, convention: str, prefix: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bvh(path, walk, 20.0)
    text = path.read_text()
    for ours, theirs in names_of(convention).items():
        text = re.sub(rf"(ROOT|JOINT) {ours}\n", rf"\1 {prefix}{theirs}\n", text)
    path.write_text(text)


def in_metres_and_z_up(path: Path) -> None:
    """Under a root of its own that stands up along z; offsets and root positions in metres."""
    head, motion = path.read_text().split("MOTION\n")

    def scaled(match: re.Match[str]) -> str:
        return "OFFSET " + " ".join(f"{float(v) / 100:.8f}" for v in match[1].split())

    head = re.sub(r"OFFSET (.*)", scaled, head).replace("HIERARCHY\nROOT", "JOINT")
    root = "ROOT joint_Root\n{\nOFFSET 0 0 0\nCHANNELS 3 Xrotation Yrotation Zrotation\n"
    lines = motion.splitlines()
    rows = [line.split() for line in lines[2:]]
    moved = [["90 0 0", *(f"{float(v) / 100:.8f}" for v in r[:3]), *r[3:]] for r in rows]
    body = "\n".join([*lines[:2], *(" ".join(row) for row in moved)])
    path.write_text(f"HIERARCHY\n{root}{head}}}\nMOTION\n{body}\n")


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_each_convention(walk: IKResult, tmp_path: Path, convention: str) -> None:
    path = tmp_path / "walk.bvh"
    export(path, walk, convention, "mixamorig:" if convention == "mixamo" else "")
    if convention == "bandai":
        in_metres_and_z_up(path)
    joints, found = read_take(path)
    assert found["skeleton"] == convention and found["fps"] == pytest.approx(20)
    assert found["up"] == ("z" if convention == "bandai" else "y") and not found["rest_pose"]
    expected = level_floor(walk.joints, 20.0)
    same = [j for j, name in enumerate(JOINT_NAMES) if name != BETWEEN.get(convention)]
    if convention in BETWEEN:  # what lies on a moved joint is as far off
        np.testing.assert_allclose(joints[:, same], expected[:, same], atol=0.06)
        legs = [1, 2, 4, 5, 7, 8, 10, 11]
        np.testing.assert_allclose(joints[:, legs], expected[:, legs], atol=2e-3)
    else:
        np.testing.assert_allclose(joints, expected, atol=2e-3)


def test_the_conversions_of_cmu(shared: Path, tmp_path: Path) -> None:
    (tmp_path / "a.bvh").write_text(motionbuilder([{}, *walking(20.0)]))
    _, found = read_take(tmp_path / "a.bvh", given=120.0)
    assert found["skeleton"] == "motionbuilder" and found["rate"] == "option"
    joints, found = read_take(shared / "data/cmu_bvh/07_01.bvh.gz")
    assert found["skeleton"] == "daz" and found["rest_pose"]
    lengths = np.linalg.norm(joints[:, 1:] - joints[:, list(DEFAULT_SKELETON.parents[1:])], axis=-1)
    np.testing.assert_allclose(
        lengths, np.broadcast_to(DEFAULT_SKELETON.lengths[1:], lengths.shape), atol=1e-5
    )


def test_a_rest_pose_before_the_capture_is_dropped(walk: IKResult, tmp_path: Path) -> None:
    export(tmp_path / "walk.bvh", walk, "lafan1")
    head, motion = (tmp_path / "walk.bvh").read_text().split("MOTION\n")
    lines = motion.splitlines()
    rest = " ".join(["0 90 0", *["0"] * (len(lines[2].split()) - 3)])
    text = "\n".join([f"Frames: {len(lines) - 1}", lines[1], rest, *lines[2:]])
    (tmp_path / "rest.bvh").write_text(f"{head}MOTION\n{text}\n")
    clean, before = read_take(tmp_path / "walk.bvh")
    joints, found = read_take(tmp_path / "rest.bvh")
    assert found["rest_pose"] and not before["rest_pose"]
    np.testing.assert_allclose(joints, clean, atol=1e-5)


def test_joints_that_only_move_and_never_turn(walk: IKResult, tmp_path: Path) -> None:
    """The same motion as places of each joint relative to its parent."""
    export(tmp_path / "turned.bvh", walk, "lafan1")
    bvh = read_bvh(tmp_path / "turned.bvh")
    places = bvh.positions(bvh.names)
    places[:, 1:] -= places[:, bvh.parents[1:]]
    moved = places[:, [bool(channels) for channels in bvh.channels]].reshape(len(places), -1)
    head, motion = (tmp_path / "turned.bvh").read_text().split("MOTION\n")
    head = re.sub("CHANNELS .*", "CHANNELS 3 Xposition Yposition Zposition", head)
    rows = [" ".join(f"{value:.8f}" for value in row) for row in moved]
    text = "\n".join([*motion.splitlines()[:2], *rows])
    (tmp_path / "moved.bvh").write_text(f"{head}MOTION\n{text}\n")
    joints, found = read_take(tmp_path / "moved.bvh")
    expected, same = read_take(tmp_path / "turned.bvh")
    assert found == same
    np.testing.assert_allclose(joints, expected, atol=1e-5)


def test_what_cannot_be_mapped_is_named_and_a_table_helps(walk: IKResult, tmp_path: Path) -> None:
    export(tmp_path / "in/walk.bvh", walk, "lafan1")
    text = (tmp_path / "in/walk.bvh").read_text().replace("LeftForeArm", "MyElbow")
    (tmp_path / "in/walk.bvh").write_text(text)
    with pytest.raises(InvalidMotionError, match="leftforearm"):
        recognise(read_bvh(tmp_path / "in/walk.bvh"))
    with pytest.raises(InvalidMotionError, match="no motion could be used"):
        build(tmp_path / "in", tmp_path / "out")
    lines = [f'{ours} = "{theirs}"' for ours, theirs in names_of("lafan1").items()]
    own = tmp_path / "own.toml"
    own.write_bytes("\r\n".join(lines).replace("LeftForeArm", "MyElbow").encode("utf-16"))
    joints, _ = read_take(tmp_path / "in/walk.bvh", str(own))
    np.testing.assert_allclose(joints, level_floor(walk.joints, 20.0), atol=2e-3)
    own.write_text("\n".join(lines[1:]))
    with pytest.raises(CorruptFileError, match="no line for pelvis"):
        read_take(tmp_path / "in/walk.bvh", str(own))
    with pytest.raises(MissingAssetError, match="skeleton table"):
        read_take(tmp_path / "in/walk.bvh", "absent.toml")
    with pytest.raises(InvalidOptionError, match="mixamo"):
        read_take(tmp_path / "in/walk.bvh", "max")


def test_captions_of_a_table_of_names_and_of_folders(walk: IKResult, tmp_path: Path) -> None:
    for name in ("walk_left/take-01.bvh", "walk_left/turns_right.bvh"):
        export(tmp_path / "in" / name, walk, "rokoko")
    (tmp_path / "in/walk_left/broken.bvh").write_text("HIERARCHY")
    table = tmp_path / "said.csv"
    table.write_text(
        "file,start,end,text\nwalk_left/take-01.bvh,0,2.5,a person walks left\n"
        'turns_right.bvh,,,"somebody turns, then walks"\ntake-01.bvh,0,1,unused\n'
    )
    counts = build(tmp_path / "in", tmp_path / "csv", captions=str(table))
    assert counts["train"] and counts["test"]
    report = json.loads((tmp_path / "csv/clips.json").read_text())
    assert "excluded" in report["walk_left/broken.bvh"]
    first = report["walk_left/take-01.bvh"]["ids"]
    assert [read_captions(tmp_path / f"csv/texts/{c}.txt")[0][0].text for c in first] == [
        "a person walks left",
        "a person walks right",
    ]
    assert len(np.load(tmp_path / f"csv/new_joint_vecs/{first[0]}.npy")) == 49
    assert not [finding for finding in examine(tmp_path / "csv") if finding.fault]
    for kind, expected in (("names", {"take 01", "turns right"}), ("folder", {"walk left"})):
        build(tmp_path / "in", tmp_path / kind, captions=kind)
        ids = [c for s in ("train", "test") for c in read_ids(tmp_path / kind, s) if c[0] != "M"]
        texts = [read_captions(tmp_path / kind / f"texts/{c}.txt")[0][0].text for c in ids]
        assert set(texts) == expected
    table.write_text("file,start,end,text\na.bvh,3,1,backwards\n")
    with pytest.raises(CorruptFileError, match="captions cannot be read"):
        build(tmp_path / "in", tmp_path / "csv", captions=str(table))
