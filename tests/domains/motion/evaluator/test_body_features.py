"""Six measured coordinates: each answers to what it is named after, on made-up walkers."""

from __future__ import annotations

import numpy as np
import pytest

from body_models.skeleton import MIRROR
from domains.motion.evaluator.body_features import BODY, BodySpace, body_features
from eval.metrics.doses import (
    foot_slide,
    frame_noise,
    frozen_frames,
    smoothing,
    stretched_bones,
    sunk,
    swapped_sides,
)
from tests.domains.motion.walkers import walker, walking_joints

NAMES = list(BODY)


@pytest.mark.parametrize(
    ("name", "spoil", "dose", "sign"),
    [
        ("roughness", frame_noise, 0.005, 1),
        ("roughness", smoothing, 2, -1),
        ("standing foot", foot_slide, 0.02, 1),
        ("floor", sunk, 0.05, -1),
        ("rest", frozen_frames, 0.5, 1),
        ("limbs", stretched_bones, 1.2, 1),
        ("front", swapped_sides, 1.0, -1),
    ],
)
def test_each_feature_sees_its_fault(name: str, spoil, dose: float, sign: int) -> None:
    for seed in range(4):
        joints = walking_joints(seed, 40)
        if name == "standing foot":  # those of the walkers never stand
            joints = np.repeat(joints[:1], 40, axis=0)
        worse = spoil(joints, dose, np.random.default_rng(seed))
        change = body_features(worse) - body_features(joints)
        assert sign * change[NAMES.index(name)] > BODY[name] / 2


def test_closed_forms() -> None:
    joints = walking_joints(0, 40)
    found = dict(zip(NAMES, body_features(joints), strict=True))
    assert found["floor"] == np.median(joints[..., 1].min(axis=1))
    stretched = dict(zip(NAMES, body_features(1.1 * joints), strict=True))
    assert stretched["limbs"] == pytest.approx(found["limbs"], abs=1e-3)
    assert stretched["front"] == pytest.approx(1.1 * found["front"])
    still = dict(zip(NAMES, body_features(np.repeat(joints[:1], 40, axis=0)), strict=True))
    assert still["rest"] == 1 and still["standing foot"] == pytest.approx(np.log(1e-3))


@pytest.mark.parametrize("frames", [4, 40])
def test_nothing_depends_on_where_and_which_way_one_walks(frames: int) -> None:
    joints = walking_joints(1, frames)
    expected = body_features(joints)
    turn = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
    np.testing.assert_allclose(body_features(joints @ turn.T + [3.0, 0.0, -2.0]), expected)
    mirrored = joints[:, MIRROR] * [-1.0, 1.0, 1.0]
    np.testing.assert_allclose(body_features(mirrored), expected)


def test_a_pool_is_in_the_middle_of_its_space() -> None:
    motions = [walker(seed, 40) for seed in range(16)]
    space = BodySpace.of(motions)
    placed = space.embed(motions)
    assert placed.shape == (16, len(BODY)) and placed.dtype == np.float32
    np.testing.assert_allclose(np.sinh(placed).mean(axis=0), 0, atol=1e-5)
    assert (np.sinh(placed).std(axis=0) <= 1 + 1e-5).all()
    assert space.embed([]).shape == (0, len(BODY))
