"""Recorded forces: they are those of the correction, and they carry the body's weight."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import mujoco as _mujoco
import numpy as np
import pytest
from numpy.typing import NDArray

from body_models.skeleton import DEFAULT_SKELETON, check_joints
from loop.errors import InvalidOptionError, SimulationError
from tests.uhc.bodies import all_fours, held
from translation.humanml import FPS
from uhc.control.reference import build_reference, steady_root
from uhc.control.simulation import Simulation
from uhc.controllers.base import Tracking, TrackingRequest
from uhc.controllers.cascade import Cascade
from uhc.controllers.faithful.controller import Faithful
from uhc.controllers.policy import PolicyController
from uhc.controllers.search import Search
from uhc.controllers.tracker import Tracker
from uhc.humanoid.fitting import fit_motion
from uhc.humanoid.model import Humanoid, qpos_to_joints
from uhc.options import CorrectionOptions
from uhc.pipeline import correct_clip
from uhc.recording import Recording, record
from uhc.refine.solve import NEAR, refine
from uhc.rl.environment import ACTION
from uhc.rl.observation import SIZE
from uhc.rl.policy import Policy

mujoco: Any = _mujoco  # its compiled parts carry no types
SETTLED = slice(4, None)
UNAIDED = Tracker(levels_n=(0.0,))


def swaying(frames: int = 24) -> np.ndarray:
    """Somebody stands, arms hanging, and shifts the hips 2 cm from side to side."""
    pose = DEFAULT_SKELETON.rest_joints.copy()
    for shoulder, elbow, wrist in ((16, 18, 20), (17, 19, 21)):
        for joint, parent in ((elbow, shoulder), (wrist, elbow)):
            pose[joint] = pose[parent] - [0, DEFAULT_SKELETON.lengths[joint], 0]
    joints = np.repeat((pose - [0, pose[:, 1].min() - 0.01, 0])[None], frames, axis=0)
    upper = [j for j in range(22) if j not in (4, 5, 7, 8, 10, 11)]
    joints[:, upper, 0] += 0.02 * np.sin(np.arange(frames) / 4)[:, None]
    return joints


def faint_policy() -> Policy:
    """Not trained: it pulls a little, another way whatever it sees."""
    weights = np.random.default_rng(0).normal(scale=0.01, size=(ACTION, SIZE))
    return Policy(np.zeros(SIZE), np.ones(SIZE), (weights,), (np.zeros(ACTION),))


def delivered(recorded: Recording) -> NDArray[np.float32]:
    """The joints of the recorded poses where the correction delivers them."""
    joints = qpos_to_joints(recorded.humanoid, recorded.qpos)
    joints[..., 1] -= recorded.lift
    return joints


def load(recorded: Recording, *names: str) -> float:
    """Mean vertical force of the floor on geoms, or on everything, body weights."""
    model = recorded.humanoid.model
    rows = [not names or model.geom(geom).name in names for geom in recorded.contact_geoms]
    vertical = recorded.contact_forces[SETTLED][:, rows, 2].sum(axis=1).mean()
    return float(vertical) / recorded.humanoid.body_weight


def residual_bw(recorded: Recording) -> float:
    """Mean vertical residual force, body weights."""
    return recorded.residual_force[SETTLED, 2].mean() / recorded.humanoid.body_weight


@pytest.fixture(scope="module")
def recorded() -> Recording:
    return record(swaying())


def test_poses_are_those_of_the_correction(recorded: Recording) -> None:
    corrected = correct_clip(swaying(), CorrectionOptions())
    assert corrected.success and corrected.joints is not None
    np.testing.assert_allclose(delivered(recorded), corrected.joints, atol=1e-6)
    assert recorded.clamp_n == corrected.clamp_n


def test_the_floor_carries_the_weight_where_the_feet_are(recorded: Recording) -> None:
    assert abs(load(recorded) + residual_bw(recorded) - 1) < 0.05
    assert recorded.contact_forces[SETTLED, :, 2].min() >= 0
    assert not recorded.contact_forces[:, 2:].any()
    points = recorded.contact_points[SETTLED]
    assert np.nanmax(np.abs(points[..., 2])) < 0.01
    # The left foot is at +x; each carries more when the hips are over it.
    assert np.nanmean(points[:, 0, 0]) > 0.03 and np.nanmean(points[:, 1, 0]) < -0.03


def test_forces_are_those_of_every_physics_step() -> None:
    """Bit for bit what one sees who stops the tracker's simulation after each of its steps."""
    options = Tracker(passes=0)
    recorded = record(swaying(), CorrectionOptions(controller=options))
    clip = fit_motion(check_joints(swaying()))
    lowered = steady_root(refine(clip.humanoid, clip.qpos, FPS, NEAR).qpos, FPS)
    lowered[:, 2] -= options.settle_m
    reference = build_reference(lowered, FPS)
    single = replace(reference, stride=1)
    simulation = Simulation(clip.humanoid, single, recorded.clamp_n, options.gains)
    simulation.data.qpos[2] += options.start_lift_m
    forces, residual = np.zeros((len(lowered), 2, 3)), np.zeros((len(lowered), 3))
    points, loads = np.zeros((len(lowered), 2, 3)), np.zeros((len(lowered), 2, 1))
    bodies = [int(clip.humanoid.corner_bodies[corner]) + 1 for corner in (0, 4)]
    for step in range(reference.stride * (len(lowered) - 1)):
        assert not simulation.advance(step)
        frame, data = step // reference.stride + 1, simulation.data
        residual[frame] += data.qfrc_applied[:3]
        for index, contact in enumerate(data.contact):
            foot = bodies.index(int(clip.humanoid.model.geom_bodyid[contact.geom2]))
            wrench = np.zeros(6)
            mujoco.mj_contactForce(clip.humanoid.model, data, index, wrench)
            force = contact.frame.reshape(3, 3).T @ wrench[:3]
            forces[frame, foot] += force
            points[frame, foot] += max(force[2], 0.0) * contact.pos
            loads[frame, foot] += max(force[2], 0.0)
    assert (loads[1:] > 0).all()
    stride = reference.stride
    np.testing.assert_array_equal(recorded.contact_forces[1:, :2], forces[1:] / stride)
    np.testing.assert_array_equal(recorded.contact_points[1:, :2], points[1:] / loads[1:])
    np.testing.assert_array_equal(recorded.residual_force[1:], residual[1:] / stride)


