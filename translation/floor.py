"""Find the floor of a motion capture take from where its feet rest, and level it.

Capture volumes are not always level: in CMU subjects 7 and 8 the floor rises 2 cm a metre, so that
a walk ends 7 cm above where it began. A take has no other witness of the floor than resting feet.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from body_models.arrays import Array
from body_models.skeleton import check_joints
from translation.rotations import qbetween, qrot

TOES = (10, 11)
REST_M_S = 0.25
"""A toe slower than this rests; so do the slowest REST_SHARE of the frames of each foot."""
REST_SHARE = 0.1
CELL_M = 0.25
"""Resting points this close count as one witness, however long the foot stayed."""
SLOPE_PRIOR = 0.02
HEIGHT_NOISE_M = 0.015
"""Expected slope of a floor, and scatter of toes over it: a take on the spot stays as it is."""
OUTLIER_M = 0.02
ABOVE = 0.3
"""Weight of a place above the fit: toes can rest high (tiptoe, a raised leg), not in the floor."""


def level_floor(joints: ArrayLike, fps: float) -> NDArray[np.float32]:
    """Turn and shift joints (F, 22, 3), metres, y up, so that resting toes lie at y = 0.

    The slope is a ridge fit over resting places with Huber weights, so that it counts only as far
    as the take walks. The turn is rigid.

    Raises:
        InvalidMotionError: wrong shape, fewer than 2 frames, or values that are not finite.
    """
    positions = check_joints(joints, minimum_frames=2)
    places = _resting_places(positions, fps)
    slope = _slope(places)
    normal = np.array([-slope[0], 1.0, -slope[1]])
    turn = qbetween(normal / np.linalg.norm(normal), np.array([0.0, 1.0, 0.0]))
    levelled = qrot(turn, positions)
    height = np.quantile(qrot(turn, places)[:, 1], ABOVE, method="lower")
    return (levelled - [0.0, height, 0.0]).astype(np.float32)


def _resting_places(joints: Array, fps: float) -> Array:
    """Return the median toe position (N, 3) of each cell of the floor where a toe rested."""
    toes = joints[:, TOES]
    speed = np.linalg.norm(np.diff(toes, axis=0), axis=-1) * fps
    limit = np.maximum(REST_M_S, np.quantile(speed, REST_SHARE, axis=0))
    resting = (toes[1:] + toes[:-1])[speed <= limit] / 2
    cells = np.floor(resting[:, [0, 2]] / CELL_M)
    _, cell = np.unique(cells, axis=0, return_inverse=True)
    medians = [np.median(resting[cell == c], axis=0) for c in range(cell.max() + 1)]
    return np.array(medians, dtype=np.float64)


def _slope(places: Array) -> Array:
    """Fit the rise along x and z: iteratively reweighted least squares, prior around level."""
    flat = places[:, [0, 2]] - places[:, [0, 2]].mean(axis=0)
    weight = np.ones(len(places))
    slope: Array = np.zeros(2)
    design = np.column_stack([np.ones(len(places)), flat])
    ridge = np.diag([0.0, 1.0, 1.0]) * (HEIGHT_NOISE_M / SLOPE_PRIOR) ** 2
    for _ in range(10):
        weighted = design * weight[:, None]
        fit = np.linalg.solve(design.T @ weighted + ridge, weighted.T @ places[:, 1])
        off = places[:, 1] - design @ fit
        weight = np.minimum(1.0, OUTLIER_M / np.maximum(np.abs(off), 1e-9))
        weight *= np.where(off > 0, ABOVE, 1.0)
        slope = np.asarray(fit[1:], dtype=np.float64)
    return slope
