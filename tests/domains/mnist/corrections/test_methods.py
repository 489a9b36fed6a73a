"""The correction functions: what they compute, against other libraries, and what they promise."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from dataset.mnist import Digits
from domains.mnist.corrections.methods import correction_named, write_centroids
from domains.mnist.corrections.projections import (
    ConvexMixture,
    LocalPlane,
    NearestReal,
    Transport,
    convex_weights,
    match,
    plane_foot,
    with_grey_values,
)
from domains.mnist.registries import CORRECTIONS
from eval.metrics.neighbours import image_memorisation
from loop.errors import InvalidOptionError, InvalidSamplesError
from loop.rng import Stream

STREAM = Stream(0)


def _strokes(count: int, seed: int, noise: float = 0.0) -> Digits:
    """Digit d is a line of its own slope, thickness and place vary."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 10
    angle = labels * np.pi / 10 + rng.normal(0, 0.05, count)
    across = np.stack([np.cos(angle), np.sin(angle)], 1)
    y, x = np.mgrid[-13.5:14, -13.5:14]
    place = (across[:, :1, None] * y + across[:, 1:, None] * x) - rng.normal(0, 1, (count, 1, 1))
    width = rng.uniform(1, 2, (count, 1, 1))
    images = 255 * np.exp(-((place / width) ** 4)) + noise * rng.normal(size=place.shape)
    return Digits(images.clip(0, 255).astype(np.uint8), labels)


def _rows(digits: Digits) -> np.ndarray:
    return digits.images.reshape(len(digits), -1)


REAL, SAMPLES = _strokes(400, 0), _strokes(50, 1, noise=40.0)


@pytest.mark.parametrize("name", CORRECTIONS.names)
def test_labels_order_and_range_are_kept(name: str) -> None:
    corrected = correction_named(name, REAL, 4).correct(SAMPLES, STREAM)
    assert corrected.batch.images.dtype == np.uint8
    np.testing.assert_array_equal(corrected.batch.labels, SAMPLES.labels)
    assert corrected.report["Moved_correction"] > 0
    order = np.random.default_rng(2).permutation(50)  # no sample depends on the others
    if name == "transport":
        order = np.arange(50)  # matching is for all samples together
    again = correction_named(name, REAL, 4).correct(SAMPLES.take(order), STREAM)
    np.testing.assert_array_equal(again.batch.images, corrected.batch.images[order])


def test_kmeans_gives_the_published_centroids() -> None:
    found = correction_named("kmeans", REAL, 4, biased=True).correct(SAMPLES, STREAM).batch
    for digit in range(10):
        mine = REAL.labels == digit
        means = KMeans(4, random_state=0, n_init="auto").fit(_rows(REAL)[mine].astype(float))
        pixels = np.clip(np.round(0.5 + means.cluster_centers_), 0, 255).astype(np.uint8)
        chosen = means.predict(_rows(SAMPLES)[SAMPLES.labels == digit].astype(float))
        np.testing.assert_array_equal(_rows(found)[SAMPLES.labels == digit], pixels[chosen])
    ours = correction_named("kmeans", REAL, 4).correct(SAMPLES, STREAM).batch
    brighter = found.images.astype(int) - ours.images
    assert set(np.unique(brighter)) == {0, 1}  # half a grey value, rounded


def test_centroids_are_drawn_one_row_a_digit(tmp_path: Path) -> None:
    correction = correction_named("kmeans", REAL, 4, biased=True)
    write_centroids(correction, tmp_path)
    with Image.open(tmp_path / "digit_clusters.png") as picture:
        sheet = 255 - np.asarray(picture)
    assert sheet.shape == (280, 4 * 28)
    eights = KMeans(4, random_state=0, n_init="auto").fit(
        _rows(REAL)[REAL.labels == 8].astype(float)
    )
    third = np.clip(np.round(0.5 + eights.cluster_centers_[2]), 0, 255).reshape(28, 28)
    np.testing.assert_array_equal(sheet[8 * 28 : 9 * 28, 2 * 28 : 3 * 28], third)
    (tmp_path / "digit_clusters.png").unlink()
    write_centroids(correction_named("nearest", REAL, 4), tmp_path)
    assert not list(tmp_path.iterdir())


def test_nearest_copies_the_closest_image_of_the_same_digit() -> None:
    found = correction_named("nearest", REAL, 4).correct(SAMPLES, STREAM).batch
    for row in range(0, 50, 7):
        same = _rows(REAL)[REAL.labels == SAMPLES.labels[row]].astype(float)
        closest = same[np.square(same - _rows(SAMPLES)[row]).sum(axis=1).argmin()]
        np.testing.assert_array_equal(_rows(found)[row], closest)
    assert image_memorisation(_rows(found), _rows(REAL), _rows(_strokes(400, 3))).copies == 1.0


@pytest.mark.parametrize("name", ["local_pca", "local_convex", "transport"])
def test_honest_corrections_remove_noise_without_copying(name: str) -> None:
    clean = _rows(_strokes(50, 1))
    found = _rows(correction_named(name, REAL, 4).correct(SAMPLES, STREAM).batch)
    before, after = (np.abs(rows.astype(float) - clean).mean() for rows in (_rows(SAMPLES), found))
    assert after < 0.6 * before
    assert image_memorisation(found, _rows(REAL), _rows(_strokes(400, 3))).copies == 0.0


