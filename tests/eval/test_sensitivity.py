"""The table of what metrics see: on made-up walkers, with an evaluator that sees two things."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from dataset.captions import Caption
from dataset.humanml3d import MotionItem, MotionSet
from domains.motion.distances import HEADLINE
from eval.metrics.doses import CORRUPTIONS, dropped_modes
from eval.sensitivity import COLUMNS, DROPPED, Sensitivity, as_markdown, measure
from loop.errors import InvalidSamplesError
from tests.domains.motion.walkers import walker, walking_joints


class HeightAndSpeed:
    """Sees the mean height of the toes and the mean speed of the root, and nothing else."""

    fingerprint = "two numbers"

    def embed_motions(self, motions: Sequence[np.ndarray]) -> np.ndarray:
        rows = [(100 * m[:, [32, 35]].mean(), 100 * np.abs(m[:, 1:3]).mean()) for m in motions]
        return np.array(rows, np.float32)

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        raise NotImplementedError


def walkers(count: int) -> MotionSet:
    words = ("slowly", "fast", "a little", "in a hurry")
    items = []
    for number in range(count):
        captions = (Caption(f"a person walks {words[number % 4]}", ()),)
        items.append(MotionItem(f"{number:06d}", f"{number:06d}", walker(number, 40), captions))
    return MotionSet(tuple(items), np.zeros(263), np.ones(263), Path("walkers"), "test")


@pytest.fixture(scope="module")
def found() -> Sensitivity:
    return measure(walkers(16), walkers(32), HeightAndSpeed(), splits=4)


def test_every_corruption_is_a_row_at_every_dose(found: Sensitivity) -> None:
    doses = {name: len(kind.doses) for name, kind in CORRUPTIONS.items()} | {DROPPED: 3}
    assert {n: sum(row.name == n for row in found.rows) for n in doses} == doses
    assert all(set(row.values) >= set(COLUMNS) for row in found.rows)


def test_the_table_says_what_the_evaluator_cannot_see(found: Sensitivity) -> None:
    assert "sunk" not in found.blind("FID") and "sunk" not in found.falling("FID")
    assert "smoothing" in found.blind("FID")
    assert "sunk" in found.blind("FID kinetic"), "speeds do not tell the height"
    text = as_markdown(found, "Walkers", ["Made up."])
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + 3 + 1 + len(found.rows)
    assert len({line.count("|") for line in lines}) == 1
    assert all(f"- {column}: " in text for column in HEADLINE)


def test_training_motions_read_what_real_motions_read(found: Sensitivity) -> None:
    low, _, high = found.floor["Phys-Err"]
    assert low < found.train["Phys-Err"] < high and found.train["FID"] < found.floor["FID"][2]


def test_a_sunk_motion_is_sunk_in_millimetres(found: Sensitivity) -> None:
    rows = [row for row in found.rows if row.name == "sunk"]
    errors = [row.values["Phys-Err"] for row in rows]
    assert errors == sorted(errors)
    assert errors[-1] - errors[-2] == pytest.approx(100, abs=5)  # 10 cm deeper


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_doses(name: str) -> None:
    kind, joints = CORRUPTIONS[name], walking_joints(0, 40)
    nothing = 1.0 if kind.unit == "times" else 0.0
    np.testing.assert_allclose(kind.apply(joints, nothing, np.random.default_rng(0)), joints)
    rng = np.random.default_rng
    moved = [np.abs(kind.apply(joints, d, rng(0)) - joints).mean() for d in kind.doses]
    assert moved == sorted(moved) and moved[-1] > 0
    assert 0 < kind.seen < len(kind.doses)


def test_whole_modes_are_dropped_and_the_rest_repeats() -> None:
    modes = ["walk"] * 5 + ["run"] * 3 + ["jump"] * 2
    assert dropped_modes(modes, 0.0).tolist() == list(range(10))
    half = [modes[i] for i in dropped_modes(modes, 0.5)]
    assert len(half) == 10 and "walk" not in half
    assert {modes[i] for i in dropped_modes(modes, 0.99)} == {"jump"}


def test_a_small_test_split_is_refused() -> None:
    with pytest.raises(InvalidSamplesError, match="larger test split"):
        measure(walkers(5), walkers(5), HeightAndSpeed())


def test_help_needs_no_torch(repository: Path) -> None:
    code = "import sys, eval.sensitivity; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=repository).returncode == 0
