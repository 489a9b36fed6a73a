"""Kinematic clean-up: what it removes, and what it leaves alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from loop.errors import InvalidMotionError
from translation.ik import solve_ik
from uhc.humanoid.cleanup import clean, floor_offset, lowest_point, smoothing_width, trunk_shake
from uhc.humanoid.model import Humanoid, build_humanoid, pose_to_qpos, qpos_to_joints_zup

Array = NDArray[np.float64]
FPS = 20.0


@dataclass(frozen=True)
class Clip:
    """A real walk and the same with 30 mm of smooth noise, on one body."""

    humanoid: Humanoid
    walk: Array
    noisy: Array


@pytest.fixture(scope="module")
def clip(walk: NDArray[np.float32]) -> Clip:
    noise = gaussian_filter1d(np.random.default_rng(0).normal(size=walk.shape), 1.0, axis=0)
    motions = [walk.astype(np.float64), walk + 0.03 * noise / noise.std()]
    skeleton = solve_ik(motions[:1], threads=1)[0].skeleton
    body = build_humanoid(skeleton)
    walk_q, noisy_q = (
        pose_to_qpos(body, s.root_position, s.local_quat_wxyz)
        for s in solve_ik(motions, skeleton, threads=1)
    )
    return Clip(body, walk_q, noisy_q)


def _distance_mm(body: Humanoid, one: Array, other: Array) -> float:
    gap = qpos_to_joints_zup(body, one) - qpos_to_joints_zup(body, other)
    return 1e3 * float(np.linalg.norm(gap - gap.mean((0, 1)), axis=-1).mean())


def test_the_trunk_tells_noise_from_motion(clip: Clip) -> None:
    assert trunk_shake(clip.humanoid, clip.walk) < 0.006
    assert trunk_shake(clip.humanoid, clip.noisy) > 0.04
    assert trunk_shake(clip.humanoid, clip.walk[:3]) == 0.0


def test_the_width_is_continuous_and_monotone() -> None:
    widths = [smoothing_width(shake) for shake in np.linspace(0, 0.1, 200)]
    assert widths[0] == 0.0 and widths[-1] == pytest.approx(0.08)
    assert np.diff(widths).min() >= 0
    assert np.diff(widths).max() < 2e-3


def test_noise_gets_smaller_and_a_clean_walk_stays(clip: Clip) -> None:
    noisy, cleaned = clip.noisy, clean(clip.humanoid, clip.noisy, FPS)
    before = _distance_mm(clip.humanoid, noisy, clip.walk)
    assert _distance_mm(clip.humanoid, cleaned, clip.walk) < 0.95 * before
    jerks = [np.abs(np.diff(qpos_to_joints_zup(clip.humanoid, q), 3, axis=0)).mean()
             for q in (noisy, cleaned)]  # fmt: skip
    assert jerks[1] < 0.5 * jerks[0]
    kept = clean(clip.humanoid, clip.walk, FPS)
    np.testing.assert_array_equal(np.delete(kept, 2, 1), np.delete(clip.walk, 2, 1))


def test_no_smoothing_moves_only_the_height(clip: Clip) -> None:
    kept = clean(clip.humanoid, clip.walk, FPS, sigma_frames=0.0)
    np.testing.assert_array_equal(np.delete(kept, 2, 1), np.delete(clip.walk, 2, 1))


@pytest.mark.parametrize("height", [-0.15, 0.1, 2.0])
def test_a_floor_at_the_wrong_height_is_found(clip: Clip, height: float) -> None:
    level = clean(clip.humanoid, clip.walk, FPS)
    lifted = clip.walk + height * np.eye(clip.humanoid.nq)[2]
    np.testing.assert_allclose(clean(clip.humanoid, lifted, FPS), level, atol=1e-9)
    assert abs(np.percentile(lowest_point(clip.humanoid, level), 40)) < 0.01


def test_a_slowly_tilted_floor_is_levelled(clip: Clip) -> None:
    slope = 0.03 * np.arange(len(clip.walk)) / FPS
    found = floor_offset(clip.humanoid, clip.walk + slope[:, None] * np.eye(clip.humanoid.nq)[2])
    drift = found - floor_offset(clip.humanoid, clip.walk) - slope
    assert np.abs(drift).max() < 0.03


def test_a_jump_is_not_pulled_down(humanoid: Humanoid, standing: Array) -> None:
    qpos = standing[:60].copy()
    air = np.arange(10) / FPS  # half a second of flight
    qpos[25:35, 2] += 2.4 * air - 4.905 * air**2
    moved = qpos[:, 2] - clean(humanoid, qpos, FPS, sigma_frames=0.0)[:, 2]
    assert np.ptp(moved) < 0.002


def test_a_body_that_lies_is_not_stood_up(humanoid: Humanoid, standing: Array) -> None:
    """Hands and knees on the floor, feet in the air: the lowest joint decides, not the feet."""
    qpos = standing[:60].copy()
    qpos[:, 3:7] = [np.sqrt(0.5), -np.sqrt(0.5), 0.0, 0.0]  # on its back or belly
    out = clean(humanoid, qpos, FPS, sigma_frames=0.0)
    assert np.abs(lowest_point(humanoid, out)).max() < 1e-9
    assert qpos_to_joints_zup(humanoid, out)[..., 2].min() > -0.03


def test_bad_motions_are_refused(humanoid: Humanoid, standing: Array) -> None:
    broken = standing.copy()
    broken[7, 9] = np.nan
    with pytest.raises(InvalidMotionError, match="first in frame 7"):
        clean(humanoid, broken, FPS)
    with pytest.raises(InvalidMotionError):
        clean(humanoid, standing[0], FPS)
