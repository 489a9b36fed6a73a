"""The correction as its users see it: what comes back, and what bad motions cost."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from body_models.skeleton import DEFAULT_SKELETON, Skeleton
from loop.errors import InvalidOptionError
from translation.humanml import joints_to_vectors, vectors_to_joints
from uhc.controllers.tracker import Tracker
from uhc.correct import CorrectionResult, correct_joints, correct_motions
from uhc.humanoid.fitting import MAX_DROP_M, foot_drop
from uhc.humanoid.segments import FOOT_DROP_M
from uhc.measure.plausibility import penetrate_mm, skate_mm
from uhc.options import METHODS, CorrectionOptions, Method

Joints = NDArray[np.float32]


@pytest.fixture(scope="module")
def vectors(walk: Joints) -> NDArray[np.float32]:
    """(40, 263): two seconds of the real walk."""
    return joints_to_vectors(walk[:41])


@pytest.fixture(scope="module")
def corrected(vectors: NDArray[np.float32]) -> dict[Method, CorrectionResult]:
    """The walk by every method."""
    return {
        method: correct_motions([vectors], CorrectionOptions(method), workers=1)[0]
        for method in METHODS
    }


@pytest.mark.parametrize("method", METHODS)
def test_frames_and_placement_survive(
    method: Method, vectors: NDArray[np.float32], corrected: dict[Method, CorrectionResult]
) -> None:
    result = corrected[method]
    assert result.success and result.method_used == method and result.reason == ""
    assert result.vectors is not None and result.joints is not None
    assert result.vectors.shape == vectors.shape and result.vectors.dtype == np.float32
    assert result.joints.shape == (len(vectors), 22, 3)
    again = vectors_to_joints(result.vectors)
    given_joints = vectors_to_joints(vectors)
    np.testing.assert_allclose(again[0, 0, [0, 2]], 0.0, atol=1e-6)
    # Same heading and path: the end of the walk is where it was.
    assert np.linalg.norm((again - given_joints)[-1, 0]) < 0.05
    assert np.linalg.norm(again - given_joints, axis=-1).mean() < 0.04


def test_nothing_is_done_to_a_motion_by_none(
    vectors: NDArray[np.float32], corrected: dict[Method, CorrectionResult]
) -> None:
    assert corrected["none"].vectors is not None
    np.testing.assert_array_equal(corrected["none"].vectors, vectors)
    assert corrected["none"].mpjpe_mm == 0.0


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), frames=st.integers(1, 60))
def test_none_is_the_identity_on_any_vectors(seed: int, frames: int) -> None:
    drawn = np.random.default_rng(seed).normal(size=(frames, 263)).astype(np.float32)
    result = correct_motions([drawn], CorrectionOptions("none"))[0]
    assert result.vectors is not None
    np.testing.assert_array_equal(result.vectors, drawn)


@pytest.mark.parametrize("method", ["kinematic", "simulated"])
def test_a_sample_keeps_the_heading_of_its_vectors(
    method: Method, vectors: NDArray[np.float32]
) -> None:
    """A sample's heading need not be the one that its shoulders and hips would measure."""
    sample = vectors.copy()
    sample[:, 0] += 0.01
    kept = correct_motions([sample], CorrectionOptions(method), workers=1)[0].vectors
    anew = correct_motions([sample], CorrectionOptions(method, keep_heading=False), workers=1)[
        0
    ].vectors
    assert kept is not None and anew is not None
    np.testing.assert_allclose(kept[:, 0], sample[:, 0], atol=1e-6)
    assert np.abs(anew[:, 0] - sample[:, 0]).max() > 1e-3
    away = np.linalg.norm((kept - sample)[:, 4:67].reshape(-1, 21, 3), axis=-1)
    assert away.mean() < 0.03


def test_vectors_and_joints_of_a_result_agree(
    corrected: dict[Method, CorrectionResult],
) -> None:
    result = corrected["simulated"]
    assert result.vectors is not None and result.joints is not None
    joints = result.joints - result.joints[:1, :1] * np.array([1.0, 0.0, 1.0])
    np.testing.assert_allclose(vectors_to_joints(result.vectors), joints, atol=1e-4)


