"""Motions at another frame rate, by cubic splines.

Samples lie at 0, 1 / fps_out, 2 / fps_out, ... up to the last input frame, never beyond it. There
is no low-pass filter: halving the rate of a motion that shakes faster than the new rate aliases.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline

from body_models.arrays import Array
from body_models.skeleton import check_joints
from loop.errors import InvalidMotionError, InvalidOptionError


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
