"""Whitened spaces: what they promise of the real set, whatever units it came in."""

from __future__ import annotations

import numpy as np
import pytest

from eval.metrics.motion_spaces import DIMS, MotionDistances, Whitening
from loop.errors import InvalidSamplesError


def rows(count: int = 200, width: int = 30, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, width)) @ rng.normal(size=(width, width)) + 5


def test_the_real_set_becomes_white() -> None:
    white = Whitening(rows(), 1e-9).apply(rows())
    assert white.shape == (200, DIMS)
    np.testing.assert_allclose(white.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(np.cov(white.T), np.eye(DIMS), atol=1e-9)


def test_units_do_not_matter() -> None:
    other, scale = rows(50, seed=1), np.logspace(-3, 3, 30)
    first = Whitening(rows(), 1e-12).apply(other)
    second = Whitening(rows() * scale, 1e-12).apply(other * scale)
    np.testing.assert_allclose(np.abs(first), np.abs(second), rtol=1e-6, atol=1e-8)


def test_a_column_that_hardly_varies_cannot_decide_alone() -> None:
    table = rows(width=3)
    table[:, 0] = 0.0
    table[0, 0] = 1e-3
    moved = table.copy()
    moved[:, 0] += 0.01
    white = Whitening(table, 0.05)
    assert np.abs(white.apply(moved) - white.apply(table)).max() < 1


def test_distances_of_the_real_set_to_itself_are_nothing_and_grow() -> None:
    real = {"kinetic": rows(width=66), "geometric": rows(width=32)}
    distances = MotionDistances(real)
    for value in distances.distances(real).values():
        assert value == pytest.approx(0, abs=1e-6)
    shifts = [distances.distances({k: v + s for k, v in real.items()}) for s in (1, 2)]
    assert all(0 < shifts[0][name] < shifts[1][name] for name in real)


def test_a_set_of_equal_motions_is_no_reason_to_stop() -> None:
    same = np.ones((10, 5))
    white = Whitening(same, 0.05)
    assert np.isfinite(white.apply(same + 1)).all()
    with pytest.raises(InvalidSamplesError, match="too few"):
        Whitening(same[:1], 0.05)
