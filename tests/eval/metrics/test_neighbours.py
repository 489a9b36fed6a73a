"""Neighbour metrics against sklearn's brute-force search."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

import eval.metrics.neighbours as neighbours
from eval.metrics.neighbours import (
    image_memorisation,
    memorisation,
    nearest_distances,
    verdicts,
)
from loop.errors import InvalidSamplesError


def radii(points: np.ndarray, k: int) -> np.ndarray:
    search = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(points)
    return search.kneighbors()[0][:, k - 1]  # without a query sklearn leaves the point itself out


def inside(queries: np.ndarray, centres: np.ndarray, k: int) -> np.ndarray:
    distances = np.linalg.norm(queries[:, None] - centres[None], axis=-1)
    return distances <= radii(centres, k)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), k=st.integers(1, 6), chunk=st.sampled_from([1, 90, 10**6]))
def test_against_sklearn_in_any_chunks(seed: int, k: int, chunk: int) -> None:
    rng = np.random.default_rng(seed)
    real, fake = rng.normal(size=(30, 3)), rng.normal(size=(25, 3)) * 0.8 + 0.4
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours, "_CHUNK_ENTRIES", chunk)
        found = verdicts(real, fake, k=k, coverage_k=k)
    assert found.precision.mean() == pytest.approx(inside(fake, real, k).any(axis=1).mean())
    assert found.recall.mean() == pytest.approx(inside(real, fake, k).any(axis=1).mean())
    assert found.density.mean() == pytest.approx(inside(fake, real, k).sum() / (k * len(fake)))
    assert found.coverage.mean() == pytest.approx(inside(fake, real, k).any(axis=0).mean())


def test_equal_sets_and_sets_far_apart() -> None:
    real = np.random.default_rng(0).normal(size=(50, 4))
    equal, far = verdicts(real, real), verdicts(real, real + 1000)
    assert equal.precision.all() and equal.recall.all() and equal.coverage.all()
    assert not any(table.any() for table in (far.precision, far.recall, far.density, far.coverage))


def test_same_distribution_gives_the_expected_density_and_coverage() -> None:
    rng = np.random.default_rng(1)
    found = verdicts(rng.normal(size=(1500, 4)), rng.normal(size=(1500, 4)))
    assert found.density.mean() == pytest.approx(1.0, abs=0.05)
    assert found.coverage.mean() == pytest.approx(1 - 2**-5, abs=0.02)


def test_lost_mode_lowers_recall_and_coverage_not_precision() -> None:
    rng = np.random.default_rng(2)
    real = np.concatenate([rng.normal(size=(100, 3)), rng.normal(size=(100, 3)) + 50])
    fake = rng.normal(size=(200, 3))
    found = verdicts(real, fake)
    assert found.precision.mean() > 0.9 and found.recall.mean() < 0.55
    assert found.density.mean() > 0.5 and found.coverage.mean() < 0.55


def test_duplicates_sit_in_balls_of_radius_zero() -> None:
    points = np.repeat(np.random.default_rng(3).normal(size=(5, 3)), 4, axis=0)
    same = verdicts(points, points)
    assert same.precision.all() and same.recall.all()
    assert not verdicts(points, points + 1e-9).precision.any()


def test_nearest_distances_against_sklearn() -> None:
    rng = np.random.default_rng(4)
    queries, points = rng.normal(size=(20, 3)), rng.normal(size=(60, 3))
    expected = NearestNeighbors(n_neighbors=1).fit(points).kneighbors(queries)[0][:, 0]
    np.testing.assert_allclose(nearest_distances(queries, points), expected, atol=1e-12)


def test_copying_is_told_from_learning() -> None:
    rng = np.random.default_rng(5)
    train, held_out = rng.normal(size=(100, 5)), rng.normal(size=(300, 5))
    copied = memorisation(train + 1e-3 * rng.normal(size=train.shape), train, held_out)
    assert copied.closer_to_train > 0.98 and copied.to_train < 0.01 < copied.to_held_out
    learned = memorisation(rng.normal(size=(800, 5)), train, held_out)
    assert learned.expected == 0.25
    assert learned.closer_to_train == pytest.approx(0.25, abs=0.05)
    assert memorisation(train, held_out, held_out).closer_to_train == 0.5


def test_bad_input_is_refused() -> None:
    good = np.random.default_rng(6).normal(size=(8, 3))
    with pytest.raises(InvalidSamplesError, match="generated features: too few"):
        verdicts(good, good[:3])
    with pytest.raises(InvalidSamplesError, match="real features: too few"):
        verdicts(good[:5], good)
    with pytest.raises(InvalidSamplesError, match="different width"):
        verdicts(good, good[:, :2])
    with pytest.raises(InvalidSamplesError, match="held-out features: values that are not finite"):
        memorisation(good, good, good * np.nan)
    with pytest.raises(InvalidSamplesError, match="different width"):
        memorisation(good, good, good[:, :2])


def test_memorisation_of_images_is_exact_and_counts_copies() -> None:
    rng = np.random.default_rng(7)
    train, held_out, generated = (rng.integers(0, 256, (30, 784), np.uint8) for _ in range(3))
    generated[:6] = train[:6]
    generated[6:9] = held_out[:3]
    assert image_memorisation(generated, train, held_out) == memorisation(
        generated, train, held_out
    )
    assert image_memorisation(generated, train, held_out).copies == 0.2
    with pytest.raises(InvalidSamplesError, match="whole numbers"):
        image_memorisation(generated + 0.5, train, held_out)
