"""DeepMimic files to joints: against a plain recursion, and against what a body can do."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from body_models.skeleton import PARENTS
from loop.errors import CorruptFileError, InvalidMotionError, MissingAssetError, ScscError
from translation.deepmimic import read_humanoid, read_motion, to_joints, unroll

# an upright body with straight limbs: duration, root, then 4, 4 and per side 4, 1, 4, 4, 1 numbers
SIDE = [1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0]
STANDING = [0.05, 0, 0.88, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, *SIDE, *SIDE]
RIGHT_KNEE, RIGHT_ELBOW = 20, 29


def write(folder: Path, frames: object, loop: object = "none") -> Path:
    path = folder / "motion.txt"
    path.write_text(json.dumps({"Loop": loop, "Frames": frames}))
    return path


def frames(count: int, **columns: np.ndarray) -> np.ndarray:
    table = np.tile(np.array(STANDING, float), (count, 1))
    for name, values in columns.items():
        table[:, {"x": 1, "right_knee": RIGHT_KNEE, "right_elbow": RIGHT_ELBOW}[name]] = values
    return table


def bones(joints: np.ndarray) -> np.ndarray:
    return np.linalg.norm(joints[:, 1:] - joints[:, PARENTS[1:]], axis=-1)


def test_standing_body_has_the_known_measures(deepmimic_source: Path, tmp_path: Path) -> None:
    humanoid = read_humanoid(deepmimic_source / "humanoid.urdf")
    joints = to_joints(read_motion(write(tmp_path, frames(5).tolist())), humanoid)[0]
    assert np.linalg.norm(joints[1] - joints[4]) == pytest.approx(0.4216, abs=1e-4)
    assert np.linalg.norm(joints[4] - joints[7]) == pytest.approx(1.63948 / 4, abs=1e-5)
    assert joints[1][0] - joints[2][0] == pytest.approx(2 * 0.339548 / 4, abs=1e-5)
    assert joints[16][0] - joints[17][0] == pytest.approx(2 * 0.73244 / 4, abs=1e-5)
    assert joints[:, 1].min() == pytest.approx(0.88 - (1.686184 + 1.63948 + 0.2) / 4, abs=1e-5)
    toes, ankles = joints[[10, 11]], joints[[7, 8]]
    assert (toes - ankles)[:, 2] == pytest.approx(0.534 / 4, abs=1e-5)  # the feet point to +z
    assert (np.diff(joints[[0, 3, 6, 9, 12, 15], 1]) > 0.05).all()


@pytest.mark.parametrize(
    ("column", "angle", "joint", "over", "ahead"),
    [("right_knee", -1.0, 8, 5, False), ("right_elbow", 1.0, 21, 19, True)],
)
def test_knees_bend_backwards_and_elbows_forwards(
    deepmimic_source: Path,
    tmp_path: Path,
    column: str,
    angle: float,
    joint: int,
    over: int,
    ahead: bool,
) -> None:
    humanoid = read_humanoid(deepmimic_source / "humanoid.urdf")
    table = frames(5, **{column: np.full(5, angle)})
    joints = to_joints(read_motion(write(tmp_path, table.tolist())), humanoid)
    bone = joints[0, joint] - joints[0, over]
    assert bone[2] == pytest.approx((1 if ahead else -1) * np.sin(1) * np.linalg.norm(bone))
    assert bone[0] == pytest.approx(0, abs=1e-6)


def test_real_frame_against_a_plain_recursion(deepmimic_source: Path) -> None:
    """Forward kinematics by rotation matrices, written out along the arm and the leg."""
    path = deepmimic_source / "motions/humanoid3d_spinkick.txt"
    row = np.array(json.loads(path.read_text())["Frames"][0])
    quat = [Rotation.from_quat(row[i : i + 4], scalar_first=True) for i in (4, 8, 30, 35, 39)]
    root, chest, hip, ankle, shoulder = (rotation.as_matrix() for rotation in quat)
    knee, elbow = (Rotation.from_rotvec([0, 0, row[i]]).as_matrix() for i in (34, 43))
    below = np.array([0, -1, 0])
    at_hip = row[1:4] + root @ [0, 0, -0.084887]
    at_knee = at_hip + root @ hip @ below * 0.421546
    at_ankle = at_knee + root @ hip @ knee @ below * 0.40987
    at_toe = at_ankle + root @ hip @ knee @ ankle @ [0.1335, -0.05, 0]
    at_chest = row[1:4] + root @ [0, 0.236151, 0]
    at_shoulder = at_chest + root @ chest @ [-0.02405, 0.2435, -0.18311]
    at_elbow = at_shoulder + root @ chest @ shoulder @ below * 0.274788
    at_wrist = at_elbow + root @ chest @ shoulder @ elbow @ below * 0.258947
    expected = [at_hip, at_knee, at_ankle, at_toe, at_shoulder, at_elbow, at_wrist]
    humanoid = read_humanoid(deepmimic_source / "humanoid.urdf")
    found = to_joints(read_motion(path), humanoid)[0, [1, 4, 7, 10, 16, 18, 20]]
    for ours, (x, y, z) in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, [-z, y, x], atol=1e-5)


@pytest.mark.parametrize("name", ["humanoid3d_backflip", "humanoid3d_roll", "walker/turn_right0"])
def test_bones_keep_their_length_through_resampling_and_seams(
    deepmimic_source: Path, name: str
) -> None:
    humanoid = read_humanoid(deepmimic_source / "humanoid.urdf")
    motion = unroll(read_motion(deepmimic_source / "motions" / f"{name}.txt"), 6.0)
    assert motion.times[-1] >= 6.0
    lengths = bones(to_joints(motion, humanoid))
    assert np.ptp(lengths, axis=0).max() < 1e-5
    assert lengths.min() > 0.05


def test_loops_continue_where_they_ended(deepmimic_source: Path) -> None:
    humanoid = read_humanoid(deepmimic_source / "humanoid.urdf")
    for path in sorted((deepmimic_source / "motions").rglob("*.txt")):
        motion = read_motion(path)
        if not motion.loop:
            continue
        period = motion.times[-1]
        joints = to_joints(unroll(motion, 3 * period), humanoid, fps=60)
        speed = np.linalg.norm(np.diff(joints, axis=0), axis=-1).max(axis=-1) * 60
        seams = [round(cycle * period * 60) for cycle in (1, 2)]
        at_seams = max(speed[seam - 2 : seam + 2].max() for seam in seams)
        inside = np.delete(speed, [i for s in seams for i in range(s - 2, s + 2)]).max()
        assert at_seams < 1.2 * inside, path.name


def test_straight_and_turning_loops(deepmimic_source: Path) -> None:
    source = deepmimic_source / "motions"
    run = read_motion(source / "humanoid3d_run.txt")
    step = run.root[-1] - run.root[0]
    unrolled = unroll(run, 3 * run.times[-1])
    np.testing.assert_allclose(unrolled.root[-1] - unrolled.root[0], 3 * step, atol=1e-9)
    left = unroll(read_motion(source / "walker/turn_left1.txt"), 3.7)
    heading = Rotation.from_quat(left.rotations[:, 0], scalar_first=True).apply([1.0, 0, 0])
    turned = np.unwrap(np.arctan2(-heading[:, 2], heading[:, 0]))[-1]  # +y is left
    assert 3 * np.radians(50) < turned < 3 * np.radians(62)


def test_a_motion_that_is_no_loop_stays(deepmimic_source: Path) -> None:
    motion = read_motion(deepmimic_source / "motions/humanoid3d_kick.txt")
    assert unroll(motion, 10.0) is motion


def test_twenty_frames_a_second(tmp_path: Path, deepmimic_source: Path) -> None:
    humanoid = read_humanoid(deepmimic_source / "humanoid.urdf")
    table = frames(41, x=np.linspace(0, 2, 41))
    table[:, 0] = 1 / 40
    joints = to_joints(read_motion(write(tmp_path, table.tolist())), humanoid)
    assert joints.shape == (21, 22, 3)
    np.testing.assert_allclose(joints[:, 0, 2], np.linspace(0, 2, 21), atol=1e-6)


@pytest.mark.parametrize(
    ("table", "error"),
    [
        ([[0.0] * 20] * 5, InvalidMotionError),  # the robot dog
        ([STANDING], InvalidMotionError),
        ([STANDING, STANDING[:-1]], CorruptFileError),
        ([[*STANDING[:-1], float("nan")]] * 3, InvalidMotionError),
        ([[0.0, *STANDING[1:]]] * 3, InvalidMotionError),
        ([[*STANDING[:4], 0, 0, 0, 0, *STANDING[8:]]] * 3, InvalidMotionError),
        ("no frames", CorruptFileError),
    ],
)
def test_bad_frames(tmp_path: Path, table: object, error: type[ScscError]) -> None:
    path = write(tmp_path, table)
    with pytest.raises(error, match=r"motion\.txt"):
        read_motion(path)


def test_bad_files(tmp_path: Path) -> None:
    with pytest.raises(MissingAssetError):
        read_motion(tmp_path / "none.txt")
    with pytest.raises(CorruptFileError):
        read_motion(write(tmp_path, [STANDING] * 3, loop="sometimes"))
    (tmp_path / "motion.txt").write_text('{"Loop": "wrap", "Frames": [[0.1')
    with pytest.raises(CorruptFileError):
        read_motion(tmp_path / "motion.txt")
    with pytest.raises(MissingAssetError):
        read_humanoid(tmp_path / "none.urdf")
    for text in ("<robot><joint/></robot>", "<robot>", "", '<robot><link name="root"/></robot>'):
        (tmp_path / "humanoid.urdf").write_text(text)
        with pytest.raises(CorruptFileError):
            read_humanoid(tmp_path / "humanoid.urdf")
