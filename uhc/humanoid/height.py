"""The height at which a corrected motion is delivered: its input's, wherever that stands.

The humanoid's soles are boxes, and a floor found under them is some millimetres from the floor that
the motion's own joints stand on. Root height tells the two apart: it changes by no correction of a
motion that stands, whatever noise does to its feet.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from uhc.humanoid.body import Humanoid
from uhc.humanoid.cleanup import on_feet
from uhc.humanoid.model import qpos_to_joints
from uhc.humanoid.segments import SOLE_BELOW_TOE_M

LOWEST_M, HIGHEST_M = -0.005, 0.01
"""Usual heights of the lowest joint of a motion that stands on its floor: from the tolerance of the
metrics to where HumanML3D's toe joints rest."""
ASTRAY_M = 0.03
"""A motion this far off stands on no floor at all, and is put on it; nearer ones are only moved to
the nearest of these heights."""
PERCENTILE = 40.0
MIN_SHARE = 0.1
"""Share of frames in which the lowest point must be a foot's for feet to tell the height."""


def standing_joints(
    humanoid: Humanoid, qpos: NDArray[np.floating], given: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Return joints (F, 22, 3), metres, y up, of poses (F, nq) at their input's mean root height.

    Where the lowest joint then usually is outside -5 to 10 mm, the input sank or floated, and the
    joints are moved there (an input that stands may keep feet that sink by 10 mm); an input that
    is off by centimetres is put at 0. A motion that is hardly ever on its feet says nothing of how
    high resting feet are: its soles' floor (z = 0) then lies as far under the floor of its joints
    as soles lie under toe joints.

    Args:
        given: (F' >= F, 22, 3) metres, y up, what `qpos` was made of.
    """
    joints = qpos_to_joints(humanoid, qpos)
    standing = on_feet(humanoid, qpos)
    if standing.mean() < MIN_SHARE:
        joints[..., 1] -= SOLE_BELOW_TOE_M
        return joints
    given = np.asarray(given[: len(joints)], dtype=np.float64)
    joints[..., 1] += given[:, 0, 1].mean() - joints[:, 0, 1].mean(dtype=np.float64)
    level = _level(joints, standing)
    joints[..., 1] += standing_level(level, _level(given, standing)) - level
    return joints


def standing_level(level: float, given: float) -> float:
    """Return how high (m) to put a lowest joint that is at `level`, of an input at `given`."""
    near = LOWEST_M - ASTRAY_M < level < HIGHEST_M + ASTRAY_M
    low = 2 * LOWEST_M if LOWEST_M <= given <= HIGHEST_M else LOWEST_M
    return float(np.clip(level, low, HIGHEST_M)) if near else 0.0


def _level(joints: NDArray[np.floating], standing: NDArray[np.bool_]) -> float:
    return float(np.percentile(joints[..., 1].min(axis=1)[standing], PERCENTILE))
