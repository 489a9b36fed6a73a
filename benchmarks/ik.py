"""Inverse kinematics by scipy, a yardstick for ours.

It solves each frame by itself with scipy.optimize.least_squares over the same 54
numbers (rotation vectors), started from the same closed-form guess, with the same pull to the rest
pose.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from body_models.skeleton import DEFAULT_SKELETON, JOINT_COUNT, PARENTS, Skeleton
from translation.ik import forward_kinematics
from translation.ik_guess import guess_rotations

MOVING = sorted(set(PARENTS) - {-1})


def random_clip() -> np.ndarray:
    """Make a smooth motion (200, 22, 3), metres, y up."""
    turns = gaussian_filter1d(
        np.random.default_rng(0).normal(size=(240, JOINT_COUNT, 3)), 6, axis=0
    )
    turns = 0.4 * turns[20:-20] / turns.std()
    quats = Rotation.from_rotvec(turns.reshape(-1, 3)).as_quat(scalar_first=True)
    return forward_kinematics(
        np.zeros((200, 3)), quats.reshape(200, JOINT_COUNT, 4), DEFAULT_SKELETON
    )


def scipy_frame(target: np.ndarray, skeleton: Skeleton, rest: float) -> np.ndarray:
    """Return the joints (22, 3) nearest to `target` that the skeleton can reach."""
    guess = guess_rotations(target[None], skeleton)[0]
    start = Rotation.from_quat(guess[MOVING], scalar_first=True).as_rotvec()
    local = np.tile([1.0, 0.0, 0.0, 0.0], (JOINT_COUNT, 1))

    def reach(numbers: np.ndarray) -> np.ndarray:
        turns = Rotation.from_rotvec(numbers[3:].reshape(-1, 3))
        local[MOVING] = turns.as_quat(scalar_first=True)
        return forward_kinematics(numbers[:3], local, skeleton)

    def residual(numbers: np.ndarray) -> np.ndarray:
        return np.concatenate([(reach(numbers) - target).ravel(), rest * numbers[6:]])

    return reach(least_squares(residual, np.concatenate([target[0], start.ravel()])).x)
