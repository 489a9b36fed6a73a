"""The height at which a corrected motion is delivered."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from uhc.humanoid.height import HIGHEST_M, LOWEST_M, standing_joints, standing_level
from uhc.humanoid.model import Humanoid, qpos_to_joints, qpos_to_joints_zup
from uhc.measure.corruptions import UP

Array = NDArray[np.float64]


def on_its_floor(humanoid: Humanoid, qpos: Array) -> Array:
    """Joints whose lowest is at height 0."""
    joints = qpos_to_joints(humanoid, qpos).astype(np.float64)
    joints[..., 1] -= joints[..., 1].min()
    return joints


@pytest.mark.parametrize("lift", [-0.03, 0.0, 0.2])
def test_a_motion_that_stands_keeps_its_root_height(
    humanoid: Humanoid, standing: Array, lift: float
) -> None:
    """Wherever the soles' floor was found."""
    wanted = on_its_floor(humanoid, standing)
    found = standing + lift * np.eye(humanoid.nq)[2]
    np.testing.assert_allclose(standing_joints(humanoid, found, wanted), wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("off", "level"), [(0.02, HIGHEST_M), (-0.02, LOWEST_M), (0.1, 0.0), (-0.15, 0.0)]
)
def test_a_motion_that_floats_or_sinks_is_put_on_the_floor(
    humanoid: Humanoid, standing: Array, off: float, level: float
) -> None:
    wanted = on_its_floor(humanoid, standing) + off * UP
    joints = standing_joints(humanoid, standing, wanted)
    assert np.percentile(joints[..., 1].min(axis=1), 40) == pytest.approx(level, abs=1e-5)


def test_a_body_that_lies_is_put_where_its_soles_would_be(
    body_humanoid: Humanoid, standing: Array
) -> None:
    lying = standing[:10].copy()
    lying[:, 3:7] = [np.sqrt(0.5), -np.sqrt(0.5), 0.0, 0.0]
    lying[:, 2] = 0.09
    joints = standing_joints(body_humanoid, lying, np.zeros((10, 22, 3)))
    heights = qpos_to_joints_zup(body_humanoid, lying)[..., 2]
    np.testing.assert_allclose(joints[..., 1], heights - 0.025, atol=1e-5)


@settings(deadline=None)
@given(st.floats(-0.3, 0.3), st.floats(-0.3, 0.3))
def test_no_result_sinks_or_floats_by_more_than_a_centimetre(level: float, found: float) -> None:
    assert 2 * LOWEST_M <= standing_level(level, found) <= HIGHEST_M
    if LOWEST_M <= level <= HIGHEST_M:
        assert standing_level(level, found) == level
