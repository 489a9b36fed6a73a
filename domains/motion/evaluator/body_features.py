"""Six numbers that say how a body moves and stands, next to what the evaluator learns of a motion.

A network that learns two hundred motions and their captions looks at what captions tell. A person
sees at once that feet slide or that a motion trembles, which hardly moves such an embedding. So the
embedding of a motion has six measured coordinates. They know nothing of any correction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from body_models.arrays import Array
from body_models.skeleton import PARENTS
from translation.humanml import vectors_to_joints

FEET = (7, 8, 10, 11)
LIMBS = (4, 5, 7, 8, 18, 19, 20, 21)
"""Far ends of thighs, shins, upper arms and forearms."""
STILL_M, SMALL_M = 0.005, 1e-3
"""A body whose fastest joint moves so little in a frame rests, by half; added before logarithms,
and the least width of a body."""
STANDING = 0.2
"""Share of the frames in which some foot stands, in any motion but a flight."""
BODY: dict[str, float] = {
    "roughness": 0.3,
    "standing foot": 0.5,
    "floor": 0.02,
    "rest": 0.05,
    "limbs": 0.06,
    "front": 0.05,
}
"""Names of `body_features`, and the least deviation that each is measured in: no less than a person
sees only just, so that no set of motions makes the measure stricter than that."""


def body_features(joints: Array) -> Array:
    """Measure joints (F, 22, 3), metres, y up, at least four frames: (6,), in the order of BODY.

    Roughness is the logarithm of jerk over acceleration, mean over the joints: it hardly varies
    between real motions, whatever they show. Then the logarithm of the speed (m a frame) of the
    slowest foot, in the frames where that is least; the median height of the lowest joint; the
    share of the frames at rest; the logarithm of the length of the limbs over that of the trunk;
    and how far toes, knees and head are in front (m), the side told by hips and shoulders.
    """
    speed, effort, jerk = (_length(np.diff(joints, n, axis=0)) for n in (1, 2, 3))
    bones = _length(joints[:, 1:] - joints[:, PARENTS[1:]]).mean(axis=0)
    limbs = bones[[joint - 1 for joint in LIMBS]].sum()
    return np.array(
        [
            (_log(jerk.mean(axis=0)) - _log(effort.mean(axis=0))).mean(),
            _log(np.quantile(speed[:, FEET].min(axis=1), STANDING)),
            np.median(joints[..., 1].min(axis=1)),
            np.exp2(-speed.max(axis=1) / STILL_M).mean(),
            _log(limbs) - _log(bones.sum() - limbs),
            _front(joints),
        ]
    )


def _front(joints: Array) -> float:
    across = joints[:, 1] - joints[:, 2] + joints[:, 16] - joints[:, 17]
    forward = np.cross(across, [0.0, 1.0, 0.0])
    forward /= np.maximum(_length(forward), SMALL_M)[:, None]
    legs = [
        joints[:, toe]
        - joints[:, ankle]
        + joints[:, knee]
        - (joints[:, hip] + joints[:, ankle]) / 2
        for hip, knee, ankle, toe in ((1, 4, 7, 10), (2, 5, 8, 11))
    ]
    ahead = sum(legs) / 2 + joints[:, 15] - joints[:, 12]
    return float((ahead * forward).sum(axis=1).mean())


def _length(vectors: Array) -> Array:
    return np.linalg.norm(vectors, axis=-1)


def _log(metres: Array) -> Array:
    return np.log(metres + SMALL_M)


@dataclass(frozen=True)
class BodySpace:
    """Body features in deviations of a pool, beyond one deviation squeezed like a logarithm.

    Attributes:
        mean, deviation: (6,) of the pool.
    """

    mean: Array
    deviation: Array

    @classmethod
    def of(cls, motions: Sequence[np.ndarray]) -> BodySpace:
        """Measure a pool of motions (F_i, 263), not normalised, F_i >= 4."""
        table = _table(motions)
        return cls(table.mean(axis=0), np.maximum(table.std(axis=0), list(BODY.values())))

    def embed(self, motions: Sequence[np.ndarray]) -> np.ndarray:
        """Place motions (F_i, 263), not normalised, F_i >= 4: (N, 6) float32."""
        return np.arcsinh((_table(motions) - self.mean) / self.deviation).astype(np.float32)


def _table(motions: Sequence[np.ndarray]) -> Array:
    joints = (vectors_to_joints(motion).astype(np.float64) for motion in motions)
    return np.array([body_features(one) for one in joints]).reshape(-1, len(BODY))
