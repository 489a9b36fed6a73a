"""Ways back to the digits: each takes doubtful images of one digit and moves them to the real ones.

All work on rows of 784 grey values from 0 to 255 (float64), on real images of the same digit alone.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from scipy.optimize import linear_sum_assignment, nnls
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans
from sklearn.neighbors import NearestNeighbors

Pixels = np.ndarray
NEIGHBOURS, DIMENSIONS = 50, 20
"""Of the local plane [D]: see results/mnist for what others do."""
MIXED = 8
"""Neighbours of the mixture [D]."""
CHUNK = 256
"""Images projected at once; their neighbours take 50 MB."""


class Projection(Protocol):
    """A map towards the real images of one digit."""

    def __call__(self, images: Pixels) -> Pixels:
        """Map images (N, 784) to corrected ones (N, 784)."""
        ...


class Centroids:
    """The published correction: the nearest of the digit's k-means centroids.

    Args:
        real: (M, 784) real images of the digit.
        clusters: centroids.
        biased: round half a grey value too bright, as published; else to the nearest value.
    """

    def __init__(self, real: Pixels, clusters: int, biased: bool) -> None:
        # In float64, random_state 0 and n_init "auto", as published.
        self._means = KMeans(clusters, random_state=0, n_init="auto").fit(real)
        shift = 0.5 if biased else 0.0
        self.centroids = np.clip(np.round(shift + self._means.cluster_centers_), 0, 255)

    def __call__(self, images: Pixels) -> Pixels:
        """Return the centroid of each image's cluster."""
        return self.centroids[self._means.predict(images)]


class GreyValues:
    """A control that knows nothing of shapes: only the grey values of the digit's real images.

    What it does for a loop is owed to clean backgrounds and full strokes, not to the digits.

    Args:
        real: (M, 784) real images of the digit.
    """

    def __init__(self, real: Pixels) -> None:
        self._greys = np.sort(real, axis=1).mean(axis=0)

    def __call__(self, images: Pixels) -> Pixels:
        """Give each image the mean grey values of real ones, rank by rank."""
        return with_grey_values(images, np.broadcast_to(self._greys, images.shape))


class NearestReal:
    """The nearest real image itself: as true as a correction can be, but it copies.

    Args:
        real: (M, 784) real images of the digit.
    """

    def __init__(self, real: Pixels) -> None:
        self._real = real
        self._search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(real)

    def __call__(self, images: Pixels) -> Pixels:
        """Return a copy of a real image for each image."""
        return self._real[self._search.kneighbors(images, return_distance=False)[:, 0]]


class LocalPlane:
    """The sample's foot on the plane that the real images around it span (local PCA).

    A mean of shifted strokes is grey and wide where strokes are white and thin, and the plane is
    made of such means. So the foot keeps only its *order* of pixels, from dark to bright; their
    grey values become the ones that the neighbours have at the same ranks, on average.

    Args:
        real: (M, 784) real images of the digit.
        neighbours: k real images that span the plane, or all there are.
        dimensions: d < k directions of largest variance among them.
        sharpen: give the foot the grey values of the neighbours.
    """

    def __init__(
        self,
        real: Pixels,
        neighbours: int = NEIGHBOURS,
        dimensions: int = DIMENSIONS,
        sharpen: bool = True,
    ) -> None:
        self._real = real
        neighbours = min(neighbours, len(real))
        self._dimensions = min(dimensions, neighbours - 1)
        self._sharpen = sharpen
        self._search = NearestNeighbors(n_neighbors=neighbours, algorithm="brute").fit(real)

    def __call__(self, images: Pixels) -> Pixels:
        """Return the foot of each image, clipped to grey values."""
        parts = [images[start : start + CHUNK] for start in range(0, len(images), CHUNK)]
        return np.concatenate([self._project(part) for part in parts])

    def _project(self, images: Pixels) -> Pixels:
        near = self._real[self._search.kneighbors(images, return_distance=False)]
        foot = np.clip(plane_foot(images, near, self._dimensions), 0, 255)
        return with_grey_values(foot, np.sort(near, axis=2).mean(axis=1)) if self._sharpen else foot


