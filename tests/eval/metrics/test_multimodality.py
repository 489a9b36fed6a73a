from __future__ import annotations

import numpy as np
import pytest

from eval.metrics.multimodality import multimodality
from loop.errors import InvalidSamplesError


def test_all_pairs_of_points_on_a_line() -> None:
    """With pairs = R both sides are permutations; over many draws the mean is that of all pairs."""
    features = np.arange(4.0)[None, :, None] * np.array([1.0, 3.0])[:, None, None]
    rng = np.random.default_rng(0)
    mean = np.mean([multimodality(features, rng, pairs=4) for _ in range(4000)])
    every = np.abs(np.subtract.outer(np.arange(4.0), np.arange(4.0))).mean()
    assert mean == pytest.approx(2 * every, rel=0.02)


def test_one_motion_for_every_text_has_no_modes() -> None:
    features = np.repeat(np.random.default_rng(0).normal(size=(5, 1, 3)), 12, axis=1)
    assert multimodality(features, np.random.default_rng(1)) == 0.0


def test_gaussian_clouds_differ_by_their_width() -> None:
    """E|a - b| = 2 sigma / sqrt(pi) for a, b ~ N(0, sigma^2), but one in R pairs is one point."""
    repeats, sigma = 30, 2.0
    features = sigma * np.random.default_rng(0).normal(size=(4000, repeats, 1))
    expected = 2 * sigma / np.sqrt(np.pi) * (1 - 1 / repeats)
    value = np.mean([multimodality(features, np.random.default_rng(k)) for k in range(20)])
    assert value == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(
    ("features", "pairs"),
    [
        (np.zeros((4, 5)), 2),
        (np.zeros((4, 5, 2)), 6),
        (np.zeros((4, 5, 2)), 0),
        (np.zeros((0, 5, 2)), 2),
        (np.full((4, 5, 2), np.nan), 2),
    ],
)
def test_bad_input_is_refused(features: np.ndarray, pairs: int) -> None:
    with pytest.raises(InvalidSamplesError, match="multimodality"):
        multimodality(features, np.random.default_rng(0), pairs=pairs)
