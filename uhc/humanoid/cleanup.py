"""Kinematic clean-up of a motion before physics: smoothing in time and a floor that stays put.

Both are deliberately mild and know no forces: they take away what no person does (shaking at the
frame rate, a floor at the wrong height), so that `uhc.refine.solve` starts near a person's motion.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, percentile_filter

from body_models.arrays import Array
from uhc.humanoid.body import Humanoid
from uhc.humanoid.kinematics import checked_qpos
from uhc.humanoid.model import qpos_to_corners, qpos_to_joints_zup, qpos_to_spheres
from uhc.humanoid.poses import qpos_difference, smooth_qpos
from uhc.humanoid.segments import SOLE_BELOW_TOE_M

SIGMA_CLEAN_S = 0.0
SIGMA_NOISY_S = 0.08
"""Widths of the Gaussian in time (none, and 1.6 frames of 20 a second): of what does not shake
nothing is taken away, or the real distribution would lose what is fast in it."""
SHAKE_CLEAN_RAD = 0.006
SHAKE_NOISY_RAD = 0.04
"""Shaking of the trunk (`trunk_shake`) up to which, and from which on, these widths apply."""
TRUNK = (3, 6, 9, 12, 13, 14)
FLOOR_WINDOW_S = 2.0
FLOOR_PERCENTILE = 40.0
FLOOR_SIGMA_S = 0.5
BODY_ABOVE_FLOOR_M = 0.05
"""Joints other than the feet's lie about this far inside the body."""


def clean(
    humanoid: Humanoid,
    qpos: NDArray[np.floating],
    fps: float = 20.0,
    *,
    sigma_frames: float | None = None,
) -> Array:
    """Smooth poses (F, nq), z up, and put their lowest points on the floor, over two seconds.

    Args:
        sigma_frames: width of the Gaussian in frames; None chooses it by `trunk_shake`.

    Raises:
        InvalidMotionError: a shape that does not fit, or values that are not finite.
    """
    qpos = checked_qpos(humanoid, qpos, fps)
    if sigma_frames is None:
        sigma_frames = smoothing_width(trunk_shake(humanoid, qpos)) * fps
    out = smooth_qpos(qpos, sigma_frames) if sigma_frames > 0 else qpos.copy()
    out[:, 2] -= floor_offset(humanoid, out, fps)
    return out


def smoothing_width(shake: float) -> float:
    """Return the Gaussian's width in seconds for a trunk shake in radians: a clamped line."""
    return float(
        np.interp(shake, [SHAKE_CLEAN_RAD, SHAKE_NOISY_RAD], [SIGMA_CLEAN_S, SIGMA_NOISY_S])
    )


def trunk_shake(humanoid: Humanoid, qpos: NDArray[np.floating]) -> float:
    """Measure how much spine, neck and collars shake from frame to frame, in radians.

    Third differences of white noise have 20 times its variance; this is the standard deviation of
    the noise in the joints' rotations that would explain them. A trunk moves smoothly even in a
    kick (below 0.005 rad at 20 Hz in all real clips we measured), while noise on joint positions
    turns its short bones most (0.05 rad for 30 mm): it tells the two apart where speeds do not.
    """
    if len(qpos) < 4:
        return 0.0
    turn = qpos_difference(qpos[:-1], qpos[1:])[:, 3:].reshape(len(qpos) - 1, -1, 3)
    trunk = turn[:, np.isin(humanoid.body_joints, TRUNK)]
    return float(np.median(np.abs(np.diff(trunk, 2, axis=0))) / 0.6745 / np.sqrt(20.0))


def floor_offset(humanoid: Humanoid, qpos: NDArray[np.floating], fps: float = 20.0) -> Array:
    """Return (F,) metres by which the floor of the motion lies above z = 0, slowly varying.

    Most of any two seconds a person's lowest point is on the floor. A percentile of the lowest
    points within that window is neither moved by a jump nor by single feet that sink in.
    """
    lowest = lowest_point(humanoid, qpos)
    size = 2 * int(0.5 * FLOOR_WINDOW_S * fps) + 1
    level = percentile_filter(lowest, FLOOR_PERCENTILE, size=size, mode="reflect")
    return gaussian_filter1d(level, FLOOR_SIGMA_S * fps, mode="nearest")


def lowest_point(humanoid: Humanoid, qpos: NDArray[np.floating]) -> Array:
    """Return the lowest height (F,) in metres of heels, balls of the feet and the rest of the body.

    The rest is where the humanoid's spheres are or, if it has none, 5 cm under each joint.
    Not the tips of the soles: the foot is one rigid box here, whose tip dips as the heel rises.
    """
    if humanoid.contacts == "body":
        rest = qpos_to_spheres(humanoid, qpos)[..., 2]
    else:
        joints = qpos_to_joints_zup(humanoid, qpos)[..., 2]
        rest = np.delete(joints, [7, 8, 10, 11], axis=1) - BODY_ABOVE_FLOOR_M
    return np.concatenate([_feet(humanoid, qpos), rest], 1).min(1)


def on_feet(humanoid: Humanoid, qpos: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Tell whether the lowest point is a foot's, (F,); it always is if only feet may bear load."""
    if humanoid.contacts == "feet":
        return np.ones(len(qpos), bool)
    return _feet(humanoid, qpos).min(1) <= lowest_point(humanoid, qpos)


def _feet(humanoid: Humanoid, qpos: NDArray[np.floating]) -> Array:
    """Return heights (F, 4) of heels and balls of the feet, metres."""
    heels = qpos_to_corners(humanoid, qpos)[:, [2, 3, 6, 7], 2]
    balls = qpos_to_joints_zup(humanoid, qpos)[:, [10, 11], 2] - SOLE_BELOW_TOE_M
    return np.concatenate([heels, balls], 1)
