"""All numbers that compare a set of motions with real ones, by the names of eval_dict.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from eval.metrics.diversity import (
    log_determinant_ratio,
    mean_pairwise_distance,
    mean_pairwise_interval,
    median_distance,
    vendi_interval,
    vendi_score,
)
from eval.metrics.floors import floor_by_halves
from eval.metrics.frechet import fid, fid_interval
from eval.metrics.kid import kid, kid_interval
from eval.metrics.motion_spaces import MotionDistances, motion_spaces
from eval.metrics.neighbours import verdicts
from eval.metrics.samples import Features
from eval.metrics.statistics import Blocks, Interval, Rows, bootstrap_interval
from translation.humanml import vectors_to_joints
from translation.layout import mirror_partner
from uhc.measure.plausibility import bone_length_error_mm, plausibility

if TYPE_CHECKING:  # which loads torch
    from domains.motion.evaluator.protocol import Evaluator

HEADLINE = ("FID", "KID", "FID kinetic", "FID geometric")
"""Distances that a collapsed model has to be worse in; 0 or a floor for real motions."""
SHARES = ("Precision", "Recall", "Density", "Coverage")
SPREADS = ("Diversity", "Vendi")
PHYSICAL = {"Penetrate": "penetrate_mm", "Float": "float_mm", "Skate": "skate_mm"}
"""Columns of `uhc.measure.plausibility` (CLoSD variant) behind the names; Phys-Err is their sum."""
PHYS_ERR = "Phys-Err"
JITTER, BONES = "Jitter", "Bone length error"
"""Mean third difference of the joints, mm per frame cubed; `bone_length_error_mm`."""
RESAMPLES = 100


@dataclass(frozen=True)
class MotionTable:
    """A set of N motions as numbers.

    Attributes:
        features: (N, D) points of an evaluator.
        spaces: kinetic and geometric features (`eval.metrics.motion_spaces`).
        physics: (N,) of each name in PHYSICAL, PHYS_ERR, JITTER and BONES, mm.
        labels: (N,) motions with the same label are not independent: a clip and its mirror image,
            or what was drawn for them.
    """

    features: Features
    spaces: Mapping[str, Features]
    physics: Mapping[str, Features]
    labels: np.ndarray

    @classmethod
    def of(
        cls, motions: Sequence[np.ndarray], ids: Sequence[str], evaluator: Evaluator
    ) -> MotionTable:
        """Measure motions (F_i, 263), not normalised, with the ids of their clips.

        Raises InvalidMotionError where one is shorter than four frames or not finite.
        """
        joints = [vectors_to_joints(motion) for motion in motions]
        rows = [plausibility(positions) for positions in joints]
        physics = {
            name: np.array([row[column] for row in rows]) for name, column in PHYSICAL.items()
        }
        physics[PHYS_ERR] = np.sum(list(physics.values()), axis=0)
        physics[JITTER] = np.array([row["jitter"] for row in rows])
        physics[BONES] = np.array([bone_length_error_mm(positions) for positions in joints])
        labels = np.array([min(clip, mirror_partner(clip) or clip) for clip in ids])
        return cls(evaluator.embed_motions(list(motions)), motion_spaces(joints), physics, labels)

    def take(self, rows: Rows) -> MotionTable:
        """Return the chosen motions."""
        return MotionTable(
            self.features[rows],
            {name: table[rows] for name, table in self.spaces.items()},
            {name: values[rows] for name, values in self.physics.items()},
            self.labels[rows],
        )

    @property
    def blocks(self) -> Blocks:
        """Return what a bootstrap draws together."""
        return Blocks(self.labels)


class MotionReference:
    """Real motions that others are compared with.

    Args:
        real: at least six motions.
    """

    def __init__(self, real: MotionTable) -> None:
        self.real = real
        self._spaces = MotionDistances(real.spaces, real.blocks)
        self._bandwidth = median_distance(real.features)

    def values(self, table: MotionTable) -> dict[str, float]:
        """Compute HEADLINE, SHARES, SPREADS, and the physical numbers, of at least six motions.

        Where there are more motions than dimensions, also `Log determinant`, of their covariance
        over that of the real ones.
        """
        features, real = table.features, self.real.features
        seen = verdicts(real, features)
        found = {"FID": fid(features, real), "KID": kid(features, real)}
        found |= {f"FID {name}": v for name, v in self._spaces.distances(table.spaces).items()}
        found |= {name: float(getattr(seen, name.lower()).mean()) for name in SHARES}
        found["Diversity"] = mean_pairwise_distance(features)
        found["Vendi"] = vendi_score(features, self._bandwidth)
        if min(len(features), len(real)) > features.shape[1]:
            found["Log determinant"] = log_determinant_ratio(features, real)
        return found | {name: float(values.mean()) for name, values in table.physics.items()}

    def intervals(
        self, table: MotionTable, rng: np.random.Generator, resamples: int = RESAMPLES
    ) -> dict[str, Interval]:
        """Compute 95 % intervals of `values` (but the log determinant) by block bootstrap."""
        features, real = table.features, self.real.features
        ours, theirs = table.blocks, self.real.blocks
        both = (ours, theirs)
        seen = verdicts(real, features)
        spaces = self._spaces.intervals(table.spaces, ours, rng, resamples)
        found = {
            "FID": fid_interval(features, real, rng, blocks=both, resamples=resamples),
            "KID": kid_interval(features, real, rng, blocks=both, resamples=resamples),
            **{f"FID {name}": interval for name, interval in spaces.items()},
            "Diversity": mean_pairwise_interval(features, rng, blocks=ours, resamples=resamples),
            "Vendi": vendi_interval(
                features, self._bandwidth, rng, blocks=ours, resamples=resamples
            ),
        }
        for name in SHARES:
            values = getattr(seen, name.lower())
            blocks = ours if name in _BY_SAMPLE else theirs
            found[name] = _mean_interval(values, blocks, rng, resamples)
        for name, values in table.physics.items():
            found[name] = _mean_interval(values, ours, rng, resamples)
        return found

    def floors(self, splits: int = 20) -> dict[str, Interval]:
        """Compute HEADLINE between halves of the real motions: what it reads where all is well."""
        tables = {"FID": self.real.features, "KID": self.real.features}
        tables |= {f"FID {name}": table for name, table in self._spaces.real.items()}
        return {
            name: floor_by_halves(
                table,
                np.random.default_rng(0),
                blocks=self.real.blocks,
                distance=kid if name == "KID" else fid,
                splits=splits,
            )
            for name, table in tables.items()
        }


_BY_SAMPLE = ("Precision", "Density")
"""Means over the motions that are compared; the others are means over the real ones."""


def _mean_interval(
    values: Features, blocks: Blocks, rng: np.random.Generator, resamples: int
) -> Interval:
    return bootstrap_interval(
        lambda rows: float(values[rows].mean()), [blocks], rng, resamples=resamples, lowest=0.0
    )
