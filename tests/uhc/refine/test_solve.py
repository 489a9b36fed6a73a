"""The refinement as a whole: mechanics it must respect, and what it does to real motion."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from threadpoolctl import threadpool_limits

from loop.errors import InvalidMotionError, SimulationError
from translation.ik import solve_ik
from uhc.humanoid.cleanup import clean
from uhc.humanoid.model import (
    Humanoid,
    build_humanoid,
    pose_to_qpos,
    qpos_to_corners,
    qpos_to_joints_zup,
)
from uhc.humanoid.segments import GRAVITY
from uhc.refine import solve as kinodynamic
from uhc.refine.banded import PentadiagonalBlocks
from uhc.refine.solve import (
    NEAR,
    RefinedMotion,
    RefineOptions,
    refine,
    refine_firmly,
    unexplained_force,
)

Array = NDArray[np.float64]
FPS = 20.0


@dataclass(frozen=True)
class Clip:
    """Cleaned and refined versions of a real walk, with and without 30 mm of smooth noise."""

    humanoid: Humanoid
    walk: Array
    noisy: Array
    walk_refined: RefinedMotion
    noisy_refined: RefinedMotion


@pytest.fixture(scope="module")
def clip(walk: NDArray[np.float32]) -> Clip:
    noise = gaussian_filter1d(np.random.default_rng(0).normal(size=walk.shape), 1.0, axis=0)
    motions = [walk.astype(np.float64), walk + 0.03 * noise / noise.std()]
    skeleton = solve_ik(motions[:1], threads=1)[0].skeleton
    body = build_humanoid(skeleton)
    walk_q, noisy_q = (
        clean(body, pose_to_qpos(body, s.root_position, s.local_quat_wxyz), FPS)
        for s in solve_ik(motions, skeleton, threads=1)
    )
    return Clip(body, walk_q, noisy_q, refine(body, walk_q), refine(body, noisy_q))


def _slide_mm(body: Humanoid, qpos: Array) -> float:
    """Mean step of sole corners that are within 5 mm of the floor before and after."""
    corners = qpos_to_corners(body, qpos)
    low = (corners[1:, :, 2] < 0.005) & (corners[:-1, :, 2] < 0.005)
    return 1e3 * float(np.linalg.norm(np.diff(corners[..., :2], axis=0), axis=-1)[low].mean())


def _distance_mm(body: Humanoid, one: Array, other: Array) -> float:
    gap = qpos_to_joints_zup(body, one) - qpos_to_joints_zup(body, other)
    return 1e3 * float(np.linalg.norm(gap, axis=-1).mean())


def test_standing_rests_on_its_feet(symmetric_humanoid: Humanoid, standing: Array) -> None:
    out = refine(symmetric_humanoid, standing[:20])
    assert out.converged
    # What remains is the price of effort. At the free ends, millimetres of motion save some of it.
    assert out.unexplained_force_bw.max() < 0.01
    total = out.contact_forces.sum(1) / symmetric_humanoid.body_weight
    np.testing.assert_allclose(total[3:-3, 2], 1.0, atol=0.02)
    np.testing.assert_allclose(total[:, 2], 1.0, atol=0.25)
    np.testing.assert_allclose(total[:, :2], 0.0, atol=0.05)
    assert _distance_mm(symmetric_humanoid, out.qpos, standing[:20]) < 5.0


def test_a_ballistic_flight_needs_no_force(symmetric_humanoid: Humanoid, standing: Array) -> None:
    time = np.arange(12) / FPS
    qpos = standing[:12].copy()
    qpos[:, 0] += 1.3 * time
    qpos[:, 2] += 1.0 + 3.0 * time - 0.5 * GRAVITY * time**2
    np.testing.assert_allclose(unexplained_force(symmetric_humanoid, qpos), 0.0, atol=1e-9)
    out = refine(symmetric_humanoid, qpos)
    np.testing.assert_allclose(out.contact_forces, 0.0, atol=1e-6)
    np.testing.assert_allclose(out.qpos, qpos, atol=1e-6)


@pytest.mark.parametrize("acceleration", [1.0, 7.0])
def test_a_push_in_the_air_shows_as_mass_times_acceleration(
    symmetric_humanoid: Humanoid, standing: Array, acceleration: float
) -> None:
    time = np.arange(12) / FPS
    qpos = standing[:12].copy()
    qpos[:, 1] += 0.5 * acceleration * time**2
    qpos[:, 2] += 1.0 - 0.5 * GRAVITY * time**2 + 3.0 * time
    found = unexplained_force(symmetric_humanoid, qpos)
    np.testing.assert_allclose(found, acceleration / GRAVITY, atol=1e-9)


def test_hovering_shows_as_one_body_weight(humanoid: Humanoid, standing: Array) -> None:
    hovering = standing[:8] + 0.5 * np.eye(humanoid.nq)[2]
    np.testing.assert_allclose(unexplained_force(humanoid, hovering), 1.0, atol=0.03)


def test_noise_becomes_feasible_and_stays_close(clip: Clip) -> None:
    body, kin, out = clip.humanoid, clip.noisy, clip.noisy_refined
    assert unexplained_force(body, kin).mean() > 0.15
    assert out.unexplained_force_bw.mean() < 0.04
    assert _slide_mm(body, out.qpos) < 0.3 * _slide_mm(body, kin)
    assert _slide_mm(body, out.qpos) < 3.0
    assert np.maximum(-qpos_to_corners(body, out.qpos)[..., 2], 0).max() < 0.004
    assert np.maximum(-qpos_to_corners(body, kin)[..., 2], 0).max() > 0.02
    to_clean = [_distance_mm(body, q, clip.walk) for q in (kin, out.qpos)]
    assert to_clean[1] < 1.1 * to_clean[0]


def test_what_is_reported_is_what_the_diagnostic_finds(clip: Clip) -> None:
    out = clip.noisy_refined
    found = unexplained_force(clip.humanoid, out.qpos)
    np.testing.assert_allclose(found, out.unexplained_force_bw, atol=1e-6)


def test_forces_push_and_stay_in_the_friction_cone(clip: Clip) -> None:
    forces = clip.noisy_refined.contact_forces
    assert forces.shape == (len(clip.noisy), 8, 3)
    assert forces[..., 2].min() >= 0
    assert (np.abs(forces[..., :2]).sum(-1) <= 0.8 * forces[..., 2] + 1e-9).all()
    mean = forces[..., 2].sum(1).mean() / clip.humanoid.body_weight
    assert mean == pytest.approx(1.0, abs=0.1)


def test_a_feasible_motion_hardly_changes(clip: Clip) -> None:
    once = clip.walk_refined.qpos
    assert _distance_mm(clip.humanoid, once, clip.walk) < 12.0
    twice = refine(clip.humanoid, once).qpos
    assert _distance_mm(clip.humanoid, twice, once) < 4.0


def test_near_moves_less_and_firm_explains_more(clip: Clip) -> None:
    near, firm = (
        refine(clip.humanoid, clip.walk, FPS, NEAR),
        refine_firmly(clip.humanoid, clip.walk),
    )
    moved = [_distance_mm(clip.humanoid, each.qpos, clip.walk) for each in (near, firm)]
    assert moved[0] < moved[1]
    assert near.unexplained_force_bw.mean() > firm.unexplained_force_bw.mean()
    assert _slide_mm(clip.humanoid, near.qpos) < 0.5 * _slide_mm(clip.humanoid, clip.walk)


def test_every_step_lowers_the_objective(clip: Clip) -> None:
    options = RefineOptions()
    for out in (clip.walk_refined, clip.noisy_refined):
        assert 0 < out.iterations <= options.max_iterations
        assert all(step.after < step.before for step in out.steps)
        firm = out.steps[options.soft_iterations :]
        assert firm[-1].after < 0.8 * firm[0].before


def test_the_same_input_gives_the_same_bits_with_any_number_of_threads(clip: Clip) -> None:
    with threadpool_limits(2):
        again = refine(clip.humanoid, clip.noisy)
    np.testing.assert_array_equal(again.qpos, clip.noisy_refined.qpos)
    np.testing.assert_array_equal(again.contact_forces, clip.noisy_refined.contact_forces)


def test_where_the_clip_is_does_not_matter(clip: Clip) -> None:
    """Ten metres away and turned by 90 degrees, which maps the friction pyramid onto itself."""
    far = clip.noisy.copy()
    far[:, :2] = far[:, [1, 0]] * [-1.0, 1.0] + [10.0, -7.0]
    w, x, y, z = far[:, 3:7].T.copy()
    far[:, 3:7] = np.sqrt(0.5) * np.stack([w - z, x - y, x + y, w + z], -1)
    out = refine(clip.humanoid, far).qpos
    back = (out[:, :2] - [10.0, -7.0])[:, [1, 0]] * [1.0, -1.0]
    np.testing.assert_allclose(back, clip.noisy_refined.qpos[:, :2], atol=2e-3)


def test_no_iterations_change_nothing(clip: Clip) -> None:
    out = refine(clip.humanoid, clip.walk, options=RefineOptions(max_iterations=0))
    np.testing.assert_allclose(out.qpos, clip.walk, atol=1e-12)
    assert not out.converged


@pytest.mark.parametrize("frames", [1, 2])
def test_too_short_for_accelerations(humanoid: Humanoid, standing: Array, frames: int) -> None:
    out = refine(humanoid, standing[:frames])
    np.testing.assert_array_equal(out.qpos, standing[:frames])
    assert out.contact_forces.shape == (frames, 8, 3)
    with pytest.raises(InvalidMotionError, match="three frames"):
        unexplained_force(humanoid, standing[:frames])


def test_three_frames_are_enough(clip: Clip) -> None:
    assert np.isfinite(refine(clip.humanoid, clip.noisy[:3]).qpos).all()


def test_bad_motions_are_refused(humanoid: Humanoid, standing: Array) -> None:
    broken = standing.copy()
    broken[11, 20] = np.nan
    with pytest.raises(InvalidMotionError, match="first in frame 11"):
        refine(humanoid, broken)
    with pytest.raises(InvalidMotionError, match="first in frame 11"):
        unexplained_force(humanoid, broken)


def test_teleports_give_finite_poses(clip: Clip) -> None:
    jumpy = clip.walk.copy()
    jumpy[30:, :3] += [20.0, -5.0, 8.0]
    out = refine(clip.humanoid, jumpy)
    assert np.isfinite(out.qpos).all()
    assert out.unexplained_force_bw.max() > 1.0


def test_a_step_that_is_not_finite_is_an_error(clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(self: PentadiagonalBlocks, right: Array, damping: float = 0.0) -> Array:
        step = np.zeros_like(right)
        step[17, 3] = np.nan
        return step

    monkeypatch.setattr(PentadiagonalBlocks, "solve", lost)
    with pytest.raises(SimulationError, match="first in frame 17"):
        refine(clip.humanoid, clip.walk)


def test_a_singular_system_is_an_error(clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    def singular(self: PentadiagonalBlocks, right: Array, damping: float = 0.0) -> Array:
        raise np.linalg.LinAlgError("7-th leading minor not positive definite")

    monkeypatch.setattr(PentadiagonalBlocks, "solve", singular)
    with pytest.raises(SimulationError, match="not positive definite"):
        refine(clip.humanoid, clip.walk)


def test_the_soft_start_pays(clip: Clip) -> None:
    hard = refine(clip.humanoid, clip.noisy, options=RefineOptions(soft_iterations=0))
    assert clip.noisy_refined.steps[-1].after < hard.steps[-1].after


def test_weights_reach_the_result(clip: Clip) -> None:
    weights = RefineOptions().weights
    free = refine(clip.humanoid, clip.noisy, options=RefineOptions(replace(weights, wrench=1e-6)))
    assert free.unexplained_force_bw.mean() > 5 * clip.noisy_refined.unexplained_force_bw.mean()
    assert kinodynamic.SOFT_START["effort"] > 1
