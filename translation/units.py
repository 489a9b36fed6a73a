"""Are these joints a human in metres, y up? Recognise other units, axes, sides and joint orders.

An array of the right shape says nothing about its convention, and a body of 39 m walks through
every later step. Bone lengths tell the unit and the order of the joints; head, feet and floor tell
which way is up; toes tell whether left and right are those of a right-handed frame.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from body_models.skeleton import DEFAULT_SKELETON, JOINT_NAMES, MIRROR, PARENTS, check_joints
from loop.errors import InvalidMotionError
from translation.rotations import yaw_rotate

Array = NDArray[np.float64]
Unit = Literal["m", "dm", "cm", "mm", "in", "ft"]
Axis = Literal["y", "z", "x", "y_down", "z_down", "x_down"]

METRES: dict[Unit, float] = {
    "m": 1.0, "dm": 0.1, "cm": 0.01, "mm": 0.001, "in": 0.0254, "ft": 0.3048
}  # fmt: skip
TO_Y_UP: dict[Axis, Array] = {
    "y": np.diag([1.0, 1.0, 1.0]),
    "z": np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
    "x": np.array([[0, -1.0, 0], [1, 0, 0], [0, 0, 1]]),
    "y_down": np.diag([1.0, -1.0, -1.0]),
    "z_down": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]),
    "x_down": np.array([[0, 1.0, 0], [-1, 0, 0], [0, 0, 1]]),
}
"""Rotations (3, 3) into a frame with y up; determinant 1, so that left stays left."""
SMALLEST, LARGEST = 0.55, 1.5
"""Sizes of a human as shares of HumanML3D's body of 1.7 m: from children to giants."""
MOST_MISFIT = 0.4
"""Mean logarithm of bone lengths over those of HumanML3D's body: 0.12 for CMU's, 0.5 and more for
joints in another order."""
MOST_STRETCH_M = 0.1
"""A bone of a body does not change its length; generators stretch theirs by millimetres."""
STANDING_M, SITTING_M = 1.0, 0.6
"""Head over ankles of a body of 1.7 m, at least."""
_LEVEL_M, _STEADY_M = 0.15, 0.08
MOST_CLIMB_M = 1.0
"""Nobody who is never upright, but lies or crawls, gets so much higher; who walks along an axis
that is taken for the vertical one does."""
HEAD, WRISTS, ANKLES, TOES = 15, [20, 21], [7, 8], [10, 11]
STEPS, CONTACTS = slice(193, 259), slice(259, 263)
LEAST_JUMP_M, MOST_JUMP_M, MOST_STEP_M = 0.01, 0.1, 0.5
"""What a damaged number of a file makes: a bone longer, by twenty times what is usual in this file
within the first two; a pelvis further on, from frame to frame. Nobody covers half a metre in a
twentieth of a second."""
MOST_ASYMMETRY = np.log(1.25)
"""Of a bone and the one on the other side; 4 % in HumanML3D's body."""
MOST_UNUSUAL = 0.65
"""Logarithm of a bone's length over HumanML3D's, for a body as large: 0.31 for CMU's, 0.69 where a
bone is twice as long."""
SMALLEST_IN_FEET = 0.75
"""A smaller body "in feet" is rather one in metres that is too large, or normalised."""
_OTHER_SIDE = [joint - 1 for joint in MIRROR[1:]]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Convention:
    """How joints in a file are stored; vectors (F, 263) have one convention only."""

    units: Unit = "m"
    """of joints in files: metres, decimetres, centimetres, millimetres, inches or feet"""
    up: Axis = "y"
    """axis of joints in files that points up, or down"""
    left_handed: bool = False
    """joints in files are in a left-handed frame, as Unity's: x is mirrored"""
    fps: float = 20.0
    """frames a second of joints in files"""

    def convert(self, joints: ArrayLike) -> NDArray[np.float32]:
        """Convert joints (F, 22, 3) to metres, y up, right-handed; the rate stays.

        Raises:
            InvalidMotionError: wrong shape, no frame, or values that are not finite.
        """
        turned = check_joints(joints) @ TO_Y_UP[self.up].T * METRES[self.units]
        return (turned * np.array([-1.0 if self.left_handed else 1.0, 1, 1])).astype(np.float32)


