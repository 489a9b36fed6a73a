"""A collapsed model is worse than generation 0 in every headline distance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dataset.humanml3d import load_split
from domains.motion.distances import HEADLINE, PHYS_ERR, MotionReference, MotionTable
from domains.motion.evaluator.train import train_or_load_evaluator
from domains.motion.evaluator.training import PRESETS
from eval.metrics.doses import dropped_modes, frame_noise, smoothing
from translation.humanml import (
    face_forward,
    joints_to_vectors,
    start_at_origin,
    vectors_to_joints,
)


class Case:
    """Real motions of the demo set, an evaluator trained on its pool, and what a model may give."""

    def __init__(self, demo: Path, out: Path) -> None:
        self.train, test = (load_split(demo, split).items for split in ("train", "test"))
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(PRESETS, "demo", replace(PRESETS["demo"], steps=150))  # to save time
            self.evaluator = train_or_load_evaluator(demo, out, "demo", 42)
        self.real = self.table([item.vectors for item in test])
        self.reference = MotionReference(self.real)
        self.joints = [vectors_to_joints(item.vectors).astype(float) for item in self.train]

    def table(self, motions: Sequence[np.ndarray]) -> MotionTable:
        return MotionTable.of(motions, [str(i) for i in range(len(motions))], self.evaluator)

    def values(self, joints: Sequence[np.ndarray]) -> dict[str, float]:
        placed = (face_forward(start_at_origin(one)) for one in joints)
        vectors = [joints_to_vectors(one, placed=True) for one in placed]
        return self.reference.values(self.table(vectors))


@pytest.fixture(scope="module")
def case(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Case:
    return Case(demo, tmp_path_factory.mktemp("evaluator"))


@pytest.fixture(scope="module")
def generation_0(case: Case) -> dict[str, float]:
    """New motions of the same actions, a little shaky: what a good model draws."""
    rng = np.random.default_rng(0)
    return case.values([frame_noise(one, 0.0005, rng) for one in case.joints])


def half_the_modes(case: Case) -> list[np.ndarray]:
    shown = [item.captions[0].text for item in case.train]
    return [case.joints[row] for row in dropped_modes(shown, 0.5)]


COLLAPSES: dict[str, Callable[[Case], list[np.ndarray]]] = {
    "one motion": lambda case: [case.joints[0]] * len(case.joints),
    "half its modes": half_the_modes,
    "smoothed": lambda case: [smoothing(one, 6, np.random.default_rng(0)) for one in case.joints],
}


@pytest.mark.parametrize("name", COLLAPSES)
def test_a_collapsed_model_is_worse_in_every_headline_distance(
    name: str, case: Case, generation_0: dict[str, float]
) -> None:
    collapsed = case.values(COLLAPSES[name](case))
    for distance in HEADLINE:
        assert collapsed[distance] > generation_0[distance], distance


def test_lost_diversity_shows(case: Case, generation_0: dict[str, float]) -> None:
    one = case.values(COLLAPSES["one motion"](case))
    assert one["Vendi"] == pytest.approx(1, abs=1e-3) and generation_0["Vendi"] > 4
    assert one["Diversity"] < 1e-3 and one["Recall"] < generation_0["Recall"]
    half = case.values(half_the_modes(case))
    assert half["Vendi"] < generation_0["Vendi"] and half["Coverage"] < generation_0["Coverage"]


def test_intervals_stand_around_the_values(case: Case) -> None:
    table = case.table([item.vectors for item in case.train])
    values = case.reference.values(table)
    intervals = case.reference.intervals(table, np.random.default_rng(0), resamples=20)
    assert set(intervals) == set(values) - {"Log determinant"}
    for name, found in intervals.items():
        assert found.value == pytest.approx(values[name]), name
        assert found.low <= found.value <= found.high and found.low < found.high, name
    floors = case.reference.floors(splits=5)
    assert set(floors) == set(HEADLINE)


def test_physical_error_is_the_sum(case: Case) -> None:
    parts = [case.real.physics[name] for name in ("Penetrate", "Float", "Skate")]
    np.testing.assert_allclose(case.real.physics[PHYS_ERR], sum(parts))
