"""Simulated tracking: what physics says about standing, falling and walking, and how it stops."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import mujoco
import numpy as np
import pytest
from numpy.typing import NDArray

from loop.errors import InvalidMotionError, InvalidOptionError
from translation.ik import solve_ik
from uhc.control.reference import build_reference
from uhc.control.simulation import Simulation
from uhc.controllers.base import TrackingRequest, finish
from uhc.controllers.tracker import Tracker
from uhc.humanoid.cleanup import clean
from uhc.humanoid.model import (
    Humanoid,
    build_humanoid,
    pose_to_qpos,
    qpos_to_corners,
)
from uhc.humanoid.poses import qpos_difference
from uhc.humanoid.segments import TIMESTEP_S
from uhc.refine.solve import refine

Poses = NDArray[np.float64]
STRICT = Tracker(levels_n=(0.0,))


@pytest.fixture(scope="module")
def walking(walk: NDArray[np.float32]) -> tuple[Humanoid, Poses]:
    """A refined real walk."""
    solution = solve_ik([walk], threads=1)[0]
    body = build_humanoid(solution.skeleton)
    raw = pose_to_qpos(body, solution.root_position, solution.local_quat_wxyz)
    return body, refine(body, clean(body, raw)).qpos


def test_standing_is_held_for_five_seconds_without_help(
    symmetric_humanoid: Humanoid, standing: Poses
) -> None:
    done = STRICT.track(TrackingRequest(symmetric_humanoid, standing))
    assert done.success
    assert done.force_bw < 1e-12 and done.torque_bwm < 1e-12
    assert done.contact_bw == pytest.approx(1.0, abs=0.01)
    assert done.error_m < 0.006
    soles = qpos_to_corners(symmetric_humanoid, done.qpos[5:])[..., 2]
    assert np.abs(soles).max() < 0.002


def test_above_the_floor_it_falls_as_bodies_fall(
    symmetric_humanoid: Humanoid, standing: Poses
) -> None:
    """Nothing holds it up: the pelvis follows g t^2 / 2 until the failure is called."""
    raised = standing.copy()
    raised[:, 2] += 1.0
    done = replace(STRICT, settle_m=0.0).track(TrackingRequest(symmetric_humanoid, raised))
    assert not done.success and done.reason == "fell behind the reference"
    assert done.failed_frame == len(done.qpos) == 7  # g t^2 / 2 passes 0.5 m in 0.32 s
    times = 0.05 * np.arange(len(done.qpos))
    np.testing.assert_allclose(done.qpos[:, 2] - raised[0, 2], -4.905 * times**2, atol=0.02)
    assert done.force_bw == 0.0 and done.contact_bw == 0.0


def test_residual_force_never_exceeds_the_clamp_and_is_measured(
    symmetric_humanoid: Humanoid, standing: Poses
) -> None:
    raised = standing[:20].copy()
    raised[:, 2] += 1.0
    reference = build_reference(raised, 20.0)
    simulation = Simulation(symmetric_humanoid, reference, 40.0, Tracker().gains)
    for frame in range(5):
        assert simulation.advance(frame * reference.stride) == ""
        assert np.abs(simulation.data.qfrc_applied[:6]).max() <= 40.0 + 1e-9
    assert 40.0 <= simulation.mean_force <= 40.0 * np.sqrt(3)


def test_a_real_walk_is_tracked_closely(walking: tuple[Humanoid, Poses]) -> None:
    body, qpos = walking
    done = Tracker().track(TrackingRequest(body, qpos))
    assert done.success and done.clamp_n <= 50.0
    assert done.error_m < 0.03
    assert done.force_bw <= np.sqrt(3) * done.clamp_n / body.body_weight
    assert done.contact_bw == pytest.approx(1.0, abs=0.05)
    assert qpos_to_corners(body, done.qpos)[..., 2].min() > -0.01


def test_a_reference_that_has_learnt_is_followed_more_closely(
    walking: tuple[Humanoid, Poses],
) -> None:
    """Half of an error that comes again is gone after a pass, three quarters after two."""
    body, qpos = walking
    request = TrackingRequest(body, qpos)
    errors = [Tracker(levels_n=(50.0,), passes=n).track(request) for n in (0, 2)]
    assert errors[1].error_m < errors[0].error_m
    assert errors[1].force_bw <= errors[0].force_bw
    assert errors[1].contact_bw == pytest.approx(1.0, abs=0.05)


def test_contacts_alone_carry_a_walk_and_change_its_momentum(
    walking: tuple[Humanoid, Poses],
) -> None:
    """Newton: the impulse of the floor is that of gravity plus the change of momentum."""
    body, qpos = walking
    reference = build_reference(qpos, 20.0)
    simulation = Simulation(body, reference, 0.0, Tracker().gains)
    speeds = []
    for frame in range(41):
        mujoco.mj_forward(body.model, simulation.data)
        mujoco.mj_subtreeVel(body.model, simulation.data)
        speeds.append(simulation.data.subtree_linvel[0, 2])
        if frame < 40:
            assert simulation.advance(frame * reference.stride) == ""
    gained = (speeds[-1] - speeds[0]) / (40 / 20)
    expected = body.body_weight + body.mass * gained
    assert simulation.mean_contact == pytest.approx(expected, rel=0.01)
    assert simulation.mean_force == 0.0


def test_tracking_is_deterministic(walking: tuple[Humanoid, Poses]) -> None:
    body, qpos = walking
    first, second = (Tracker().track(TrackingRequest(body, qpos[:20])) for _ in range(2))
    np.testing.assert_array_equal(first.qpos, second.qpos)


def test_the_first_residual_force_level_that_is_close_enough_is_kept(
    walking: tuple[Humanoid, Poses],
) -> None:
    body, qpos = walking
    qpos = qpos[:30]
    strict = Tracker(levels_n=(0.0, 50.0, 200.0), accept_error_m=0.0)
    closest = strict.track(TrackingRequest(body, qpos))
    assert closest.success
    lenient = replace(strict, accept_error_m=1.0).track(TrackingRequest(body, qpos))
    assert lenient.success and lenient.clamp_n <= closest.clamp_n
    assert closest.error_m <= lenient.error_m


def test_teleports_only_when_asked_and_only_after_every_level_failed(
    symmetric_humanoid: Humanoid, standing: Poses
) -> None:
    raised = standing[:40].copy()
    raised[:, 2] += 2.0
    tracker = Tracker(levels_n=(0.0, 25.0))
    done = tracker.track(TrackingRequest(symmetric_humanoid, raised, teleport=True))
    assert not done.success and done.teleports >= 3
    # Each failed pose is recorded beside the one put in its place, as published.
    assert len(done.qpos) == 40 + done.teleports and np.isfinite(done.qpos).all()
    request = TrackingRequest(symmetric_humanoid, standing[:20], teleport=True)
    assert tracker.track(request).teleports == 0


def test_a_diverging_simulation_stops_and_leaves_its_state(
    symmetric_humanoid: Humanoid, standing: Poses, tmp_path: Path
) -> None:
    reference = build_reference(standing[:20], 20.0)
    broken = reference.qacc.copy()
    broken[100:, 10] = np.nan
    request = TrackingRequest(symmetric_humanoid, standing[:20], dump_folder=tmp_path / "dumps")
    done = finish(Tracker().trial(request, replace(reference, qacc=broken), 0.0))
    assert not done.success and done.reason == "the simulation diverged"
    assert done.failed_frame == 100 // reference.stride + 1
    assert np.isfinite(done.qpos).all()
    with np.load(tmp_path / "dumps" / "diverged_000.npz") as saved:
        assert saved["qpos"].shape == (71,) and np.isfinite(saved["qpos"]).all()


def test_mujoco_writes_no_log_into_the_working_directory(
    symmetric_humanoid: Humanoid,
    standing: Poses,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    reference = build_reference(standing[:10], 20.0)
    simulation = Simulation(symmetric_humanoid, reference, 0.0, Tracker().gains)
    simulation.data.qvel[:] = 1e12
    assert simulation.advance(0)
    assert list(tmp_path.iterdir()) == []


def test_reference_runs_in_real_time_and_passes_through_the_frames(
    walking: tuple[Humanoid, Poses],
) -> None:
    _, qpos = walking
    reference = build_reference(qpos, 20.0)
    assert reference.stride * TIMESTEP_S == pytest.approx(1 / 20)
    error = qpos_difference(reference.qpos[:: reference.stride], qpos)
    np.testing.assert_allclose(error, 0.0, atol=1e-9)
    moved = qpos_difference(reference.qpos[5], reference.qpos[6], TIMESTEP_S)
    np.testing.assert_allclose(moved, 0.5 * (reference.qvel[5] + reference.qvel[6]), atol=2e-2)
    assert build_reference(qpos, 20.0, playback_rate=1.5).stride == 8


def test_refuses_what_cannot_be_played(standing: Poses) -> None:
    with pytest.raises(InvalidOptionError, match="whole number"):
        build_reference(standing, 20.0, playback_rate=1.3)
    with pytest.raises(InvalidMotionError, match="short"):
        build_reference(standing[:3], 20.0)


def test_refuses_no_residual_force_level() -> None:
    with pytest.raises(InvalidOptionError, match="residual-force level"):
        Tracker().up_to(-1.0)
