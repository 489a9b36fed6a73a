"""Physics and controllers that go wrong: counted failures, saved states, no bad number out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mujoco
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from uhc.control.reference import build_reference
from uhc.control.simulation import DIVERGED, Simulation
from uhc.controllers.base import TrackingRequest
from uhc.controllers.policy import PolicyController
from uhc.controllers.tracker import Tracker
from uhc.correct import correct_joints
from uhc.rl.environment import ACTION, ReferenceClip, TrackingEnv
from uhc.rl.observation import SIZE
from uhc.rl.policy import Policy


def test_a_clip_that_diverges_is_stopped(
    symmetric_humanoid, standing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is simulated after it: five levels of one frame, whatever the length of the clip."""
    steps = []
    advance = Simulation.advance

    def counted(self, *arguments):
        steps.append(arguments[0])
        return advance(self, *arguments)

    monkeypatch.setattr(Simulation, "advance", counted)
    monkeypatch.setattr("uhc.control.simulation.MAX_SPEED", 0.0)
    done = Tracker().track(TrackingRequest(symmetric_humanoid, standing))
    assert done.reason == DIVERGED and steps == [0] * 5


@pytest.mark.parametrize("error", [np.linalg.LinAlgError("singular"), mujoco.FatalError("stack")])
def test_a_breakdown_inside_the_physics_is_a_divergence(
    symmetric_humanoid, standing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr(mujoco, "mj_step", broken)
    request = TrackingRequest(symmetric_humanoid, standing, dump_folder=tmp_path)
    done = Tracker().track(request)
    assert not done.success and done.reason == DIVERGED and np.isfinite(done.qpos).all()
    assert len(list(tmp_path.iterdir())) == 5


def test_the_saved_state_can_be_looked_into(symmetric_humanoid, standing, tmp_path: Path) -> None:
    reference = build_reference(standing[:10], 20.0)
    simulation = Simulation(symmetric_humanoid, reference, 25.0, Tracker().gains)
    assert simulation.advance(0) == ""
    before = simulation.data.qpos.copy()
    push = np.full(symmetric_humanoid.nv, np.nan)
    assert simulation.advance(12, push=push) == DIVERGED
    with ThreadPoolExecutor(4) as pool:  # several workers save at once
        list(pool.map(simulation.dump, [tmp_path] * 12))
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == [f"diverged_{number:03d}.npz" for number in range(12)]
    for file in files:
        with np.load(file) as saved:
            np.testing.assert_array_equal(saved["qpos_before"], before)
            assert saved["time_before"] == pytest.approx(0.05) and saved["clamp_n"] == 25.0
            np.testing.assert_array_equal(saved["reference_qpos"], reference.qpos)


def test_a_state_that_cannot_be_saved_costs_a_warning(
    symmetric_humanoid, standing, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    reference = build_reference(standing[:10], 20.0)
    simulation = Simulation(symmetric_humanoid, reference, 0.0, Tracker().gains)
    simulation.dump(tmp_path / "file")
    assert "could not be saved" in caplog.text


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    place=st.integers(0, 53),
    value=st.sampled_from([np.nan, np.inf, -np.inf, 1e300, 1e12, 1e7]),
    where=st.sampled_from(["qpos", "qvel", "push"]),
)
def test_no_state_gets_past_the_simulation(
    symmetric_humanoid, standing, place: int, value: float, where: str
) -> None:
    """One spoiled number anywhere is a divergence, or is gone after a frame."""
    reference = build_reference(standing[:10], 20.0)
    simulation = Simulation(symmetric_humanoid, reference, 200.0, Tracker().gains)
    push = np.zeros(symmetric_humanoid.nv)
    target = push if where == "push" else getattr(simulation.data, where)
    target[place] = value
    trouble = simulation.advance(0, push=push)
    if not trouble:
        assert np.isfinite(simulation.data.qpos).all() and np.isfinite(simulation.data.qvel).all()
    else:
        assert trouble == DIVERGED
    assert np.isfinite([simulation.mean_force, simulation.mean_torque]).all()


# The learned controller.


def policy_of(weight: float, bias: float, deviation: float = 1.0) -> Policy:
    """Two layers of 8 units with one number everywhere."""
    weights = (np.full((8, SIZE), weight), np.full((ACTION, 8), weight))
    return Policy(
        np.zeros(SIZE), np.full(SIZE, deviation), weights, (np.full(8, bias), np.full(ACTION, bias))
    )


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        (policy_of(np.nan, 0.0), DIVERGED),
        (policy_of(0.0, np.nan), DIVERGED),
        (policy_of(1e300, 0.0), ""),
        (policy_of(-1e300, -1e300), ""),
        (policy_of(np.inf, np.inf), ""),
        (policy_of(1.0, 1.0, deviation=0.0), ""),
        (policy_of(0.0, 1e6), "fell behind the reference"),
    ],
    ids=[
        "NaN weights",
        "NaN biases",
        "huge",
        "huge and negative",
        "infinite",
        "no deviation",
        "wild",
    ],
)
def test_a_broken_policy_is_a_counted_failure(
    symmetric_humanoid, standing, tmp_path: Path, policy: Policy, reason: str
) -> None:
    request = TrackingRequest(symmetric_humanoid, standing, dump_folder=tmp_path)
    done = PolicyController(policy).track(request)
    assert not done.success and done.reason in ((reason,) if reason else (
        DIVERGED, "fell behind the reference"
    ))  # fmt: skip
    assert 0 < done.failed_frame == len(done.qpos) and np.isfinite(done.qpos).all()
    assert np.isfinite([done.force_bw, done.torque_bwm, done.contact_bw, done.error_m]).all()
    assert len(list(tmp_path.iterdir())) == (done.reason == DIVERGED)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([1.0, 1e3, 1e30, 1e300]))
def test_no_policy_gets_a_bad_number_out_of_the_environment(
    symmetric_humanoid, standing, seed: int, scale: float
) -> None:
    env = TrackingEnv(symmetric_humanoid, [ReferenceClip("", standing[:12])])
    env.reset(options={"clip": 0, "fraction": 0.0, "whole": True})
    rng = np.random.default_rng(seed)
    for _ in range(11):
        action = scale * rng.normal(size=ACTION)
        observation, reward, failed, cut, info = env.step(action)
        assert np.isfinite(observation).all() and 0.0 <= reward <= 1.0
        if failed or cut:
            assert info["success"] == cut
            break


@pytest.mark.slow
def test_ten_thousand_frames(shared: Path) -> None:
    """The real clip to and fro for more than eight minutes: some 130 s on one core."""
    path = shared / "data" / "humanml3d_sample" / "new_joints" / "012314.npy"
    once = np.load(path)
    there_and_back = np.concatenate([once, once[::-1]])
    frames = 10_000
    long = np.tile(there_and_back, (frames // len(there_and_back) + 1, 1, 1))[:frames]
    (found,) = correct_joints([long], workers=2)
    assert found.joints is not None and found.joints.shape == long.shape
    assert np.isfinite(found.joints).all()
    assert found.success and found.method_used == "simulated"
