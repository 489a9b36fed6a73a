"""DeepMimic motion files (Peng et al. 2018) to the 22-joint skeleton.

A file is JSON with `Loop` ("wrap" or "none") and `Frames` of 44 numbers: duration in s, root
position in m, root rotation wxyz, then rotations relative to the parent of chest 4, neck 4, right
hip 4, right knee 1, right ankle 4, right shoulder 4, right elbow 1, and the same six of the left.
Knees and elbows are hinges about z. The body faces +x, y is up, its right is +z. Bone offsets stand
in `humanoid.urdf` of the same package, four times too large.

Joints that DeepMimic lacks are fixed points of its rigid bodies, so that all bones keep their
length: pelvis = centre of the root body; spine1 = half-way from there to the chest joint (spine2);
spine3 = 0.4 of the way from chest joint to neck joint; collars = 0.4 of the way from neck joint to
shoulder; head = centre of the head sphere; toes = middle of the front lower edge of the foot box.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation, RotationSpline

from body_models.arrays import Array
from body_models.skeleton import JOINT_COUNT
from loop.errors import CorruptFileError, InvalidMotionError, MissingAssetError
from translation.rotations import qmul, qrot

URDF_SCALE = 0.25
FRAME_SIZE = 44
BLEND_S = 0.4
"""Time at each end of a cycle over which what does not match at the seam is blended away."""
TURN_DEG = 15.0
"""A cycle that turns further than this is meant to turn; less is closed at the seam."""

# name, parent, numbers in a frame; in frame order, parents first
_BODIES: tuple[tuple[str, int, int], ...] = (
    ("root", -1, 4),
    ("chest", 0, 4),
    ("neck", 1, 4),
    ("right_hip", 0, 4),
    ("right_knee", 3, 1),
    ("right_ankle", 4, 4),
    ("right_shoulder", 1, 4),
    ("right_elbow", 6, 1),
    ("left_hip", 0, 4),
    ("left_knee", 8, 1),
    ("left_ankle", 9, 4),
    ("left_shoulder", 1, 4),
    ("left_elbow", 11, 1),
)
_NAMES = [name for name, _, _ in _BODIES]
_BLAME = "restore the file from the pybullet 3.2.7 wheel: remove the folder and build it again"


@dataclass(frozen=True, eq=False)
class DeepMimicMotion:
    """One motion in DeepMimic's own axes.

    Attributes:
        times: (F,) seconds, strictly increasing from 0.
        root: (F, 3) metres, facing +x, y up.
        rotations: (F, 13, 4) quat_wxyz relative to the parent body; body 0 in the world.
        loop: the last frame is the first one of the next cycle.
    """

    times: Array
    root: Array
    rotations: Array
    loop: bool


@dataclass(frozen=True, eq=False)
class Humanoid:
    """The DeepMimic body.

    Attributes:
        offsets: (13, 3) metres from the parent's joint to each body's joint.
        attached: (22,) the body that carries each of our joints.
        points: (22, 3) metres, where on it.
    """

    offsets: Array
    attached: NDArray[np.intp]
    points: Array


def read_humanoid(urdf: Path | str) -> Humanoid:
    """Read bone offsets and the points of our 22 joints from `humanoid.urdf`.

    Raises:
        MissingAssetError: no such file.
        CorruptFileError: it is no URDF, or a part that we need is not in it.
    """
    try:
        text = Path(urdf).read_text(encoding="utf-8")
        root = ElementTree.fromstring(text[: text.rindex(">") + 1])  # the real file ends in a NUL
        joint = {
            element.attrib["name"]: _scaled(element.find("origin"), "xyz")
            for element in root.findall("joint")
        }
        solid = {
            element.attrib["name"]: element.find("collision") for element in root.findall("link")
        }
        return _humanoid(joint, solid)
    except FileNotFoundError as error:
        raise MissingAssetError("Humanoid description is missing.", path=urdf) from error
    except (ElementTree.ParseError, KeyError, AttributeError, ValueError) as error:
        raise CorruptFileError(
            "Humanoid description cannot be read.", path=urdf, found=repr(error), remedy=_BLAME
        ) from error


def _scaled(element: ElementTree.Element | None, attribute: str) -> Array:
    if element is None:
        raise ValueError(f"an element with {attribute} is missing")
    x, y, z = (float(number) for number in element.attrib[attribute].split())
    return URDF_SCALE * np.array([x, y, z])


def _humanoid(joint: dict[str, Array], solid: dict[str, ElementTree.Element | None]) -> Humanoid:
    def centre(link: str) -> Array:
        return _scaled(_part(solid[link], "origin"), "xyz")

    pelvis, chest, neck = centre("root"), joint["chest"], joint["neck"]
    points: dict[int, tuple[str, Array]] = {
        0: ("root", pelvis),
        3: ("root", (pelvis + chest) / 2),
        6: ("chest", np.zeros(3)),
        9: ("chest", 0.4 * neck),
        12: ("neck", np.zeros(3)),
        15: ("neck", centre("neck")),
    }
    for side, (hip, knee, ankle, toe, collar, shoulder, elbow, wrist) in {
        "left": (1, 4, 7, 10, 13, 16, 18, 20),
        "right": (2, 5, 8, 11, 14, 17, 19, 21),
    }.items():
        for number, name in ((hip, "hip"), (knee, "knee"), (ankle, "ankle")):
            points[number] = (f"{side}_{name}", np.zeros(3))
        for number, name in ((shoulder, "shoulder"), (elbow, "elbow")):
            points[number] = (f"{side}_{name}", np.zeros(3))
        points[wrist] = (f"{side}_elbow", joint[f"{side}_wrist"])
        points[collar] = ("chest", neck + 0.4 * (joint[f"{side}_shoulder"] - neck))
        foot = f"{side}_ankle"
        box = _scaled(_part(solid[foot], "geometry/box"), "size")
        points[toe] = (foot, centre(foot) + np.array([0.5, -0.5, 0.0]) * box)
    return Humanoid(
        offsets=np.array([joint[name] for name in _NAMES]),
        attached=np.array([_NAMES.index(points[j][0]) for j in range(JOINT_COUNT)]),
        points=np.array([points[j][1] for j in range(JOINT_COUNT)]),
    )


def _part(element: ElementTree.Element | None, path: str) -> ElementTree.Element | None:
    return None if element is None else element.find(path)


def read_motion(path: Path | str) -> DeepMimicMotion:
    """Read a DeepMimic motion file.

    Raises:
        MissingAssetError: no such file.
        CorruptFileError: it is no JSON of the format.
        InvalidMotionError: frames are not of 44 finite numbers, or fewer than two.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        loop = {"wrap": True, "none": False}[content["Loop"]]
        frames = np.array(content["Frames"], dtype=np.float64)
    except FileNotFoundError as error:
        raise MissingAssetError("Motion file is missing.", path=path) from error
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptFileError(
            "File is no DeepMimic motion.",
            path=path,
            found=repr(error),
            expected='JSON with "Loop" (wrap or none) and "Frames"',
            remedy=_BLAME,
        ) from error
    if frames.ndim != 2 or frames.shape[1] != FRAME_SIZE or len(frames) < 2:
        raise InvalidMotionError(
            "DeepMimic motion has the wrong shape.",
            path=path,
            found=f"shape {frames.shape}",
            expected=f"(2 or more, {FRAME_SIZE}): a humanoid",
        )
    times = np.concatenate([[0.0], np.cumsum(frames[:-1, 0])])
    if not np.isfinite(frames).all() or (np.diff(times) <= 0).any():
        raise InvalidMotionError(
            "DeepMimic motion holds numbers that are not finite, or frames without duration.",
            path=path,
            remedy=_BLAME,
        )
    return DeepMimicMotion(times, frames[:, 1:4], _rotations(frames, path), loop)