def test_bones_keep_their_lengths(
    vectors: NDArray[np.float32], corrected: dict[Method, CorrectionResult]
) -> None:
    result = corrected["simulated"]
    assert result.joints is not None
    before = Skeleton.from_joints(vectors_to_joints(vectors)).lengths
    after = Skeleton.from_joints(result.joints).lengths
    np.testing.assert_allclose(after, before, atol=1e-4)


def test_a_given_skeleton_is_what_comes_back(walk: Joints) -> None:
    """Bones that change from frame to frame, as a network's do, become those of the data."""
    wobbly = walk[:20] * (1.0 + 0.05 * np.sin(np.arange(20)))[:, None, None]
    result = correct_joints([wobbly], CorrectionOptions(skeleton=DEFAULT_SKELETON), workers=1)[0]
    assert result.success and result.joints is not None
    bones = result.joints[:, 1:] - result.joints[:, list(DEFAULT_SKELETON.parents[1:])]
    lengths = np.linalg.norm(bones, axis=-1)
    np.testing.assert_allclose(lengths, np.tile(DEFAULT_SKELETON.lengths[1:], (20, 1)), atol=1e-4)


def test_each_stage_is_more_physical(corrected: dict[Method, CorrectionResult]) -> None:
    kinematic, refined = corrected["kinematic"], corrected["refined"]
    simulated = corrected["simulated"]
    assert refined.unexplained_force_bw < 0.5 * kinematic.unexplained_force_bw
    assert np.isnan(kinematic.residual_force_bw) and np.isnan(simulated.unexplained_force_bw)
    assert simulated.residual_force_bw < 0.05 and simulated.clamp_n <= 50.0
    assert simulated.joints is not None and penetrate_mm(simulated.joints) < 1.0


def test_sliding_feet_are_held(walk: Joints) -> None:
    """The root travels 1.5 times as far as the steps carry it."""
    travel = (walk[:, :1] - walk[:1, :1]) * np.array([0.5, 0.0, 0.5], np.float32)
    kinematic = correct_joints([walk + travel], CorrectionOptions("kinematic"), workers=1)[0]
    simulated = correct_joints([walk + travel], CorrectionOptions(), workers=1)[0]
    assert kinematic.joints is not None and simulated.joints is not None and simulated.success
    assert skate_mm(kinematic.joints) > 10.0
    assert skate_mm(simulated.joints) < 0.4 * skate_mm(kinematic.joints)


def test_a_floor_at_the_wrong_height_is_repaired(walk: Joints) -> None:
    sunk = walk[:30] - np.array([0.0, 0.12, 0.0], np.float32)
    result = correct_joints([sunk], CorrectionOptions(), workers=1)[0]
    assert result.success and result.joints is not None
    assert penetrate_mm(sunk) > 80.0 and penetrate_mm(result.joints) < 1.0
    assert np.linalg.norm(result.joints - walk[:30], axis=-1).mean() < 0.04


def test_a_clip_far_away_and_turned_stays_where_it_is(walk: Joints) -> None:
    """Turning by a quarter and moving by a kilometre commutes with the correction."""
    clip = walk[:20].astype(np.float64)
    turned = np.stack([clip[..., 2], clip[..., 1], -clip[..., 0]], axis=-1)
    turned += np.array([30.0, 0.0, -7.0])
    here, there = correct_joints([clip, turned], CorrectionOptions("refined"), workers=1)
    assert here.joints is not None and there.joints is not None
    expected = np.stack([here.joints[..., 2], here.joints[..., 1], -here.joints[..., 0]], axis=-1)
    np.testing.assert_allclose(there.joints - np.array([30.0, 0.0, -7.0]), expected, atol=5e-3)


