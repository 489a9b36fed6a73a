"""What the pictures point out about feet and floor. Cues for the eye, not metrics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TOES = (10, 11)
CONTACT_HEIGHT_M = 0.05
SLIDE_M_PER_S = 0.5
"""A toe this low that moves this fast slides: the thresholds of the foot-skating ratio (GMD)."""
BELOW_M = 0.005
"""Tolerance below the floor, as in the penetration metrics."""
FLOATING_M = 0.06
"""The lowest joint of somebody who stands or walks stays below this."""


@dataclass(frozen=True)
class Cues:
    """Per frame of a clip of F frames at the border between feet and floor."""

    planted: NDArray[np.bool_]
    """(F, 2) left and right toe on the floor and at rest."""
    sliding: NDArray[np.bool_]
    """(F, 2) left and right toe on the floor and moving."""
    lowest: NDArray[np.intp]
    """(F,) the lowest joint."""
    height: NDArray[np.float64]
    """(F,) its height above the floor in metres."""

    @property
    def below(self) -> NDArray[np.bool_]:
        """Return where (F,) something is below the floor."""
        return self.height < -BELOW_M

    @property
    def floating(self) -> NDArray[np.bool_]:
        """Return where (F,) nothing is near the floor."""
        return self.height > FLOATING_M


def find_cues(joints: NDArray[np.float64], fps: float) -> Cues:
    """Find the cues of joints (F, 22, 3) in metres, y up."""
    toes = joints[:, TOES]
    steps = np.linalg.norm(np.diff(toes[..., [0, 2]], axis=0), axis=-1) * fps
    # The slower of the steps into and out of a frame: landing and lifting are not sliding.
    none = np.full((1, len(TOES)), np.inf)
    speed = np.minimum(np.concatenate([none, steps]), np.concatenate([steps, none]))
    speed[np.isinf(speed)] = 0.0  # a single frame does not move
    low = np.abs(toes[..., 1]) < CONTACT_HEIGHT_M
    lowest = joints[..., 1].argmin(axis=1)
    return Cues(
        planted=low & (speed <= SLIDE_M_PER_S),
        sliding=low & (speed > SLIDE_M_PER_S),
        lowest=lowest,
        height=joints[np.arange(len(joints)), lowest, 1],
    )
