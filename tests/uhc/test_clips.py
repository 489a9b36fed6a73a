"""The rule that tells floor work from motions on the feet, and the choice it serves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from body_models.skeleton import DEFAULT_SKELETON
from translation.humanml import mirror_joints
from uhc.clips import ClipFilter, choose, floor_height, upright

REST = DEFAULT_SKELETON.rest_joints - [0.0, DEFAULT_SKELETON.rest_joints[:, 1].min(), 0.0]


def _lowered(joint: int, height: float) -> NDArray[np.float64]:
    """Standing still, but one joint is somewhere low in the middle of it."""
    joints = np.repeat(REST[None], 9, axis=0)
    joints[4, joint, 1] = height
    return joints


@pytest.mark.parametrize("joint", [4, 5, 15, 18, 19, 20, 21])
def test_a_knee_elbow_hand_or_head_near_the_floor_is_floor_work(joint: int) -> None:
    assert upright(_lowered(joint, 0.13)) and not upright(_lowered(joint, 0.11))


def test_a_low_pelvis_is_floor_work() -> None:
    assert upright(_lowered(0, 0.61)) and not upright(_lowered(0, 0.59))


def test_feet_may_be_where_they_like() -> None:
    assert upright(_lowered(10, -0.2)) and upright(_lowered(7, 0.0))


@given(
    seed=st.integers(0, 2**32 - 1),
    heading=st.floats(-np.pi, np.pi),
    shift=st.tuples(*[st.floats(-5.0, 5.0)] * 3),
)
@settings(max_examples=60, deadline=None)
def test_it_does_not_depend_on_side_heading_or_place(
    seed: int, heading: float, shift: tuple[float, float, float]
) -> None:
    rng = np.random.default_rng(seed)
    joints = np.repeat(REST[None], 20, axis=0) + rng.normal(size=(20, 1, 3)) * [1.0, 0.02, 1.0]
    joints[:, 1:] += rng.uniform(0, 0.3) * rng.normal(size=(20, 21, 3))
    c, s = np.cos(heading), np.sin(heading)
    turned = joints @ np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]]) + shift
    assert upright(turned) == upright(joints) == upright(mirror_joints(joints))
    assert floor_height(turned) - shift[1] == pytest.approx(floor_height(joints), abs=1e-9)


def test_a_choice_may_want_floor_work_only(tmp_path: Path) -> None:
    np.save(tmp_path / "up.npy", np.repeat(REST[None], 9, axis=0))
    np.save(tmp_path / "down.npy", _lowered(20, 0.0))
    assert [clip.name for clip in choose(tmp_path, ClipFilter(floor=True))] == ["down"]
    assert [clip.name for clip in choose(tmp_path, ClipFilter(upright=True))] == ["up"]