def test_a_search_is_recorded_as_it_was_found_and_searched_once(
    recorded: Recording,
) -> None:
    """The tracker is made to fail and the search not to try what the tracker does."""
    searched = []

    class Restless(Search):
        def _actions(self, rng: np.random.Generator, survivors: int) -> NDArray[np.float64]:
            return super()._actions(rng, 0)

        def track(self, request: TrackingRequest) -> Tracking:
            searched.append(request)
            return super().track(request)

    search = Restless(samples=4, survivors=2, steps=6)
    request = CorrectionOptions(controller=Cascade(search, replace(UNAIDED, failure_m=1e-4)))
    corrected = correct_clip(swaying(), request)
    assert corrected.success and corrected.joints is not None
    searched.clear()
    found = record(swaying(), request)
    assert len(searched) == 1
    np.testing.assert_allclose(delivered(found), corrected.joints, atol=1e-6)
    assert np.abs(found.qpos - recorded.qpos).max() > 1e-3  # the tracker's would be another film
    assert found.clamp_n == 0.0 and not found.residual_force.any()
    assert abs(load(found) - 1) < 0.05


def test_a_policy_is_recorded(recorded: Recording) -> None:
    request = CorrectionOptions(controller=PolicyController(faint_policy()))
    found = record(swaying(), request)
    corrected = correct_clip(swaying(), request)
    assert corrected.success and corrected.joints is not None
    np.testing.assert_allclose(delivered(found), corrected.joints, atol=1e-6)
    assert np.abs(found.qpos - recorded.qpos).max() > 1e-3
    assert found.clamp_n == 0.0 and not found.residual_force.any()
    assert abs(load(found) - 1) < 0.05


def test_the_level_that_was_kept_is_recorded_with_its_residual_force() -> None:
    rising = swaying()
    rising[:, :, 1] += 0.5 / (1 + np.exp(6 - np.arange(24) / 1.5))[:, None]
    request = CorrectionOptions(controller=Tracker(levels_n=(0.0, 50.0, 2000.0)))
    found, corrected = record(rising, request), correct_clip(rising, request)
    assert corrected.success and corrected.joints is not None
    np.testing.assert_allclose(delivered(found), corrected.joints, atol=1e-6)
    assert found.clamp_n == corrected.clamp_n == 50.0
    assert 0.0 < np.abs(found.residual_force).max() <= 50.0 + 1e-9
    # A frame's mean force is at most as large as its steps' forces are on average.
    mean_bw = np.linalg.norm(found.residual_force[1:], axis=1).mean() / found.humanoid.body_weight
    assert 0.5 < mean_bw / corrected.residual_force_bw < 1.0 + 1e-9


def test_a_lying_body_is_carried_by_what_it_lies_on(
    body_humanoid: Humanoid, lying: NDArray[np.float64]
) -> None:
    found = record(qpos_to_joints(body_humanoid, lying[:24]))
    assert found.humanoid.contacts == "body"
    assert abs(load(found) + residual_bw(found) - 1) < 0.03
    trunk = [f"sphere_{s}" for s in (6, 7, 8, 9, 10)]  # pelvis, back, head, hips
    assert load(found, *trunk) > 0.6
    touched = np.isfinite(found.contact_points)
    assert np.abs(found.contact_points[..., 2][touched[..., 2]]).max() < 0.01


def test_hands_and_knees_carry_who_is_on_all_fours(body_humanoid: Humanoid) -> None:
    found = record(qpos_to_joints(body_humanoid, held(body_humanoid, all_fours())[:24]))
    knees, hands = (load(found, f"sphere_{s}", f"sphere_{s + 1}") for s in (0, 4))
    assert knees > 0.4 and hands > 0.1
    assert abs(load(found) + residual_bw(found) - 1) < 0.03


def test_a_body_that_is_meant_to_stand_shows_what_else_it_touches(
    body_humanoid: Humanoid, lying: NDArray[np.float64]
) -> None:
    """It has no spheres; its capsules touch the floor."""
    joints = qpos_to_joints(body_humanoid, lying[:24])
    found = record(
        joints, CorrectionOptions(contacts="feet", controller=Tracker(levels_n=(2000.0,)))
    )
    assert found.humanoid.contacts == "feet"
    assert load(found) - load(found, "geom_7_0", "geom_8_0") > 0.5
    assert abs(load(found) + residual_bw(found) - 1) < 0.03


def test_what_cannot_be_recorded_is_refused() -> None:
    nobody: Faithful = Faithful.__new__(Faithful)
    with pytest.raises(InvalidOptionError, match="tracker, search or policy"):
        record(swaying(), CorrectionOptions(controller=nobody))
    jump = swaying()
    jump[12:, :, 1] += 0.7
    with pytest.raises(SimulationError, match="without forces"):
        record(jump, CorrectionOptions(controller=replace(UNAIDED, failure_m=0.01)))