def _rotations(frames: Array, path: Path | str) -> Array:
    quats, column = np.zeros((len(frames), len(_BODIES), 4)), 4
    for body, (_, _, size) in enumerate(_BODIES):
        part = frames[:, column : column + size]
        if size == 4:
            norm = np.linalg.norm(part, axis=1, keepdims=True)
            if (np.abs(norm - 1) > 0.5).any():  # edited clips go down to 0.58 (kick)
                raise InvalidMotionError(
                    "DeepMimic rotations are no unit quaternions.", path=path, remedy=_BLAME
                )
            quats[:, body] = part / norm
        else:
            quats[:, body, 0], quats[:, body, 3] = np.cos(part[:, 0] / 2), np.sin(part[:, 0] / 2)
        column += size
    return quats


def unroll(motion: DeepMimicMotion, seconds: float) -> DeepMimicMotion:
    """Repeat a looped motion until it lasts at least `seconds`; others come back unchanged.

    Each cycle starts where and, for turning cycles, in the heading in which the last one ended.
    """
    if not motion.loop:
        return motion
    cycle, yaw = _close_seam(motion)
    period = cycle.times[-1]
    root, rotations, times = [cycle.root[:1]], [cycle.rotations[:1]], [cycle.times[:1]]
    turn = np.array([np.cos(yaw / 2), 0.0, np.sin(yaw / 2), 0.0])
    heading, start = np.array([1.0, 0.0, 0.0, 0.0]), cycle.root[0]
    for number in range(max(1, int(np.ceil(seconds / period)))):
        piece = cycle.rotations[1:].copy()
        piece[:, 0] = qmul(heading, piece[:, 0])
        rotations.append(piece)
        root.append(start + qrot(heading, cycle.root[1:] - cycle.root[0]))
        times.append(number * period + cycle.times[1:])
        heading, start = qmul(heading, turn), root[-1][-1]
    return DeepMimicMotion(
        np.concatenate(times), np.concatenate(root), np.concatenate(rotations), loop=False
    )