class Transport:
    """Optimal transport to the real images, then only as near to them as the digit's shape asks.

    Each sample is matched with a real image, one to one where there are as many of both, so that
    the total squared distance is smallest. So samples that crowd together are led apart, which no
    correction of single samples can do. A sample does not become its image: it is projected onto
    the plane through that image along which the real images around it vary, and takes its grey
    values.

    Args:
        real: (M, 784) real images of the digit.
        neighbours: k real images around the matched one, or all there are.
        dimensions: d < k directions of largest variance among them.
    """

    def __init__(
        self, real: Pixels, neighbours: int = NEIGHBOURS, dimensions: int = DIMENSIONS
    ) -> None:
        self._real = real
        neighbours = min(neighbours, len(real))
        self._dimensions = min(dimensions, neighbours - 1)
        search = NearestNeighbors(n_neighbors=neighbours, algorithm="brute").fit(real)
        self._near = search.kneighbors(real, return_distance=False)

    def __call__(self, images: Pixels) -> Pixels:
        """Return each image's foot on the plane through the real image that it is matched with."""
        matched = match(images, self._real)
        parts = []
        for start in range(0, len(images), CHUNK):
            rows = matched[start : start + CHUNK]
            anchors = self._real[rows]
            # The plane through the anchor: project as if the anchor were the mean.
            near = self._real[self._near[rows]]
            centre = near.mean(axis=1)
            moved = images[start : start + CHUNK] - anchors + centre
            foot = plane_foot(moved, near, self._dimensions) - centre + anchors
            parts.append(with_grey_values(np.clip(foot, 0, 255), np.sort(anchors, axis=1)))
        return np.concatenate(parts)


def match(images: Pixels, real: Pixels) -> np.ndarray:
    """Find the row of real (M, P) for each of images (N, P), at least total squared distance.

    Every real image serves at most ceil(N / M) times.
    """
    costs = cdist(images, real, "sqeuclidean")
    rows, columns = linear_sum_assignment(np.tile(costs, -(-len(images) // len(real))))
    return columns[np.argsort(rows)] % len(real)


class ConvexMixture:
    """The mixture of the nearest real images that is closest to the sample (LLE weights).

    Weights are non-negative and sum to 1, so that nothing but strokes of real images is left of a
    sample, however far off it was. Grey values are sharpened as in `LocalPlane`.

    Args:
        real: (M, 784) real images of the digit.
        neighbours: k real images that are mixed, or all there are.
    """

    def __init__(self, real: Pixels, neighbours: int = MIXED) -> None:
        self._real = real
        self._search = NearestNeighbors(
            n_neighbors=min(neighbours, len(real)), algorithm="brute"
        ).fit(real)

    def __call__(self, images: Pixels) -> Pixels:
        """Return the mixture for each image."""
        near = self._real[self._search.kneighbors(images, return_distance=False)]
        weights = convex_weights(images, near)
        mixed = np.einsum("nk,nkp->np", weights, near)
        return with_grey_values(mixed, np.einsum("nk,nkp->np", weights, np.sort(near, axis=2)))


def convex_weights(points: Pixels, near: Pixels) -> np.ndarray:
    """Find weights (N, K) >= 0, sum 1, whose mixture of near (N, K, P) is closest to points (N, P).

    Non-negative least squares on the Cholesky factor of the neighbours' Gram matrix, which is as
    small as K; the sum enters as a heavy extra row.
    """
    weights = np.empty(near.shape[:2])
    for row, (point, columns) in enumerate(zip(points, near, strict=True)):
        differences = columns - point  # of a mixture: its distance from the point
        gram = differences @ differences.T
        size = max(float(np.trace(gram)), 1.0)
        factor = np.linalg.cholesky(gram + 1e-9 * size * np.eye(len(gram))).T
        heavy = 1e3 * np.sqrt(size)
        system = np.vstack([factor, np.full(len(gram), heavy)])
        solution, _ = nnls(system, np.append(np.zeros(len(gram)), heavy))
        weights[row] = solution / solution.sum()
    return weights


def plane_foot(points: Pixels, near: Pixels, dimensions: int) -> Pixels:
    """Project points (N, P) orthogonally onto the principal planes of their sets (N, K, P).

    Principal directions C^T v / sqrt(w) come from the eigenvectors v of the small Gram matrices
    C C^T (K, K) of the centred sets C; directions without variance are left out.
    """
    mean = near.mean(axis=1)
    centred = near - mean[:, None]
    values, vectors = np.linalg.eigh(centred @ centred.transpose(0, 2, 1))
    values, vectors = values[:, -dimensions:], vectors[:, :, -dimensions:]
    held = values > 1e-9 * np.maximum(values[:, -1:], 1.0)
    scale = np.where(held, 1 / np.sqrt(np.where(held, values, 1.0)), 0.0)
    directions = (vectors.transpose(0, 2, 1) @ centred) * scale[:, :, None]
    places = directions @ (points - mean)[:, :, None]
    return mean + (directions.transpose(0, 2, 1) @ places)[:, :, 0]


def with_grey_values(images: Pixels, greys: Pixels) -> Pixels:
    """Give the pixels of images (N, P), from dark to bright, the ascending values greys (N, P)."""
    order = np.argsort(images, axis=1, kind="stable")
    result = np.empty_like(images)
    np.put_along_axis(result, order, greys, axis=1)
    return result
