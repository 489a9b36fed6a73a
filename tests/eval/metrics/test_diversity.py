"""Diversity and spread against closed forms and brute force."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import pairwise_distances

from eval.metrics.diversity import diversity, mean_pairwise_distance
from loop.errors import InvalidSamplesError


def test_all_pairs_against_sklearn() -> None:
    features = np.random.default_rng(0).normal(size=(30, 5))
    table = pairwise_distances(features)
    assert mean_pairwise_distance(features) == pytest.approx(table.sum() / (30 * 29))


def test_random_pairs_average_to_all_pairs_with_self_pairs() -> None:
    rng = np.random.default_rng(1)
    features = rng.normal(size=(40, 5))
    draws = [diversity(features, rng, pairs=40) for _ in range(400)]
    expected = pairwise_distances(features).mean()  # as published: one pair in N is (i, i)
    assert np.mean(draws) == pytest.approx(expected, abs=4 * float(np.std(draws)) / 20)


def test_gaussian_closed_form() -> None:
    # The distance of two standard normal points in 2-d is Rayleigh with scale sqrt 2.
    features = np.random.default_rng(2).normal(size=(3000, 2))
    assert mean_pairwise_distance(features) == pytest.approx(np.sqrt(np.pi), rel=0.02)


def test_repeats_with_its_generator_and_scales() -> None:
    features = np.random.default_rng(3).normal(size=(50, 4))
    first = diversity(features, np.random.default_rng(7), pairs=10)
    assert first == diversity(features, np.random.default_rng(7), pairs=10)
    assert first != diversity(features, np.random.default_rng(8), pairs=10)
    scaled = diversity(3 * features + 1, np.random.default_rng(7), pairs=10)
    assert scaled == pytest.approx(3 * first)
    assert diversity(np.ones((50, 4)), np.random.default_rng(7), pairs=10) == 0.0


def test_bad_input_is_refused() -> None:
    rng = np.random.default_rng(5)
    features = rng.normal(size=(10, 3))
    for pairs in (0, 11):
        with pytest.raises(InvalidSamplesError, match="out of range"):
            diversity(features, rng, pairs=pairs)
    with pytest.raises(InvalidSamplesError, match="too few"):
        diversity(features[:1], rng, pairs=1)
    with pytest.raises(InvalidSamplesError, match="not finite"):
        mean_pairwise_distance(features * np.nan)
