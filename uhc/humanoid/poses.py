"""Vectorised algebra on whole clips of MuJoCo poses: kinematics, differences, integration.

Same conventions as MuJoCo's `mj_kinematics`, `mj_differentiatePos` and `mj_integratePos` (which the
tests compare with), but over all frames at once. Quaternions are wxyz, everything is z up.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from body_models.arrays import Array
from translation.compiled import carried, chain
from translation.rotations import qinv, qmul
from uhc.humanoid.body import Humanoid


def rotvec_to_quat(rotvec: NDArray[np.floating]) -> Array:
    """Convert rotation vectors (..., 3), radians, to unit quaternions (..., 4) wxyz."""
    rotvec = np.asarray(rotvec, dtype=np.float64)
    angle = np.linalg.norm(rotvec, axis=-1, keepdims=True)
    # np.sinc(x) is sin(pi x) / (pi x), so this is sin(angle / 2) / angle without a division by 0.
    return np.concatenate(
        [np.cos(0.5 * angle), 0.5 * np.sinc(angle / (2.0 * np.pi)) * rotvec], axis=-1
    )


def quat_to_rotvec(quat: NDArray[np.floating]) -> Array:
    """Convert unit quaternions (..., 4) wxyz to the shortest rotation vectors (..., 3), radians."""
    quat = np.asarray(quat, dtype=np.float64)
    quat = np.where(quat[..., :1] < 0.0, -quat, quat)
    sine = np.linalg.norm(quat[..., 1:], axis=-1, keepdims=True)
    angle = 2.0 * np.arctan2(sine, quat[..., :1])
    scale = np.where(sine > 1e-12, angle / np.maximum(sine, 1e-12), 2.0)
    return np.asarray(scale * quat[..., 1:], dtype=np.float64)


def forward_kinematics(humanoid: Humanoid, qpos: NDArray[np.floating]) -> tuple[Array, Array]:
    """Compute positions (F, 17, 3), metres, and quaternions (F, 17, 4) wxyz of all bodies."""
    qpos = np.asarray(qpos, dtype=np.float64)
    local = qpos[:, 3:].reshape(len(qpos), -1, 4)
    return chain(qpos[:, :3], local, humanoid.body_parents, humanoid.body_offsets)


def points_on_bodies(
    humanoid: Humanoid, qpos: NDArray[np.floating], bodies: NDArray[np.int64], offsets: Array
) -> Array:
    """Compute (F, P, 3), metres, of points at `offsets` (P, 3) in the frames of `bodies` (P,)."""
    return carried(*forward_kinematics(humanoid, qpos), bodies, offsets)


def qpos_difference(
    start: NDArray[np.floating], end: NDArray[np.floating], dt: float = 1.0
) -> Array:
    """Return the velocity (F, nv) from poses `start` to poses `end` (F, nq) within `dt` seconds.

    As `mj_differentiatePos`: root position in the world, rotations in the frame of `start`.
    """
    start = np.asarray(start, dtype=np.float64)
    end = np.asarray(end, dtype=np.float64)
    first = start[..., 3:].reshape(*start.shape[:-1], -1, 4)
    second = end[..., 3:].reshape(*end.shape[:-1], -1, 4)
    turn = quat_to_rotvec(qmul(qinv(first), second))
    linear = end[..., :3] - start[..., :3]
    return np.concatenate([linear, turn.reshape(*start.shape[:-1], -1)], axis=-1) / dt


def qpos_integrate(
    qpos: NDArray[np.floating], qvel: NDArray[np.floating], dt: float = 1.0
) -> Array:
    """Return poses (..., nq) after moving with velocities (..., nv) for `dt` seconds."""
    qpos = np.asarray(qpos, dtype=np.float64)
    step = np.asarray(qvel, dtype=np.float64) * dt
    quats = qpos[..., 3:].reshape(*qpos.shape[:-1], -1, 4)
    turned = qmul(quats, rotvec_to_quat(step[..., 3:].reshape(*step.shape[:-1], -1, 3)))
    turned /= np.linalg.norm(turned, axis=-1, keepdims=True)
    return np.concatenate(
        [qpos[..., :3] + step[..., :3], turned.reshape(*qpos.shape[:-1], -1)], axis=-1
    )


def same_hemisphere(qpos: NDArray[np.floating]) -> Array:
    """Return poses (F, nq) with quaternion signs chosen so that neighbours in time agree."""
    qpos = np.array(qpos, dtype=np.float64)
    quats = qpos[:, 3:].reshape(len(qpos), -1, 4)
    dots = np.sum(quats[1:] * quats[:-1], axis=-1)
    signs = np.cumprod(np.where(dots < 0.0, -1.0, 1.0), axis=0)
    quats[1:] *= signs[..., None]
    return qpos


def filter_in_time(values: Array, sigma_frames: float) -> Array:
    """Filter rows (F, N) by a narrow Gaussian of `sigma_frames` (below a frame or so) in time.

    Beyond its ends the motion is taken to go on as a parabola, so that the acceleration of a free
    flight stays what it is, up to the first and last frame.
    """
    reach, known = int(4.0 * sigma_frames + 0.5), min(len(values), 5)
    if reach == 0 or known < 3:
        return values.copy()
    before = np.vander(np.arange(-reach, 0), 3) @ np.polyfit(np.arange(known), values[:known], 2)
    last = np.polyfit(np.arange(known), values[-known:], 2)
    after = np.vander(np.arange(known, known + reach), 3) @ last
    padded = np.concatenate([before, values, after])
    return gaussian_filter1d(padded, sigma_frames, axis=0)[reach : reach + len(values)]


def steady_qpos(qpos: NDArray[np.floating], sigma_frames: float) -> Array:
    """Return poses (F, nq) without what shakes at the frame rate; see `filter_in_time`."""
    steady = filter_in_time(same_hemisphere(qpos), sigma_frames)
    quats = steady[:, 3:].reshape(len(steady), -1, 4)
    quats /= np.linalg.norm(quats, axis=-1, keepdims=True)
    return steady


def smooth_qpos(qpos: NDArray[np.floating], sigma_frames: float) -> Array:
    """Return poses (F, nq) filtered in time by a Gaussian of `sigma_frames` frames."""
    smooth = gaussian_filter1d(same_hemisphere(qpos), sigma_frames, axis=0, mode="nearest")
    quats = smooth[:, 3:].reshape(len(smooth), -1, 4)
    quats /= np.linalg.norm(quats, axis=-1, keepdims=True)
    return smooth
