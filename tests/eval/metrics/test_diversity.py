"""Diversity and spread against closed forms and brute force."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import pairwise_distances

from eval.metrics.diversity import (
    diversity,
    log_determinant_ratio,
    mean_pairwise_distance,
    mean_pairwise_interval,
    vendi_interval,
    vendi_score,
)
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


def test_log_determinant_of_a_scaled_set() -> None:
    features = np.random.default_rng(0).normal(size=(50, 3))
    assert log_determinant_ratio(2 * features, features) == pytest.approx(6 * np.log(2))
    flat = log_determinant_ratio(features * [1, 1, 1e-9], features)
    assert flat == pytest.approx(-18 * np.log(10))


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
    with pytest.raises(InvalidSamplesError, match="more than the 3"):
        log_determinant_ratio(features[:3], features)
    with pytest.raises(InvalidSamplesError, match="singular"):
        log_determinant_ratio(features, features * [1.0, 1.0, 0.0])
    with pytest.raises(InvalidSamplesError, match="different width"):
        log_determinant_ratio(features, features[:, :2])


@pytest.mark.parametrize("groups", [1, 3, 10])
def test_vendi_counts_groups_that_are_far_apart(groups: int) -> None:
    table = np.repeat(1e3 * np.arange(groups)[:, None], 4, axis=0) * np.ones((1, 2))
    assert vendi_score(table, 1.0) == pytest.approx(groups)


def test_vendi_from_the_definition() -> None:
    table = np.random.default_rng(0).normal(size=(12, 3))
    kernel = [[np.exp(-((a - b) ** 2).sum() / (2 * 1.5**2)) for b in table] for a in table]
    values = np.linalg.eigvals(np.array(kernel) / 12).real
    expected = np.exp(-sum(v * np.log(v) for v in values if v > 1e-12))
    assert vendi_score(table, 1.5) == pytest.approx(expected)


def test_one_outlier_moves_the_mean_distance_but_hardly_vendi() -> None:
    rng = np.random.default_rng(0)
    table = 0.01 * rng.normal(size=(50, 2))
    outlier = table.copy()
    outlier[0] = 1e3
    assert mean_pairwise_distance(outlier) > 100 * mean_pairwise_distance(table)
    assert vendi_score(outlier, 1.0) < 1.3 * vendi_score(table, 1.0)


def test_intervals_hold_the_value_and_narrow_with_more_samples() -> None:
    rng = np.random.default_rng(3)
    widths = []
    for size in (20, 320):
        table = rng.normal(size=(size, 3))
        for found, value in (
            (mean_pairwise_interval(table, rng), mean_pairwise_distance(table)),
            (vendi_interval(table, 1.0, rng), vendi_score(table, 1.0)),
        ):
            assert found.value == pytest.approx(value)
            assert found.low <= value <= found.high
            widths.append((found.high - found.low) / value)
    assert widths[2] < widths[0] and widths[3] < widths[1]


def test_vendi_without_a_bandwidth() -> None:
    with pytest.raises(InvalidSamplesError, match="bandwidth"):
        vendi_score(np.zeros((3, 2)), 0.0)