def test_results_do_not_depend_on_workers_or_neighbours(walk: Joints) -> None:
    clips = [walk[:16], walk[20:36], np.full((10, 22, 3), np.nan), walk[40:56]]
    alone = [correct_joints([clip], workers=1)[0] for clip in clips]
    together = correct_joints(clips, workers=2)
    for one, other in zip(alone, together, strict=True):
        assert (one.success, one.reason, one.clamp_n) == pytest.approx(
            (other.success, other.reason, other.clamp_n), nan_ok=True
        )
        if one.joints is not None:
            np.testing.assert_array_equal(one.joints, other.joints)
    assert [result.success for result in together] == [True, True, False, True]


def lying_under_the_floor(walk: Joints) -> Joints:
    return walk[:20] - np.array([0.0, 3.0, 0.0], np.float32)


def upside_down(walk: Joints) -> Joints:
    return walk[:20] * np.array([1.0, -1.0, -1.0], np.float32)


BAD: dict[str, tuple[Callable[[Joints], NDArray], str]] = {
    "nan": (lambda walk: np.where(np.arange(20)[:, None, None] == 7, np.nan, walk[:20]), "finite"),
    "infinity": (lambda walk: np.full((20, 22, 3), np.inf), "finite"),
    "too few joints": (lambda walk: walk[:20, :21], "shape"),
    "flat": (lambda walk: walk[0], "shape"),
    "no frame": (lambda walk: walk[:0], "short"),
    "one frame": (lambda walk: walk[:1], "short"),
    "three frames": (lambda walk: walk[:3], "short"),
    "100 m/s": (
        lambda walk: walk[:20] + np.arange(20)[:, None, None] * np.array([5.0, 0.0, 0.0]),
        "faster",
    ),
    "teleport": (
        lambda walk: walk[:20] + np.where(np.arange(20) > 9, 30.0, 0.0)[:, None, None],
        "faster",
    ),
    "a point": (lambda walk: np.zeros((20, 22, 3)), "length"),
    "a doll": (lambda walk: walk[:20] * 0.01, "bone"),
    "a giant": (lambda walk: walk[:20] * 30.0, ""),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_clip_is_a_counted_failure_with_a_reason(walk: Joints, name: str) -> None:
    make, word = BAD[name]
    bad, good = correct_joints([make(walk), walk[:12]], CorrectionOptions(), workers=1)
    assert not bad.success and bad.joints is None
    assert word in bad.reason and bad.reason and bad.detail
    assert good.success


@pytest.mark.parametrize(
    "motion",
    [
        np.zeros((20, 262)),
        np.zeros((0, 263)),
        np.full((20, 263), np.nan),
        np.zeros((20, 263)),
        np.full((20, 263), 1e30),
        np.array(3.0),
        np.array(["a motion"]),
    ],
    ids=["262 columns", "empty", "nan", "zeros", "huge", "scalar", "text"],
)
@pytest.mark.parametrize("method", ["kinematic", "simulated"])
def test_bad_vectors_cost_themselves_only(
    motion: NDArray, method: Method, vectors: NDArray[np.float32]
) -> None:
    bad, good = correct_motions([motion, vectors[:12]], CorrectionOptions(method), workers=1)
    assert not bad.success and bad.vectors is None and bad.joints is None and bad.reason
    assert good.success and good.vectors is not None and np.isfinite(good.vectors).all()


@pytest.mark.parametrize(
    "make",
    [
        lying_under_the_floor,
        upside_down,
        lambda walk: walk[:20] * 2.0,
        lambda walk: walk[:4],
        lambda walk: np.repeat(walk[:1], 20, axis=0),
        lambda walk: walk[:20] + np.random.default_rng(0).normal(0.0, 0.1, (20, 22, 3)),
        lambda walk: walk[:20] + np.arange(20)[:, None, None] * np.array([0.0, 0.2, 0.0]),
    ],
    ids=["under the floor", "upside down", "twice as tall", "4 frames", "still", "noise", "rising"],
)
def test_strange_clips_track_or_fail_but_give_finite_motion(
    walk: Joints, make: Callable[[Joints], Joints]
) -> None:
    clip = make(walk)
    result = correct_joints([clip], CorrectionOptions(), workers=1)[0]
    assert result.success or result.reason
    if result.joints is not None:
        assert result.joints.shape == clip.shape and np.isfinite(result.joints).all()
        assert np.isfinite([result.mpjpe_mm, result.residual_force_bw, result.clamp_n]).all()


def test_a_failed_imitation_delivers_the_refined_motion(walk: Joints) -> None:
    """No body follows within a millimetre."""
    options = CorrectionOptions(controller=Tracker(levels_n=(0.0, 25.0), failure_m=0.001))
    kept = correct_joints([walk[:20]], options, workers=1)[0]
    assert not kept.success and kept.method_used == "refined"
    assert kept.reason == "fell behind the reference" and "N of residual force" in kept.detail
    refined = correct_joints([walk[:20]], CorrectionOptions("refined"), workers=1)[0]
    assert kept.joints is not None and refined.joints is not None
    np.testing.assert_array_equal(kept.joints, refined.joints)
    teleported = correct_joints([walk[:20]], replace(options, teleport=True), workers=1)[0]
    assert not teleported.success and teleported.method_used == "simulated"
    assert teleported.joints is not None and len(teleported.joints) > 20  # two a teleport


def test_published_playback_is_one_and_a_half_times_as_fast(walk: Joints) -> None:
    """Played faster the same steps need more force, and the frames stay as many."""
    fast = correct_joints([walk[:30]], CorrectionOptions(playback_rate=1.5), workers=1)[0]
    assert fast.joints is not None and fast.joints.shape == (30, 22, 3)
    wrong = correct_joints([walk[:30]], CorrectionOptions(playback_rate=1.3), workers=1)[0]
    assert not wrong.success and "physics steps" in wrong.reason


def test_a_method_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InvalidOptionError, match="method"):
        CorrectionOptions("magic")  # type: ignore[arg-type]


