"""Features of a motion that need no training: kinetic and geometric, as AI Choreographer uses them.

Li et al., "AI Choreographer" (ICCV 2021), compute Fréchet distances on them; the definitions are
those of fairmotion (kinetic: Onuma et al. 2008; geometric: Müller et al. 2005). Two differences:
22 joints instead of 24 (no hands) make 66 kinetic numbers instead of 72, and speeds are counted at
the rate of the motion, where fairmotion's geometric ones assume 120 frames a second.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from body_models.arrays import Array
from body_models.skeleton import check_joints

FPS = 20.0
HALF_WINDOW = 2
"""Velocities and accelerations are means over so many frames on either side."""
HUMERUS_M, SHOULDERS_M, HIPS_M = 0.2568, 0.3909, 0.1192
"""Upper arm, width of the shoulders and of the hips of the SMPL body: units of the thresholds."""
KINETIC, GEOMETRIC = 66, 32

# One name a joint, so that a table row reads like the sentence it stands for.
ROOT, BELLY, CHEST, NECK = 0, 3, 9, 12
L_HIP, L_KNEE, L_ANKLE, L_TOES = 1, 4, 7, 10
R_HIP, R_KNEE, R_ANKLE, R_TOES = 2, 5, 8, 11
L_SHOULDER, L_ELBOW, L_WRIST = 16, 18, 20
R_SHOULDER, R_ELBOW, R_WRIST = 17, 19, 21


def kinetic_features(joints: NDArray[np.floating], fps: float = FPS) -> Array:
    """Measure mean squared speed, horizontal and vertical, and mean acceleration of every joint.

    Args:
        joints: (F, 22, 3) metres, y up, F >= 4.
        fps: frames a second.

    Returns:
        (66,): (m/s)², (m/s)², m/s² of joint 0, then of joint 1, ...

    Raises:
        InvalidMotionError: bad joints.
    """
    positions = check_joints(joints, minimum_frames=4)
    centres = len(positions) - 1
    velocity = _moving_mean(np.diff(positions, axis=0), centres) * fps
    acceleration = _moving_mean(np.diff(positions, n=2, axis=0), centres) * fps**2
    squared = (velocity**2).mean(axis=0)
    horizontal, vertical = squared[:, 0] + squared[:, 2], squared[:, 1]
    effort = np.linalg.norm(acceleration, axis=2).mean(axis=0)
    return np.stack([horizontal, vertical, effort], axis=1).ravel()


def _moving_mean(values: Array, centres: int) -> Array:
    """Average `values` (K, ...) over each centre and its neighbours, as far as there are any."""
    total = np.concatenate([np.zeros_like(values[:1]), np.cumsum(values, axis=0)])
    index = np.arange(centres)
    first = np.maximum(index - HALF_WINDOW, 0)
    last = np.minimum(index + HALF_WINDOW + 1, len(values))
    return (total[last] - total[first]) / (last - first)[:, None, None]


def geometric_features(joints: NDArray[np.floating], fps: float = FPS) -> Array:
    """Count in what share of the frames each of 32 relations between body parts holds.

    Args:
        joints: (F, 22, 3) metres, y up, F >= 2.
        fps: frames a second.

    Returns:
        (32,), each from 0 to 1.

    Raises:
        InvalidMotionError: bad joints.
    """
    body = _Body(check_joints(joints, minimum_frames=2), fps)
    return np.stack(body.relations(), axis=1).mean(axis=0)


class _Body:
    """The relations of fairmotion's manual features, over all frames but the first."""

    def __init__(self, joints: Array, fps: float) -> None:
        self._now, self._steps = joints[1:], np.diff(joints, axis=0) * fps
        self._floor = joints[1:, :, 1].min(axis=1)

    def relations(self) -> list[NDArray[np.bool_]]:
        """Return 32 arrays (F - 1,), in fairmotion's order."""
        arm, shoulders, hips = HUMERUS_M, SHOULDERS_M, HIPS_M
        return [
            self._moves_off_plane(NECK, R_HIP, L_HIP, R_WRIST, 1.8 * arm),
            self._moves_off_plane(NECK, L_HIP, R_HIP, L_WRIST, 1.8 * arm),
            self._beyond(CHEST, NECK, NECK, R_WRIST, 0.2 * arm),
            self._beyond(CHEST, NECK, NECK, L_WRIST, 0.2 * arm),
            self._moves_along(BELLY, CHEST, CHEST, 1.8 * arm),
            self._moves_along(BELLY, CHEST, CHEST, 1.8 * arm),
            self._angle(R_ELBOW, R_SHOULDER, R_ELBOW, R_WRIST, 0, 110),
            self._angle(L_ELBOW, L_SHOULDER, L_ELBOW, L_WRIST, 0, 110),
            self._beyond(L_SHOULDER, R_SHOULDER, L_WRIST, R_WRIST, 2.5 * shoulders),
            self._moves_along(L_WRIST, R_WRIST, R_WRIST, 1.4 * arm),
            self._moves_along(R_WRIST, ROOT, L_WRIST, 1.4 * arm),
            self._moves_along(L_WRIST, ROOT, R_WRIST, 1.4 * arm),
            self._fast(R_WRIST, 2.5 * arm),
            self._fast(L_WRIST, 2.5 * arm),
            self._off_plane(ROOT, L_HIP, L_TOES, R_ANKLE, 0.38 * arm),
            self._off_plane(ROOT, R_HIP, R_TOES, L_ANKLE, 0.38 * arm),
            self._above_floor(R_ANKLE) > 1.2 * arm,
            self._above_floor(L_ANKLE) > 1.2 * arm,
            self._beyond(L_HIP, R_HIP, L_ANKLE, R_ANKLE, 2.1 * hips),
            self._angle(R_KNEE, R_HIP, R_KNEE, R_ANKLE, 0, 110),
            self._angle(L_KNEE, L_HIP, L_KNEE, L_ANKLE, 0, 110),
            self._fast(R_ANKLE, 2.5 * arm),
            self._fast(L_ANKLE, 2.5 * arm),
            self._angle(NECK, ROOT, R_SHOULDER, R_ELBOW, 25, 180),
            self._angle(NECK, ROOT, L_SHOULDER, L_ELBOW, 25, 180),
            self._angle(NECK, ROOT, R_HIP, R_KNEE, 50, 180),
            self._angle(NECK, ROOT, L_HIP, L_KNEE, 50, 180),
            self._off_plane(R_ANKLE, NECK, L_ANKLE, ROOT, 0.5 * arm),
            self._upright_between(70, 110),
            self._above_floor(R_WRIST) < 1.2 * arm,
            self._above_floor(L_WRIST) < 1.2 * arm,
            self._fast(ROOT, 2.3 * arm),
        ]

    def _between(self, start: int, end: int) -> Array:
        return self._now[:, end] - self._now[:, start]

    def _above_floor(self, joint: int) -> Array:
        """Return the height above the lowest joint of the frame, (F - 1,)."""
        return self._now[:, joint, 1] - self._floor

    def _angle(self, a: int, b: int, c: int, d: int, low: float, high: float) -> NDArray[np.bool_]:
        return _inside(self._between(a, b), self._between(c, d), low, high)

    def _upright_between(self, low: float, high: float) -> NDArray[np.bool_]:
        up = np.broadcast_to([0.0, 1.0, 0.0], self._now[:, 0].shape)
        return _inside(self._between(NECK, ROOT), up, low, high)

    def _fast(self, joint: int, limit: float) -> NDArray[np.bool_]:
        return np.linalg.norm(self._steps[:, joint], axis=1) > limit

    def _beyond(self, a: int, b: int, start: int, joint: int, limit: float) -> NDArray[np.bool_]:
        """Tell whether `joint` is further than `limit` from `start` in the direction a to b."""
        return _along(self._between(start, joint), self._between(a, b)) > limit

    def _off_plane(self, a: int, b: int, c: int, joint: int, limit: float) -> NDArray[np.bool_]:
        """Tell whether `joint` is further than `limit` in front of the plane through a, b, c."""
        normal = np.cross(self._between(a, c), self._between(a, b))
        return _along(self._between(a, joint), normal) > limit

    def _moves_along(self, a: int, b: int, joint: int, limit: float) -> NDArray[np.bool_]:
        """Tell whether `joint` moves faster than `limit` (m/s), seen from a, in direction a to b.

        fairmotion names a fourth joint in each call and never looks at it: rows 4 and 5 are equal.
        """
        return _along(self._steps[:, joint] - self._steps[:, a], self._between(a, b)) > limit

    def _moves_off_plane(
        self, a: int, b: int, c: int, joint: int, limit: float
    ) -> NDArray[np.bool_]:
        """Tell whether `joint` moves away from the plane through a, b and c, seen from a."""
        normal = np.cross(self._between(a, c), self._between(a, b))
        return _along(self._steps[:, joint] - self._steps[:, a], normal) > limit


def _along(vectors: Array, direction: Array) -> Array:
    """Project vectors (N, 3) on directions (N, 3); 0 where a direction has no length."""
    length = np.linalg.norm(direction, axis=1)
    return (vectors * direction).sum(axis=1) / np.where(length > 0, length, np.inf)


def _inside(a: Array, b: Array, low: float, high: float) -> NDArray[np.bool_]:
    """Tell whether the angle between vectors (N, 3) lies between `low` and `high` degrees."""
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosine = (a * b).sum(axis=1) / np.where(lengths > 0, lengths, np.inf)
    angle = np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))
    return (low < angle) & (angle < high)
