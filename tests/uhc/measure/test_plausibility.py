"""Metrics on motions made so that the answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from body_models.skeleton import DEFAULT_SKELETON
from loop.errors import InvalidMotionError, InvalidOptionError
from uhc.measure.plausibility import (
    bone_length_error_mm,
    float_mm,
    foot_skating_ratio,
    jitter_mm,
    mpjpe_mm,
    penetrate_mm,
    plausibility,
    skate_mm,
)


def still(frames: int = 12, height: float = 0.0) -> NDArray[np.float64]:
    """The rest pose with its lowest joint at `height`."""
    joints = DEFAULT_SKELETON.rest_joints.copy()
    joints[:, 1] += height - joints[:, 1].min()
    return np.repeat(joints[None], frames, axis=0)


def test_a_body_at_rest_on_the_floor_is_flawless() -> None:
    joints = still()
    assert penetrate_mm(joints) == float_mm(joints) == skate_mm(joints) == jitter_mm(joints) == 0.0
    assert foot_skating_ratio(joints) == 0.0


def test_five_millimetres_of_depth_and_height_are_tolerated() -> None:
    assert penetrate_mm(still(height=-0.02)) == pytest.approx(15.0)
    assert float_mm(still(height=0.02)) == pytest.approx(15.0)
    assert penetrate_mm(still(height=0.02)) == float_mm(still(height=-0.02)) == 0.0
    assert penetrate_mm(still(height=-0.003)) == 0.0


def test_frames_are_averaged_and_the_floor_may_lie_elsewhere() -> None:
    joints = still(10)
    joints[:5, :, 1] += 0.105
    assert float_mm(joints) == pytest.approx(50.0)
    assert penetrate_mm(joints, floor=0.105) == pytest.approx(50.0)


def test_a_foot_that_slides_ten_millimetres_a_frame() -> None:
    joints = still(20)
    joints[:, 10, 1] = joints[:, 11, 1] = 0.004
    joints[:, 10, 0] += 0.010 * np.arange(20)
    joints[:, 11, 1] = 0.02  # the other toe is up
    assert skate_mm(joints, variant="toe_15mm") == pytest.approx(10.0)
    assert skate_mm(joints, variant="closd") == pytest.approx(10.0)
    joints[::2, 10, 1] = 0.016  # never low in two adjacent frames
    assert skate_mm(joints, variant="toe_15mm") == 0.0


def test_closd_skate_averages_over_all_frames() -> None:
    joints = still(21)
    joints[:, 10, 1] = joints[:, 11, 1] = 0.004
    joints[:, :, 0] += 0.010 * np.arange(21)[:, None]
    joints[11:, :, 1] += 0.5  # half of the 20 steps end on the floor
    assert skate_mm(joints, variant="closd") == pytest.approx(5.0)


@pytest.mark.parametrize(("step", "expected"), [(0.024, 0.0), (0.026, 1.0)])
def test_gmd_counts_more_than_half_a_metre_a_second(step: float, expected: float) -> None:
    joints = still(41)
    joints[:, :, 2] += step * np.arange(41)[:, None]
    ratio = foot_skating_ratio(joints)
    # The window of five frames reaches beyond the ends, where nothing moves: 2 frames at each.
    assert ratio == pytest.approx(expected * 36 / 40)


def test_jitter_is_the_third_difference() -> None:
    joints = still(10)
    times = np.arange(10.0)
    joints += 0.001 * times[:, None, None] ** 2  # a parabola has none
    assert jitter_mm(joints) == pytest.approx(0.0, abs=1e-9)
    joints[..., 0] += 0.001 * times[:, None] ** 3
    assert jitter_mm(joints) == pytest.approx(6.0)
    assert jitter_mm(joints[:3]) == 0.0


def test_a_bone_that_stretches_has_a_wrong_length() -> None:
    joints = still(9)
    wrist = joints[:, 20] - joints[:, 18]
    stretch = np.where(np.arange(9) < 4, 1.1, 1.0)[:, None]  # in four of nine frames
    joints[:, 20] = joints[:, 18] + stretch * wrist
    expected = 1000 * 0.1 * np.linalg.norm(wrist[0]) * 4 / 9 / 21
    assert bone_length_error_mm(joints) == pytest.approx(expected)
    assert bone_length_error_mm(1.3 * still()) == pytest.approx(0.0, abs=1e-9)


def test_distances() -> None:
    joints = still()
    moved = joints + np.array([0.03, 0.0, 0.04])
    assert mpjpe_mm(moved, joints) == pytest.approx(50.0)
    assert mpjpe_mm(moved, joints, root_aligned=True) == pytest.approx(0.0, abs=1e-9)


@given(st.floats(-0.3, 0.3), st.floats(-0.3, 0.3))
def test_raising_body_and_floor_together_changes_nothing(height: float, lift: float) -> None:
    joints = still(height=height)
    joints[:, :, 0] += 0.003 * np.arange(12)[:, None]
    lifted = joints + np.array([0.0, lift, 0.0])
    for name, value in plausibility(joints).items():
        again = plausibility(lifted, floor=lift)[name]
        if abs(height - 0.015) > 1e-6 and abs(abs(height) - 0.005) > 1e-6:
            assert again == pytest.approx(value, abs=1e-6)
        assert again >= 0.0


def test_refuses_what_it_does_not_know() -> None:
    with pytest.raises(InvalidOptionError, match="variant"):
        skate_mm(still(), variant="percent")  # type: ignore[arg-type]
    with pytest.raises(InvalidMotionError):
        float_mm(np.zeros((4, 21, 3)))
    with pytest.raises(InvalidMotionError):
        skate_mm(still(1))
