"""Interpolation of a motion at the frame rate to the reference of every physics step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from body_models.arrays import Array
from loop.errors import InvalidMotionError, InvalidOptionError
from uhc.humanoid.poses import filter_in_time, qpos_difference, same_hemisphere
from uhc.humanoid.segments import TIMESTEP_S

MIN_FRAMES = 4
"""Fewer poses than this cannot be interpolated by a cubic."""
ROOT_SIGMA_S = 0.02
"""Width of the Gaussian by which a root is steadied before it is followed."""


@dataclass(frozen=True)
class Reference:
    """Reference at every physics step: (T, nq), (T, nv), (T, nv); `stride` steps are a frame."""

    qpos: Array
    qvel: Array
    qacc: Array
    stride: int


def steady_root(qpos: NDArray[np.floating], fps: float) -> Array:
    """Smooth the root of poses (F, nq) in time; joints keep all that they had.

    A root's acceleration has to come from the floor: what shakes at the frame rate asks for forces
    that feet cannot give, and costs help.
    """
    steady = same_hemisphere(qpos)
    sigma = ROOT_SIGMA_S * fps
    steady[:, :7] = filter_in_time(steady[:, :7], sigma)
    steady[:, 3:7] /= np.linalg.norm(steady[:, 3:7], axis=1, keepdims=True)
    return steady


def build_reference(
    qpos: NDArray[np.floating], fps: float, playback_rate: float = 1.0
) -> Reference:
    """Interpolate poses (F, nq) at `fps` to the physics rate by cubic splines.

    `playback_rate` 1 simulates in real time; the published code plays 20 fps motion 1.5 times too
    fast. Raises InvalidOptionError unless a frame lasts a whole number of physics steps, and
    InvalidMotionError for fewer than 4 frames.
    """
    exact = 1.0 / (TIMESTEP_S * fps * playback_rate)
    stride = round(exact)
    if stride < 1 or abs(exact - stride) > 1e-6:
        raise InvalidOptionError(
            "A frame has to last a whole number of physics steps.",
            found=f"{fps} fps played at {playback_rate}: {exact:.3f} steps",
            remedy="use 20 fps with playback_rate 1.0 or 1.5",
        )
    if len(qpos) < MIN_FRAMES:
        raise InvalidMotionError(
            "A motion this short cannot be tracked.",
            found=f"{len(qpos)} frames",
            expected=f"at least {MIN_FRAMES} frames",
        )
    spline = CubicSpline(np.arange(len(qpos)) * stride, same_hemisphere(qpos), axis=0)
    # Two steps beyond either end, so that central differences exist everywhere.
    fine = spline(np.arange(-2, (len(qpos) - 1) * stride + 3))
    quats = fine[:, 3:].reshape(len(fine), -1, 4)
    quats /= np.linalg.norm(quats, axis=-1, keepdims=True)
    steps = qpos_difference(fine[:-1], fine[1:], TIMESTEP_S)
    qvel = 0.5 * (steps[1:] + steps[:-1])
    qacc = (qvel[2:] - qvel[:-2]) / (2.0 * TIMESTEP_S)
    return Reference(fine[2:-2].copy(), qvel[1:-1].copy(), qacc, stride)
