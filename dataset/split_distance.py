"""How far the real training motions are from the test motions: whether a collapse can show."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dataset.humanml3d import MotionItem
from eval.metrics.floors import floor_by_halves
from eval.metrics.motion_spaces import SPACES, MotionDistances, motion_spaces
from eval.metrics.samples import Features
from eval.metrics.statistics import Blocks, Interval
from translation.humanml import vectors_to_joints

TOO_FAR = 2.0
"""Times the floor: from there on a split says more about the data than about a model."""
LARGEST = 500
"""Motions of either part that are looked at; a seeded sample of larger ones."""
WARNING = "this test split cannot tell collapse from difference of data"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SplitDistance:
    """Fréchet distances in the kinetic and the geometric space (`eval.metrics.motion_spaces`).

    Attributes:
        train_to_test: of the real training motions to the test motions, by space.
        floor: between two halves of the test motions, mean and 95 % interval, by space.
    """

    train_to_test: Mapping[str, float]
    floor: Mapping[str, Interval]

    @property
    def too_far(self) -> bool:
        """Say whether real training motions are more than TOO_FAR floors away, in any space."""
        return any(self.train_to_test[name] > TOO_FAR * self.floor[name].value for name in SPACES)

    def __str__(self) -> str:
        parts = (
            f"{name} {self.train_to_test[name]:.2f} (halves of test {self.floor[name].value:.2f})"
            for name in SPACES
        )
        return f"real training motions to test motions: {', '.join(parts)}"


def split_distance(train: Sequence[MotionItem], test: Sequence[MotionItem]) -> SplitDistance:
    """Measure a split with features that need no training; some seconds.

    Raises:
        InvalidSamplesError: fewer than four test motions.
        InvalidMotionError: a motion shorter than four frames.
    """
    near, far = (_sample(items) for items in (test, train))
    distances = MotionDistances(features_of(near), mirror_blocks(near))
    floor = {
        name: floor_by_halves(table, np.random.default_rng(0), blocks=distances.blocks)
        for name, table in distances.real.items()
    }
    return SplitDistance(distances.distances(features_of(far)), floor)


def report_split(train: Sequence[MotionItem], test: Sequence[MotionItem]) -> SplitDistance:
    """Log `split_distance`; warn where the parts are too far apart.

    Every trainer calls this before generation 0.
    """
    found = split_distance(train, test)
    if found.too_far:
        logger.warning("%s: %s", found, WARNING)
    else:
        logger.info("%s", found)
    return found


def features_of(items: Sequence[MotionItem]) -> dict[str, Features]:
    """Describe items by kinetic and geometric features, see `motion_spaces`."""
    return motion_spaces([vectors_to_joints(item.vectors) for item in items])


def mirror_blocks(items: Sequence[MotionItem]) -> Blocks:
    """Put a clip, its segments and its mirror image into one block."""
    return Blocks(np.array([item.id.removeprefix("M") for item in items]))


def _sample(items: Sequence[MotionItem]) -> list[MotionItem]:
    if len(items) <= LARGEST:
        return list(items)
    chosen = np.random.default_rng(0).choice(len(items), LARGEST, replace=False)
    return [items[i] for i in sorted(chosen)]