def test_an_empty_batch_is_no_work() -> None:
    assert correct_motions([], CorrectionOptions()) == []


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    seed=st.integers(0, 2**32 - 1),
    frames=st.integers(1, 12),
    scale=st.sampled_from([1e-3, 0.1, 1.0, 1e3, 1e8]),
)
def test_no_random_motion_makes_it_raise_or_return_nan(
    caplog: pytest.LogCaptureFixture, seed: int, frames: int, scale: float
) -> None:
    caplog.set_level(logging.CRITICAL)
    noise = np.random.default_rng(seed).normal(0.0, scale, (frames, 22, 3))
    clip = DEFAULT_SKELETON.rest_joints + noise
    result = correct_joints([clip], CorrectionOptions(), workers=1)[0]
    assert result.success or result.reason
    if result.joints is not None:
        assert np.isfinite(result.joints).all()


def test_diverged_states_are_kept_for_inspection(
    walk: Joints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "uhc.control.simulation.MAX_SPEED", 1e-6
    )  # anything that moves has diverged
    result = correct_joints([walk[:12]], CorrectionOptions(dump_folder=tmp_path), workers=1)[0]
    assert not result.success and result.reason == "the simulation diverged"
    assert len(list(tmp_path.glob("diverged_*.npz"))) == 6  # near poses, and one a level


def test_the_sole_follows_how_the_feet_of_a_clip_rest(walk: Joints) -> None:
    standing = np.repeat(walk[:1].astype(np.float64), 40, axis=0)
    for toe in (10, 11):
        standing[:, toe, 1] = 0.01
    for ankle, drop in ((7, 0.03), (8, 0.03)):
        standing[:, ankle, 1] = 0.01 + drop
    assert foot_drop(standing) == pytest.approx(0.03)
    moving = standing + np.arange(40)[:, None, None] * np.array([0.1, 0.0, 0.0])
    assert foot_drop(moving) == FOOT_DROP_M
    standing[:, (7, 8), 1] = 0.4
    standing[:, (10, 11), 1] = 0.0  # ankles 40 cm over toes are no resting feet we know
    assert foot_drop(standing) == MAX_DROP_M
