"""The 22-joint skeleton of SMPL and HumanML3D, as data.

Frame: y up, facing +z, so the body's left is +x. Units: metres.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from loop.errors import InvalidMotionError

JOINT_COUNT = 22

JOINT_NAMES: tuple[str, ...] = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2",
    "left_ankle", "right_ankle", "spine3", "left_foot", "right_foot", "neck",
    "left_collar", "right_collar", "head", "left_shoulder", "right_shoulder",
    "left_elbow", "right_elbow", "left_wrist", "right_wrist",
)  # fmt: skip

PARENTS: tuple[int, ...] = (
    -1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19,
)  # fmt: skip

KINEMATIC_CHAINS: tuple[tuple[int, ...], ...] = (
    (0, 2, 5, 8, 11),
    (0, 1, 4, 7, 10),
    (0, 3, 6, 9, 12, 15),
    (9, 14, 17, 19, 21),
    (9, 13, 16, 18, 20),
)

MIRROR: tuple[int, ...] = (
    0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15, 17, 16, 19, 18, 21, 20,
)  # fmt: skip

# Joints that carry several bones: their children are one rigid fan, whose shape must fit the data.
BRANCHES: tuple[tuple[int, tuple[int, ...]], ...] = ((0, (1, 2, 3)), (9, (12, 13, 14)))

# Bone from parent to joint: unit-free T-pose direction, then length in metres. Lengths are those of
# HumanML3D's uniform skeleton (every clip of the data set is retargeted to the body of its clip
# 000021), measured as medians over clip 012314, where they vary by less than 2 micrometres. The
# fans at pelvis and spine3 have the angles measured there (hips 69 degrees apart, hip to spine 142;
# collars 62 apart, collar to neck 31), made symmetric. The foot slopes as in flat stance (ankle
# joint 5.4 cm and toe joint 0.9 cm above the floor). The other directions are our own T-pose.
_BONES: dict[str, tuple[tuple[float, float, float], float]] = {
    "left_hip": ((0.566, -0.825, 0.0), 0.1031),
    "right_hip": ((-0.566, -0.825, 0.0), 0.1099),
    "spine1": ((0.0, 0.972, -0.235), 0.1316),
    "left_knee": ((0.0, -1.0, 0.0), 0.3936),
    "right_knee": ((0.0, -1.0, 0.0), 0.3902),
    "spine2": ((0.0, 0.98, 0.2), 0.1432),
    "left_ankle": ((0.0, -1.0, 0.0), 0.4324),
    "right_ankle": ((0.0, -1.0, 0.0), 0.4256),
    "spine3": ((0.0, 1.0, 0.0), 0.0574),
    "left_foot": ((0.0, -0.31, 0.951), 0.1434),
    "right_foot": ((0.0, -0.31, 0.951), 0.1494),
    "neck": ((0.0, 1.0, 0.0), 0.2194),
    "left_collar": ((0.511, 0.853, -0.105), 0.1375),
    "right_collar": ((-0.511, 0.853, -0.105), 0.1434),
    "head": ((0.0, 0.87, 0.493), 0.1030),
    "left_shoulder": ((0.94, 0.341, 0.0), 0.1316),
    "right_shoulder": ((-0.94, 0.341, 0.0), 0.1230),
    "left_elbow": ((1.0, 0.0, 0.0), 0.2568),
    "right_elbow": ((-1.0, 0.0, 0.0), 0.2631),
    "left_wrist": ((1.0, 0.0, 0.0), 0.2660),
    "right_wrist": ((-1.0, 0.0, 0.0), 0.2699),
}


def real_numbers(values: ArrayLike) -> NDArray[Any]:
    """Return ``values`` as an array of real numbers, of its own type where it has one.

    Raises:
        InvalidMotionError: text, dates, complex numbers, objects, or rows of unequal lengths.
    """
    try:
        array = np.asarray(values)
        if array.dtype.kind in "mMcSUV":
            raise TypeError(f"array of {array.dtype}")
        return array if array.dtype.kind in "buif" else array.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidMotionError(
            "motion is not made of real numbers", found=error, expected="an array in metres"
        ) from error


def check_joints(joints: ArrayLike, minimum_frames: int = 1) -> NDArray[np.float64]:
    """Return ``joints`` (..., F, 22, 3) as float64 after checking shape, length and finiteness.

    Raises:
        InvalidMotionError: no numbers, wrong shape, fewer than ``minimum_frames`` frames, or
            NaN/infinity (the message names the first bad frame).
    """
    array = real_numbers(joints).astype(np.float64, copy=False)
    if array.ndim < 3 or array.shape[-2:] != (JOINT_COUNT, 3):
        raise InvalidMotionError(
            "joints have the wrong shape", found=array.shape, expected="(frames, 22, 3)"
        )
    check_frames(array, array.shape[-3], minimum_frames, frame_axis=-3)
    return array


def check_frames(
    array: NDArray[np.float64],
    frames: int,
    minimum_frames: int,
    frame_axis: int,
    path: Path | None = None,
) -> None:
    """Raise InvalidMotionError unless ``array`` has enough frames and only finite values."""
    if frames < minimum_frames:
        raise InvalidMotionError(
            "motion is too short",
            path=path,
            found=f"{frames} frames, shape {array.shape}",
            expected=f"at least {minimum_frames} frames",
        )
    if not np.isfinite(array).all():
        bad = np.argwhere(~np.isfinite(array))[:, frame_axis % array.ndim]
        raise InvalidMotionError(
            f"motion has values that are not finite, first in frame {bad.min()}",
            path=path,
            found=f"shape {array.shape}, {len(np.unique(bad))} bad frames",
            expected="finite numbers",
        )


@dataclass(frozen=True, eq=False)
class Skeleton:
    """A tree of 22 joints in its rest pose.

    Attributes:
        offsets: (22, 3) float64 metres, parent to joint in the T-pose, y up, facing +z; row 0 zero.
        parents: of each joint; the root's is -1, parents come before their children.
    """

    offsets: NDArray[np.float64]
    parents: tuple[int, ...] = PARENTS

    def __post_init__(self) -> None:
        """Freeze the offsets, so that a skeleton can be shared between threads."""
        offsets = np.array(self.offsets, dtype=np.float64)
        if offsets.shape != (JOINT_COUNT, 3) or not np.isfinite(offsets).all():
            raise InvalidMotionError(
                "skeleton offsets are not usable",
                found=offsets.shape,
                expected="(22, 3) finite metres",
            )
        offsets.setflags(write=False)
        object.__setattr__(self, "offsets", offsets)

    @cached_property
    def lengths(self) -> NDArray[np.float64]:
        """(22,) bone length in metres from the parent to each joint; 0 for the root."""
        return np.linalg.norm(self.offsets, axis=-1)

    @cached_property
    def rest_joints(self) -> NDArray[np.float64]:
        """(22, 3) joint positions of the T-pose in metres, pelvis at the origin."""
        joints = self.offsets.copy()
        for joint in range(1, JOINT_COUNT):
            joints[joint] += joints[self.parents[joint]]
        return joints

    @staticmethod
    def from_joints(joints: ArrayLike) -> Skeleton:
        """Build the skeleton of a motion (F, 22, 3): median bone lengths, default T-pose.

        The fans of bones at pelvis and spine3 also take the motion's own angles, since a single
        rotation has to place all their bones.

        Raises:
            InvalidMotionError: bad joints, or a bone of no length.
        """
        positions = check_joints(joints).reshape(-1, JOINT_COUNT, 3)
        bones = positions[:, 1:] - positions[:, PARENTS[1:]]
        lengths = np.concatenate([[0.0], np.median(np.linalg.norm(bones, axis=-1), axis=0)])
        if (lengths[1:] < 1e-6).any():
            joint = int(np.argmax(lengths[1:] < 1e-6)) + 1
            raise InvalidMotionError(
                f"bone to {JOINT_NAMES[joint]} has no length",
                found=f"{lengths[joint]:.1e} m, shape {positions.shape}",
                expected="a human body in metres",
            )
        directions = DEFAULT_SKELETON.offsets[1:] / DEFAULT_SKELETON.lengths[1:, None]
        offsets = np.concatenate([np.zeros((1, 3)), directions * lengths[1:, None]])
        for joint, children in BRANCHES:
            fan = positions[:, children] - positions[:, joint, None]
            offsets[list(children)] = _mean_fan(fan, offsets[list(children)])
        return replace(DEFAULT_SKELETON, offsets=offsets)


def kabsch(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Find rotations (..., 3, 3) that best turn vectors ``source`` (..., N, 3) into ``target``.

    Least squares by singular values (Kabsch 1976), reflections excluded.
    """
    u, _, vt = np.linalg.svd(np.swapaxes(target, -1, -2) @ source)
    sign = np.linalg.det(u @ vt)
    u[..., :, 2] *= sign[..., None]
    return u @ vt


def _mean_fan(fan: NDArray[np.float64], start: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average bone fans (F, N, 3) to one (N, 3), oriented like ``start``, of its bone lengths."""
    lengths = np.linalg.norm(start, axis=-1, keepdims=True)
    mean = start
    for _ in range(2):  # the second pass aligns to the motion's own shape instead of the default's
        turned = np.swapaxes(kabsch(fan, mean) @ np.swapaxes(fan, -1, -2), -1, -2)
        mean = turned.mean(axis=0)
        mean *= lengths / np.linalg.norm(mean, axis=-1, keepdims=True)
    return mean @ kabsch(mean, start).T


def _default_offsets() -> NDArray[np.float64]:
    offsets = np.zeros((JOINT_COUNT, 3))
    for joint, name in enumerate(JOINT_NAMES[1:], start=1):
        direction, length = _BONES[name]
        offsets[joint] = np.array(direction) * (length / np.linalg.norm(direction))
    return offsets


DEFAULT_SKELETON = Skeleton(offsets=_default_offsets())