def check_body(joints: NDArray[np.floating], path: Path | str | None = None) -> None:
    """Refuse joints (F, 22, 3) that are no human in metres, y up; warn where that is unclear.

    Somebody who lies, hangs upside down or crawls passes.

    Raises:
        InvalidMotionError: another unit, axis, handedness or joint order; the remedy names the
            options that convert.
    """
    lengths = _bone_lengths(joints)
    scale, misfit = _fit(lengths)
    stretch = float(np.median(lengths.std(axis=0)))
    if misfit > MOST_MISFIT or stretch > MOST_STRETCH_M * scale:
        raise InvalidMotionError(
            "These joints are no human body.",
            path=path,
            found=f"bones {np.exp(misfit):.1f} times too long or short in the mean, which change "
            f"by {stretch / scale:.2f} m",
            expected="22 joints in SMPL's order: pelvis, left hip, right hip, spine, ...",
            remedy="reorder the joints as body_models/skeleton.py lists them",
        )
    unit = min(METRES, key=lambda name: abs(np.log(scale * METRES[name])))
    if SMALLEST < scale < LARGEST:
        unit = "m"
    elif not (SMALLEST_IN_FEET if unit == "ft" else SMALLEST) < scale * METRES[unit] < LARGEST:
        raise InvalidMotionError(
            "No unit makes these joints a human body.",
            path=path,
            found=f"a body {scale:.3g} times as large as a person of 1.7 m",
            expected="metres, or " + ", ".join(METRES) + " with --units",
            remedy="scale the joints to metres",
        )
    body = np.asarray(joints, np.float64) / scale
    hips, shoulders = body[:, 1] - body[:, 2], body[:, 16] - body[:, 17]
    if np.median(np.einsum("fc,fc->f", hips, shoulders)) < 0:
        raise InvalidMotionError(
            "Left and right are exchanged in one half of the body.",
            path=path,
            found="hips that point the other way than the shoulders",
            expected="22 joints in SMPL's order, left before right",
            remedy="reorder the joints as body_models/skeleton.py lists them",
        )
    up, sure = _up(body)
    sided = _left_handed(body @ TO_Y_UP[up].T)
    options = [f"--units {unit}"] * (unit != "m") + [f"--up {up}"] * (up != "y" and sure)
    options += ["--left_handed"] * sided
    found = f"a body {scale:.3g} times as large as a person of 1.7 m, {up.replace('_', ' ')}" + (
        "" if up.endswith("down") else " up"
    )
    if options:
        raise InvalidMotionError(
            "These joints have another unit or other axes than ours.",
            path=path,
            found=found + ", left and right exchanged" * sided,
            expected="metres, y up, a right-handed frame",
            remedy="add " + " ".join(options),
        )
    _warn_of_jumps(np.asarray(joints), lengths, path)
    if not sure:
        logger.warning("%s: somebody lies or stands upside down; or add --up %s", path, up)


def is_normalised(vectors: NDArray[np.floating]) -> bool:
    """Tell whether vectors (F, 263) are still normalised: true contacts are 0, 1 or near."""
    return float(np.percentile(vectors[:, CONTACTS], 5)) < -0.5


def check_vectors(vectors: NDArray[np.floating], path: Path | str | None = None) -> None:
    """Refuse vectors (F, 263) that are still normalised.

    Raises:
        InvalidMotionError: one in twenty contacts is below -0.5.
    """
    if is_normalised(vectors):
        raise InvalidMotionError(
            "These vectors are still normalised.",
            path=path,
            found=f"foot contacts down to {vectors[:, CONTACTS].min():.2f}",
            expected="contacts between 0 and 1",
            remedy="multiply by Std.npy and add Mean.npy of the data set before saving",
        )


def check_decoded(
    vectors: NDArray[np.floating],
    joints: NDArray[np.floating],
    path: Path | str | None = None,
) -> None:
    """Refuse vectors (F, 263) whose joints (F, 22, 3) are far from a body; warn of deformed ones.

    Raises:
        InvalidMotionError: the body is less than 0.4 or more than 2.2 times a human's.
    """
    lengths = _bone_lengths(joints)
    scale, misfit = _fit(lengths)
    if not 0.4 < scale < 2.2:
        raise InvalidMotionError(
            "These vectors make no human body.",
            path=path,
            found=f"a body {scale:.3g} times as large as a person of 1.7 m",
            expected="HumanML3D vectors in metres, not normalised",
            remedy="multiply by Std.npy and add Mean.npy of the data set before saving",
        )
    if misfit > MOST_MISFIT:
        logger.warning("%s: the proportions are no human's", path)
    _warn_of_jumps(joints, lengths, path)
    # The steps of the joints are stored twice: in their positions and root, and in [193:259].
    half_yaw = np.concatenate([[0.0], np.cumsum(vectors[:-1, 0], dtype=np.float64)])
    moved = np.diff(np.asarray(joints, dtype=np.float64), axis=0)
    steps = yaw_rotate(half_yaw[:-1, None], moved)
    off = np.abs(steps - vectors[:-1, STEPS].reshape(-1, 22, 3)).max(axis=(1, 2))
    if len(off) and off.max() > _usual_m(off):
        said = "%s: positions and velocities differ by %.2f m in frame %d"
        logger.warning(said, path, off.max(), int(off.argmax()))