def test_plane_foot_against_sklearn() -> None:
    rng = np.random.default_rng(4)
    near, points = rng.normal(size=(3, 9, 20)), rng.normal(size=(3, 20))
    found = plane_foot(points, near, 4)
    for row in range(3):
        model = PCA(4).fit(near[row])
        expected = model.inverse_transform(model.transform(points[row : row + 1]))[0]
        np.testing.assert_allclose(found[row], expected, atol=1e-9)
    np.testing.assert_allclose(plane_foot(found, near, 4), found, atol=1e-9)  # a projection


def test_convex_weights_against_projected_gradient() -> None:
    """Minimum over the simplex: no feasible direction goes down (Karush, Kuhn and Tucker)."""
    rng = np.random.default_rng(5)
    near, points = rng.normal(size=(4, 6, 30)), rng.normal(size=(4, 30))
    points[0] = near[0].mean(axis=0)
    weights = convex_weights(points, near)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)
    assert weights.min() >= 0
    np.testing.assert_allclose(weights[0], 1 / 6, atol=1e-5)  # inside the hull: exact
    residual = np.einsum("nk,nkp->np", weights, near) - points
    slope = np.einsum("nkp,np->nk", near, residual)
    lowest = slope.min(axis=1, keepdims=True)
    np.testing.assert_allclose(slope[weights > 1e-6], np.tile(lowest, 6)[weights > 1e-6], atol=1e-4)


def test_plane_of_equal_images_is_that_image() -> None:
    near = np.tile(np.arange(12.0), (1, 5, 1))
    np.testing.assert_allclose(plane_foot(np.ones((1, 12)), near, 3), near[:, 0], atol=1e-9)


def test_matching_is_the_cheapest_of_all() -> None:
    rng = np.random.default_rng(6)
    images, real = rng.normal(size=(6, 3)), rng.normal(size=(3, 3))
    costs = np.square(images[:, None] - real).sum(axis=2)
    pairings = set(permutations([0, 0, 1, 1, 2, 2]))  # each real image twice
    cheapest = min(sum(costs[i, j] for i, j in enumerate(p)) for p in pairings)
    found = match(images, real)
    assert np.bincount(found).tolist() == [2, 2, 2]
    assert costs[np.arange(6), found].sum() == pytest.approx(cheapest)


def test_the_control_changes_no_order_of_pixels() -> None:
    found = _rows(correction_named("grey_values", REAL, 4).correct(SAMPLES, STREAM).batch)
    for row in range(10):
        order = np.argsort(_rows(SAMPLES)[row], kind="stable")
        assert (np.diff(found[row][order].astype(int)) >= 0).all()
        same = np.sort(_rows(REAL)[REAL.labels == SAMPLES.labels[row]], axis=1)
        np.testing.assert_allclose(np.sort(found[row]), same.mean(axis=0), atol=0.5)


def test_transport_leads_crowded_samples_apart() -> None:
    crowded = Digits(SAMPLES.images[[3] * 40], SAMPLES.labels[[3] * 40])
    spread = {
        name: correction_named(name, REAL, 4).correct(crowded, STREAM).batch.images
        for name in ("transport", "local_pca")
    }
    assert len(np.unique(spread["local_pca"], axis=0)) == 1
    assert len(np.unique(spread["transport"], axis=0)) == 40


def test_grey_values_go_by_rank() -> None:
    images = np.array([[3.0, 1.0, 2.0, 9.0]])
    greys = np.array([[0.0, 10.0, 20.0, 255.0]])
    np.testing.assert_array_equal(with_grey_values(images, greys), [[20.0, 0.0, 10.0, 255.0]])


@pytest.mark.parametrize("build", [NearestReal, LocalPlane, ConvexMixture, Transport])
def test_one_real_image_is_enough(build: Callable[[np.ndarray], NearestReal]) -> None:
    only = _rows(REAL)[:1].astype(float)
    np.testing.assert_allclose(build(only)(_rows(SAMPLES).astype(float)), np.tile(only, (50, 1)))


def test_strength_moves_a_share_of_the_way() -> None:
    whole, third, none = (
        correction_named("nearest", REAL, 4, move).correct(SAMPLES, STREAM).batch.images
        for move in (math.inf, 0.5, 0.0)
    )
    start = SAMPLES.images.astype(float)
    np.testing.assert_array_equal(none, SAMPLES.images)
    assert np.abs(third - (start + (whole - start) / 3)).max() <= 0.5 + 1e-9


def test_bad_options_are_refused() -> None:
    with pytest.raises(InvalidOptionError, match="unknown correction"):
        correction_named("magic", REAL, 4)
    for move in (-1.0, math.nan):
        with pytest.raises(InvalidOptionError, match="strength"):
            correction_named("nearest", REAL, 4, move)
    with pytest.raises(InvalidSamplesError, match="too few real images"):
        correction_named("kmeans", REAL.take(slice(20)), 4)