def _close_seam(motion: DeepMimicMotion) -> tuple[DeepMimicMotion, float]:
    """Close the cycle: its last pose equals its first, up to the yaw (radians) that is returned.

    Both ends move half-way towards each other, fading out over BLEND_S or half the cycle.
    """
    first = [Rotation.from_quat(q, scalar_first=True) for q in motion.rotations[0]]
    last = [Rotation.from_quat(q, scalar_first=True) for q in motion.rotations[-1]]
    _, y, _, w = (last[0] * first[0].inv()).as_quat()
    yaw = (2 * np.arctan2(y, w) + np.pi) % (2 * np.pi) - np.pi
    if abs(yaw) < np.radians(TURN_DEG):
        yaw = 0.0
    first[0] = Rotation.from_rotvec([0.0, yaw, 0.0]) * first[0]
    blend = min(BLEND_S, motion.times[-1] / 2)
    weight = 0.5 * (_fade((motion.times[-1] - motion.times) / blend) - _fade(motion.times / blend))
    rotations = np.empty_like(motion.rotations)
    for body, (begin, end) in enumerate(zip(first, last, strict=True)):
        gap = (end.inv() * begin).as_rotvec()
        ends = Rotation.from_quat(motion.rotations[:, body], scalar_first=True)
        rotations[:, body] = (ends * Rotation.from_rotvec(weight[:, None] * gap)).as_quat(
            scalar_first=True
        )
    root = motion.root.copy()
    root[:, 1] += weight * (motion.root[0, 1] - motion.root[-1, 1])
    return DeepMimicMotion(motion.times, root, rotations, loop=True), float(yaw)


def _fade(progress: Array) -> Array:
    """Fade smoothly from 1 at 0 to 0 from 1 on."""
    s = np.clip(1.0 - progress, 0.0, 1.0)
    return s * s * (3.0 - 2.0 * s)


def to_joints(
    motion: DeepMimicMotion, humanoid: Humanoid, fps: float = 20.0
) -> NDArray[np.float32]:
    """Compute joints (F, 22, 3) in metres at `fps`: y up, +z where DeepMimic faces +x, floor y = 0.

    Rotations and root are interpolated by splines, not the joints, so that bones keep their length.

    Raises:
        InvalidMotionError: the motion is shorter than one frame interval.
    """
    times = np.arange(0.0, motion.times[-1] + 1e-9, 1.0 / fps)
    if len(times) < 2:
        raise InvalidMotionError(
            "Motion is too short to resample.", found=f"{motion.times[-1]:.3f} s at {fps} fps"
        )
    root = CubicSpline(motion.times, motion.root)(times)
    turned = np.empty((len(times), len(_BODIES), 4))
    placed = np.empty((len(times), len(_BODIES), 3))
    for body, (_, parent, _) in enumerate(_BODIES):
        spline = RotationSpline(
            motion.times, Rotation.from_quat(motion.rotations[:, body], scalar_first=True)
        )
        local = spline(times).as_quat(scalar_first=True)
        if parent < 0:
            turned[:, body], placed[:, body] = local, root
        else:
            turned[:, body] = qmul(turned[:, parent], local)
            placed[:, body] = placed[:, parent] + qrot(turned[:, parent], humanoid.offsets[body])
    where = humanoid.attached
    joints = placed[:, where] + qrot(turned[:, where], humanoid.points)
    x, y, z = np.moveaxis(joints, -1, 0)
    return np.stack([-z, y, x], axis=-1).astype(np.float32)