def _warn_of_jumps(joints: NDArray[np.floating], lengths: Array, path: Path | str | None) -> None:
    """Warn where a bone changes its length, or the pelvis jumps, in a frame."""
    typical = np.median(lengths, axis=0)
    known = np.maximum(typical, 1e-6)
    shares = known / DEFAULT_SKELETON.lengths[1:] / _fit(lengths)[0]
    for ratio, most in ((known / known[_OTHER_SIDE], MOST_ASYMMETRY), (shares, MOST_UNUSUAL)):
        if (worst := np.abs(np.log(ratio))).max() > most:
            name = JOINT_NAMES[1 + int(worst.argmax())].replace("_", " ")
            logger.warning("%s: a bone of no human length leads to the %s", path, name)
            break
    stretch = np.abs(lengths - typical).max(axis=1)
    if stretch.max() > _usual_m(stretch):
        frame = int(stretch.argmax())
        logger.warning("%s: a bone changes by %.2f m in frame %d", path, stretch[frame], frame)
    steps = np.linalg.norm(np.diff(joints[:, 0], axis=0), axis=-1)
    if len(steps) and steps.max() > max(MOST_STEP_M, 20 * np.median(steps)):
        frame = int(steps.argmax())
        logger.warning("%s: the pelvis jumps by %.2f m in frame %d", path, steps[frame], frame)


def _usual_m(off: Array) -> float:
    """Return what a distance (F,) may be before a frame is an outlier among the others."""
    return float(np.clip(20 * np.median(off), LEAST_JUMP_M, MOST_JUMP_M))


def _bone_lengths(joints: NDArray[np.floating]) -> Array:
    bones = np.asarray(joints[:, 1:] - joints[:, list(PARENTS[1:])], np.float64)
    return np.linalg.norm(bones, axis=-1)


def _fit(lengths: Array) -> tuple[float, float]:
    """Return the size of the body over HumanML3D's, and how far its proportions are from those."""
    typical = np.median(lengths, axis=0)
    scale = max(float(typical.sum() / DEFAULT_SKELETON.lengths.sum()), 1e-12)
    ratio = np.maximum(typical / scale, 1e-6) / DEFAULT_SKELETON.lengths[1:]
    return scale, float(np.abs(np.log(ratio)).mean())


def upward(joints: Array) -> Axis:
    """Find the axis that points up in joints (F, 22, 3) in metres of a body of any size."""
    return _up(joints / _fit(_bone_lengths(joints))[0])[0]


def _up(body: Array) -> tuple[Axis, bool]:
    """Find the axis that points up in a body (F, 22, 3) of 1.7 m, and whether that is certain."""
    standing = body[:, HEAD] - body[:, ANKLES].mean(axis=1)
    lost = _range_m(body[..., 1]) > MOST_CLIMB_M
    for least_m in (STANDING_M, SITTING_M):
        share: dict[Axis, float] = {
            axis: float(np.mean(standing @ turn[1] > least_m)) for axis, turn in TO_Y_UP.items()
        }
        if share["y"] >= 0.2:
            return "y", True
        best = max(share, key=lambda axis: share[axis])
        if share[best] >= 0.5:
            break
    else:
        return (best, False) if lost else ("y", True)
    if best == "y_down":  # a handstand has its hands below its head
        hands = np.median(body[:, WRISTS, 1].min(axis=1) - body[:, HEAD, 1])
        return best, bool(hands > 0)
    toes = np.abs((body[:, TOES] - body[:, ANKLES]) @ TO_Y_UP[best][1])
    flat = np.median(toes) < 0.55 * np.linalg.norm(DEFAULT_SKELETON.offsets[10])
    floor = _floor(body @ TO_Y_UP[best][1]) - _floor(body[..., 1])
    evidence = floor + (1 if flat else -1)
    if floor < 0 and evidence < 0:  # toes alone, without a floor, settle nothing
        return (best, False) if lost else ("y", True)
    return best, evidence > 0 and least_m == STANDING_M


def _floor(heights: Array) -> int:
    """Weigh whether heights (F, 22) are over a floor: it lies at 0 (2), and stays where it is."""
    low = np.percentile(heights.min(axis=1), 5)
    return 2 * bool(-0.03 < low < _LEVEL_M) + bool(_range_m(heights) < _STEADY_M)


def _range_m(heights: Array) -> float:
    """Return how much the lowest of heights (F, 22) rises and falls."""
    low, high = np.percentile(heights.min(axis=1), [5, 90])
    return float(high - low)


def _left_handed(body: Array) -> bool:
    """Tell whether the toes of a body (F, 22, 3) with y up point to its back."""
    right = body[:, 2] - body[:, 1] + body[:, 17] - body[:, 16]
    forward = np.stack([right[:, 2], -right[:, 0]], axis=-1)
    forward /= np.maximum(np.linalg.norm(forward, axis=-1, keepdims=True), 1e-9)
    upright = body[:, HEAD, 1] - body[:, ANKLES, 1].mean(axis=1) > STANDING_M
    if upright.mean() < 0.2:
        return False
    toes = (body[:, TOES] - body[:, ANKLES])[upright][..., [0, 2]]
    ahead = np.einsum("fkc,fc->fk", toes, forward[upright])
    return bool(np.median(ahead) < -0.3 * np.linalg.norm(DEFAULT_SKELETON.offsets[10]))
