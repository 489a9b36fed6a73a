"""Corruptions do what their names say, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from body_models.skeleton import DEFAULT_SKELETON
from loop.errors import InvalidOptionError
from uhc.measure.corruptions import CORRUPTIONS, corrupt


@pytest.fixture
def still():
    """(80, 22, 3): standing on the floor."""
    joints = np.repeat(DEFAULT_SKELETON.rest_joints[None], 80, axis=0)
    joints[..., 1] -= joints[..., 1].min()
    return joints


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_seeded_and_pure(still, kind):
    before = still.copy()
    first = corrupt(still, kind, 1)
    np.testing.assert_array_equal(first, corrupt(still, kind, 1))
    np.testing.assert_array_equal(still, before)
    assert first.shape == still.shape and np.isfinite(first).all()


def test_noise_has_30_mm(still):
    moved = corrupt(still, "noise", 0) - still
    assert moved.std() == pytest.approx(0.03, rel=0.02)


def test_height_moves_everything_alike(still):
    moved = corrupt(still, "height", 0) - still
    np.testing.assert_allclose(moved, np.broadcast_to(moved[:1, :1], moved.shape), atol=1e-12)
    assert 0.05 <= abs(moved[0, 0, 1]) <= 0.15 and not moved[..., [0, 2]].any()


def test_travel_scales_the_root_only_on_the_floor_plane(still):
    walking = still + np.linspace(0, 1, 80)[:, None, None] * [1.0, 0.0, 2.0]
    out = corrupt(walking, "travel", 0)
    np.testing.assert_allclose(out[-1, 0, [0, 2]] - walking[0, 0, [0, 2]], [1.3, 2.6])
    np.testing.assert_allclose(out[..., 1], walking[..., 1])
    np.testing.assert_allclose(out - out[:, :1], walking - walking[:, :1], atol=1e-12)


def test_shake_has_five_hertz_and_10_mm(still):
    moved = corrupt(still, "shake", 0) - still
    spectrum = np.abs(np.fft.rfft(moved, axis=0)) ** 2
    frequency = np.fft.rfftfreq(80, 1 / 20.0)[spectrum.sum((1, 2)).argmax()]
    assert frequency == pytest.approx(5.0)
    assert np.sqrt((moved**2).mean()) == pytest.approx(0.01, rel=0.05)


def test_slide_moves_one_foot_8_to_15_cm_along_the_floor(still):
    moved = corrupt(still, "slide", 0) - still
    touched = set(np.flatnonzero(np.abs(moved).max((0, 2)) > 0))
    assert touched in ({4, 7, 10}, {5, 8, 11})
    far = np.linalg.norm(moved, axis=-1).max()
    assert 0.08 <= far <= 0.15 and not moved[..., 1].any()


def test_unknown_kind(still):
    with pytest.raises(InvalidOptionError, match="unknown corruption"):
        corrupt(still, "teleport", 0)
