"""Motions at another frame rate: cubic splines for positions, slerp for rotations.

Samples lie at 0, 1 / fps_out, 2 / fps_out, ... up to the last input frame, never beyond it. There
is no low-pass filter: halving the rate of a motion that shakes faster than the new rate aliases.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation

from body_models.skeleton import check_frames, check_joints
from loop.errors import InvalidMotionError, InvalidOptionError

Array = NDArray[np.float64]


def resample_joints(joints: ArrayLike, fps_in: float, fps_out: float) -> NDArray[np.float32]:
    """Resample joints (F, 22, 3) at ``fps_in`` to (F', 22, 3) at ``fps_out``, in the same unit.

    F' = floor((F - 1) fps_out / fps_in) + 1. Frames that fall on input frames equal them.

    Raises:
        InvalidMotionError: bad joints. InvalidOptionError: rates that are not positive.
    """
    positions = check_joints(joints)
    if positions.ndim != 3:
        raise InvalidMotionError(
            "joints have the wrong shape", found=positions.shape, expected="(frames, 22, 3)"
        )
    at = sample_frames(len(positions), fps_in, fps_out)
    if len(positions) == 1 or fps_in == fps_out:
        return positions.astype(np.float32)
    return CubicSpline(np.arange(len(positions)), positions)(at).astype(np.float32)


def resample_rotations(quat_wxyz: ArrayLike, fps_in: float, fps_out: float) -> Array:
    """Resample unit quaternions (F, ..., 4) at ``fps_in`` to (F', ..., 4) at ``fps_out``.

    Spherical linear interpolation, the shorter way; signs follow the input's.

    Raises:
        InvalidMotionError: wrong shape, no frame, values that are not finite or not of unit length.
        InvalidOptionError: rates that are not positive.
    """
    quats = np.asarray(quat_wxyz, dtype=np.float64)
    if quats.ndim < 2 or quats.shape[-1] != 4:
        raise InvalidMotionError(
            "quaternions have the wrong shape", found=quats.shape, expected="(frames, ..., 4)"
        )
    check_frames(quats, len(quats), 1, frame_axis=0)
    length = np.linalg.norm(quats, axis=-1)
    if np.abs(length - 1.0).max(initial=0.0) > 1e-3:
        frame = int(np.argwhere(np.abs(length - 1.0) > 1e-3)[0, 0])
        raise InvalidMotionError(
            f"quaternions are not of unit length, first in frame {frame}",
            found=f"shape {quats.shape}, length {np.ravel(length[frame])[0]:.3g}",
        )
    at = sample_frames(len(quats), fps_in, fps_out)
    before = np.minimum(at.astype(int), max(len(quats) - 2, 0))
    after = np.minimum(before + 1, len(quats) - 1)
    share = np.repeat(at - before, length[0].size)[:, None]
    start = Rotation.from_quat(quats[before].reshape(-1, 4), scalar_first=True)
    end = Rotation.from_quat(quats[after].reshape(-1, 4), scalar_first=True)
    turned = start * Rotation.from_rotvec(share * (start.inv() * end).as_rotvec())
    result = turned.as_quat(scalar_first=True).reshape(len(at), *quats.shape[1:])
    nearest = quats[np.round(at).astype(int)]
    return result * np.where(np.sum(result * nearest, axis=-1, keepdims=True) < 0, -1.0, 1.0)


def sample_frames(frames: int, fps_in: float, fps_out: float) -> Array:
    """Return where output frames lie, counted in input frames: 0, fps_in / fps_out, ...

    Raises:
        InvalidOptionError: rates that are not positive and finite.
    """
    if not (0 < fps_in < np.inf and 0 < fps_out < np.inf):
        raise InvalidOptionError(
            "frame rates out of range", found=(fps_in, fps_out), expected="positive numbers"
        )
    # the margin keeps the last frame where rounding puts it a hair beyond the end
    count = int(np.floor((frames - 1) * fps_out / fps_in + 1e-6)) + 1
    return np.minimum(np.arange(count) * (fps_in / fps_out), frames - 1.0)
