"""The correction functions of digits by name, and what each is in a line."""

from __future__ import annotations

from loop.registry import Entry, Registry

_MODULE = "domains.mnist.corrections.projections"
CORRECTIONS = Registry(
    "correction function",
    {
        "transport": Entry(
            f"{_MODULE}:Transport", "one-to-one matching with real images, then their local plane"
        ),
        "local_pca": Entry(
            f"{_MODULE}:LocalPlane", "the plane that the real images around it span"
        ),
        "local_convex": Entry(
            f"{_MODULE}:ConvexMixture", "the nearest mixture of the real images around it"
        ),
        "kmeans": Entry(f"{_MODULE}:Centroids", "the nearest centroid of the digit (published)"),
        "nearest": Entry(
            f"{_MODULE}:NearestReal", "the nearest real image: an oracle, because it copies"
        ),
        "grey_values": Entry(
            f"{_MODULE}:GreyValues", "real grey values, pixel ranks as sampled: a control"
        ),
    },
)
ORACLES = frozenset({"nearest"})
"""Corrections that hand out real training images: bounds, not methods."""
