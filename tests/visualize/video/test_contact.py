"""Cues on motions whose feet are known to stand, slide, sink or float."""

from __future__ import annotations

import numpy as np
import pytest

from body_models.skeleton import DEFAULT_SKELETON
from visualize.video.contact import TOES, find_cues

UP = np.array([0.0, 1.0, 0.0])


@pytest.fixture
def standing() -> np.ndarray:
    pose = DEFAULT_SKELETON.rest_joints - [0, DEFAULT_SKELETON.rest_joints[list(TOES), 1].max(), 0]
    return np.repeat(pose[None], 12, axis=0)


def test_standing_feet_are_planted(standing: np.ndarray) -> None:
    cues = find_cues(standing, 20)
    assert cues.planted.all() and not cues.sliding.any()
    assert set(cues.lowest) <= set(TOES)


def test_feet_that_move_over_the_floor_slide(standing: np.ndarray) -> None:
    standing[:, 10, 0] += np.arange(12) * 0.03  # 0.6 m/s at 20 fps, 0.3 m/s at 10 fps
    cues = find_cues(standing, 20)
    assert cues.sliding[:, 0].all() and cues.planted[:, 1].all()
    assert find_cues(standing, 10).planted.all()


def test_landing_is_not_sliding(standing: np.ndarray) -> None:
    standing[:6, 10] += [0.0, 0.1, 0.0]
    standing[:6, 10, 2] -= 0.1 * np.arange(6)[::-1] + 0.1
    cues = find_cues(standing, 20)
    assert not cues.sliding.any()
    assert cues.planted[:, 0].tolist() == [False] * 6 + [True] * 6


def test_below_and_floating(standing: np.ndarray) -> None:
    level = standing[0, :, 1].min()
    for lift, below, floating in ((0.0, False, False), (0.2, False, True), (-0.1, True, False)):
        cues = find_cues(standing + (lift - level) * UP, 20)
        assert set(cues.below) == {below} and set(cues.floating) == {floating}
        np.testing.assert_allclose(cues.height, lift, atol=1e-12)
    assert not find_cues(standing + (0.2 - level) * UP, 20).planted.any()


def test_one_frame_is_enough(standing: np.ndarray) -> None:
    cues = find_cues(standing[:1], 20)
    assert cues.planted.shape == (1, 2) and cues.planted.all()
