"""Bad references: each tracks or is a counted failure with a reason, and costs nobody else."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from body_models.skeleton import DEFAULT_SKELETON, check_joints
from loop.errors import InvalidMotionError
from translation.humanml import joints_to_vectors
from uhc import correct as imitate
from uhc import pipeline
from uhc.controllers.tracker import Tracker
from uhc.correct import correct_joints, correct_motions
from uhc.options import METHODS, CorrectionOptions, Method, Outcome

Clip = NDArray


@pytest.fixture(scope="module")
def good(walk: NDArray[np.float32]) -> NDArray[np.float32]:
    """(12, 22, 3): a piece of the real walk."""
    return walk[:12]


def standing_clip(frames: int = 8) -> NDArray[np.float64]:
    """(F, 22, 3): the rest pose on the floor."""
    rest = DEFAULT_SKELETON.rest_joints
    return np.repeat((rest - [0.0, rest[:, 1].min(), 0.0])[None], frames, axis=0)


def judged(result: Outcome, frames: int) -> bool:
    """Whether it tracks, or fails with a reason, and holds no number that is none."""
    assert result.success != bool(result.reason)
    assert result.seconds >= 0.0
    if result.joints is None:
        return not result.success
    assert result.joints.shape == (frames, 22, 3) and result.joints.dtype == np.float32
    assert np.isfinite(result.joints).all()
    assert np.isfinite([result.mpjpe_mm, result.root_aligned_mm]).all()
    if result.method_used == "simulated":
        assert np.isfinite([result.residual_force_bw, result.residual_torque_bwm]).all()
    return True


def same(one: Outcome, other: Outcome) -> bool:
    """Whether two outcomes are the same to the byte, but for the time they took."""

    def content(outcome: Outcome) -> list[object]:
        fields = {k: v for k, v in vars(outcome).items() if k != "seconds"}
        return [v.tobytes() if isinstance(v, np.ndarray) else repr(v) for v in fields.values()]

    return content(one) == content(other)


# What the issue lists, and what arrays can be.

NO_NUMBERS: dict[str, object] = {
    "objects": np.full((8, 22, 3), {}, dtype=object),
    "functions": np.full((8, 22, 3), len, dtype=object),
    "ragged": [[1.0], [1.0, 2.0]],
    "nothing": None,
    "a word": "walk",
    "complex": np.ones((8, 22, 3), dtype=complex),
    "dates": np.full((8, 22, 3), np.datetime64("2020-01-01")),
    "an integer that no float holds": np.full((8, 22, 3), 10**400, dtype=object),
    "no joint": np.zeros((8, 0, 3)),
    "no frame": np.zeros((0, 22, 3)),
    "a batch of clips": np.zeros((2, 8, 22, 3)),
}


@pytest.mark.parametrize("name", NO_NUMBERS)
@pytest.mark.parametrize("method", METHODS)
def test_what_is_no_motion_fails_by_itself(name: str, method: Method) -> None:
    bad: Clip = NO_NUMBERS[name]  # type: ignore[assignment]
    one, other = correct_joints(
        [bad, standing_clip(4)[:, :, ::-1]], CorrectionOptions(method), workers=1
    )
    assert not one.success and one.reason and one.joints is None
    assert judged(other, 4)


def test_a_function_in_a_clip_does_not_have_to_travel_to_a_worker(good: Clip) -> None:
    bad = np.full((8, 22, 3), lambda: 0, dtype=object)
    results = correct_joints([good, bad, good], CorrectionOptions("kinematic"), workers=2)
    assert [result.success for result in results] == [True, False, True]
    assert "real numbers" in results[1].reason


BAD: dict[str, Callable[[Clip], Clip]] = {
    "a hole": lambda clip: np.where(np.arange(12)[:, None, None] == 5, np.nan, clip),
    "infinite": lambda clip: np.where(np.arange(12)[:, None, None] == 5, -np.inf, clip),
    "teleport": lambda clip: clip + np.where(np.arange(12) > 5, 4.0, 0.0)[:, None, None],
    "100 m/s": lambda clip: clip + 5.0 * np.arange(12)[:, None, None],
    "spinning": lambda clip: clip * np.cos(3.0 * np.arange(12))[:, None, None],
    "one frame": lambda clip: clip[:1],
    "all joints in one place": lambda clip: np.full_like(clip, 0.7),
    "a doll of 3 cm": lambda clip: clip * (0.03 / 1.7),
    "light years away": lambda clip: clip.astype(np.float64) + 1e16,
    "over single precision": lambda clip: clip.astype(np.float64) * 1e300,
    "too small for numbers": lambda clip: clip.astype(np.float64) * 1e-310,
    "in millimetres": lambda clip: np.round(clip * 1000).astype(np.int64),
}


@pytest.mark.parametrize("name", BAD)
def test_a_motion_of_no_person_is_a_counted_failure(good: Clip, name: str) -> None:
    result = correct_joints([BAD[name](good)], CorrectionOptions(), workers=1)[0]
    assert not result.success and result.joints is None and result.reason


def hands_through_the_body(clip: Clip) -> Clip:
    out = clip.copy()
    out[:, 20], out[:, 21] = clip[:, 3], clip[:, 6]
    return out


def lying(clip: Clip) -> Clip:
    """On its back, half a metre under the floor."""
    return clip[..., [0, 2, 1]] * [1.0, -1.0, 1.0] - [0.0, 0.5, 0.0]


STRANGE: dict[str, Callable[[Clip], Clip]] = {
    "lying under the floor": lying,
    "twice as tall": lambda clip: clip * 2.0,
    "hands through the body": hands_through_the_body,
    "growing": lambda clip: clip * np.linspace(1.0, 3.0, 12)[:, None, None],
    "shrinking to a point": lambda clip: clip * np.linspace(1.0, 0.0, 12)[:, None, None],
    "backwards in memory": lambda clip: clip[::-1],
}


@pytest.mark.parametrize("name", STRANGE)
def test_a_strange_motion_tracks_or_fails_and_stays_finite(good: Clip, name: str) -> None:
    options = CorrectionOptions(controller=Tracker(levels_n=(0.0, 200.0)))
    result = correct_joints([STRANGE[name](good)], options, workers=1)[0]
    assert judged(result, 12) and result.joints is not None


def test_the_type_and_layout_of_an_array_do_not_matter(good: Clip) -> None:
    usual = correct_joints([good], CorrectionOptions("kinematic"), workers=1)[0]
    read_only = good.copy()
    read_only.setflags(write=False)
    for other in (
        np.asfortranarray(good),
        good.astype(object),
        good.astype(np.float64),
        good.astype(">f4"),
        np.repeat(good, 2, axis=0)[::2],
        good.tolist(),
        read_only,
    ):
        assert same(usual, correct_joints([other], CorrectionOptions("kinematic"), workers=1)[0])
    half = correct_joints([good.astype(np.float16)], CorrectionOptions("kinematic"), workers=1)[0]
    assert half.success and half.joints is not None and usual.joints is not None
    assert np.abs(half.joints - usual.joints).max() < 0.02


def test_no_clip_is_no_work() -> None:
    for method in METHODS:
        assert (
            correct_joints([], CorrectionOptions(method)) == []
            and correct_motions([], CorrectionOptions(method)) == []
        )


@pytest.mark.parametrize("workers", [1, 2])
def test_a_neighbour_changes_no_byte(good: Clip, workers: int) -> None:
    alone = correct_joints([good], CorrectionOptions("refined"), workers=1)[0]
    bad = [BAD[name](good) for name in ("a hole", "teleport", "over single precision")]
    strange = STRANGE["shrinking to a point"](good)
    batch = correct_joints(
        [bad[0], good, bad[1], strange, good, bad[2]], CorrectionOptions("refined"), workers=workers
    )
    assert alone.success and same(alone, batch[1]) and same(alone, batch[4])
    assert not any(batch[index].success for index in (0, 2, 5))


@pytest.mark.parametrize("column", [0, 1, 4, 66, 200, 259])
def test_one_bad_number_among_vectors_fails_alone(good: Clip, column: int) -> None:
    vectors = joints_to_vectors(good)
    spoiled = vectors.copy()
    spoiled[6, column] = np.nan
    one, other = correct_motions([spoiled, vectors], CorrectionOptions("kinematic"), workers=1)
    assert other.success and other.vectors is not None and np.isfinite(other.vectors).all()
    assert not one.success and one.reason == "motion has values that are not finite"
    assert one.vectors is None and one.joints is None


# Bounds of time and memory.


def test_a_clip_too_long_for_memory_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rest = standing_clip(1).astype(np.float16)
    endless = np.broadcast_to(rest, (200_000, 22, 3))
    started = time.monotonic()
    result = correct_joints([endless], workers=1)[0]
    assert not result.success and "too long" in result.reason and "windows" in result.detail
    assert time.monotonic() - started < 10.0
    monkeypatch.setattr(pipeline, "MAX_FRAMES", 6)
    assert correct_joints(
        [standing_clip(6), standing_clip(7)], CorrectionOptions("kinematic"), workers=1
    )[0].success


def test_running_out_of_memory_costs_the_clip(monkeypatch: pytest.MonkeyPatch, good: Clip) -> None:
    def hungry(*_: object) -> None:
        raise MemoryError("Unable to allocate 2 TiB")

    monkeypatch.setattr(pipeline, "refine", hungry)
    result = correct_joints([good], workers=1)[0]
    assert not result.success and "allocate" in result.reason


def test_a_worker_out_of_memory_costs_one_clip(good: Clip) -> None:
    """As the system does to the hungriest process: SIGKILL in the middle of its work."""

    def kill_one() -> bool:
        deadline = time.monotonic() + 20.0
        while time.monotonic() < deadline:
            for child in psutil.Process().children():
                if child.cmdline()[-2:] == ["-m", "uhc.workers"] and child.cpu_times().user > 0.2:
                    os.kill(child.pid, signal.SIGKILL)
                    return True
            time.sleep(0.01)
        return False

    clips = [np.concatenate([good, good[::-1]] * 3)] * 3
    with ThreadPoolExecutor(1) as pool:
        killed = pool.submit(kill_one)
        results = correct_joints(clips, CorrectionOptions("refined"), workers=2)
        assert killed.result()
    lost = [result for result in results if not result.success]
    assert [result.reason for result in lost] == ["the worker process crashed"]
    assert "exit status -9" in lost[0].detail
    kept = [result for result in results if result.success]
    assert len(kept) == 2 and same(*kept)


def test_an_endless_clip_is_ended(monkeypatch: pytest.MonkeyPatch, good: Clip) -> None:
    monkeypatch.setattr(imitate, "SECONDS_A_CLIP", 0.05)
    monkeypatch.setattr(imitate, "SECONDS_A_MOTION_SECOND", 0.0)
    started = time.monotonic()
    results = correct_joints([good, good], CorrectionOptions(), workers=2)
    assert [result.reason for result in results] == ["ran out of time"] * 2
    assert time.monotonic() - started < 20.0


# Properties over random clips; the wide sweep has every method and many seeds.


def spoil(clip: Clip, rng: np.random.Generator) -> Clip:
    """A clip with one to three random faults."""
    out = np.array(clip, dtype=np.float64)
    frames = len(out)
    for fault in rng.choice(11, size=rng.integers(1, 4), replace=False):
        frame, joint = rng.integers(frames), rng.integers(22)
        size = 10.0 ** rng.uniform(-2, 3)
        if fault == 0:
            out[frame, joint, rng.integers(3)] = rng.choice([np.nan, np.inf, -np.inf])
        elif fault == 1:
            out[frame:] += size * rng.normal(size=3)
        elif fault == 2:
            out[:, :, 1] -= size
        elif fault == 3:
            out *= 10.0 ** rng.uniform(-2, 1)
        elif fault == 4:
            out += min(size, 0.3) * rng.normal(size=out.shape)
        elif fault == 5:
            out[:, joint] = out[:, rng.integers(22)]
        elif fault == 6:
            out[frame] = out[frame, ::-1]
        elif fault == 7:
            out += np.arange(frames)[:, None, None] * rng.normal(size=3) * min(size, 1.0)
        elif fault == 8:
            out = out[: rng.integers(1, frames + 1)]
            frames = len(out)
        elif fault == 9:
            out[..., [1, 2]] = out[..., [2, 1]] * rng.choice([1.0, -1.0])
        else:
            out *= [rng.uniform(0, 2), rng.uniform(0, 2), rng.uniform(0, 2)]
    return out


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32 - 1), method=st.sampled_from(METHODS))
def test_a_spoiled_walk_is_judged_and_its_neighbour_is_not_touched(
    good: Clip, caplog: pytest.LogCaptureFixture, seed: int, method: Method
) -> None:
    caplog.set_level(logging.CRITICAL)
    bad = spoil(good, np.random.default_rng(seed))
    options = CorrectionOptions(method, Tracker(levels_n=(0.0, 200.0)))
    result = correct_joints([bad], options, workers=1)[0]
    assert judged(result, len(bad))


@settings(max_examples=50, deadline=None)
@given(
    st.binary(max_size=400), st.sampled_from(["f2", "f4", "f8", "i1", "i8", "c8", "M8[s]", "S4"])
)
def test_arrays_of_any_bytes_are_joints_or_an_error(data: bytes, kind: str) -> None:
    whole = len(data) // np.dtype(kind).itemsize * np.dtype(kind).itemsize
    array = np.frombuffer(data[:whole], kind)
    array = np.resize(array, (2, 22, 3)) if array.size else array
    try:
        joints = check_joints(array)
    except InvalidMotionError:
        return
    assert joints.shape == (2, 22, 3) and np.isfinite(joints).all()


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_hundreds_of_spoiled_walks_by_every_method(walk: Clip, method: Method) -> None:
    """300 clips in one batch with good ones between; prints what became of them."""
    pieces = [walk[start : start + 12] for start in range(0, 48, 12)]
    alone = [correct_joints([piece], CorrectionOptions(method), workers=1)[0] for piece in pieces]
    clips = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        clips += [spoil(pieces[seed % 4], rng)] + (
            [pieces[seed // 10 % 4]] if seed % 10 == 0 else []
        )
    started = time.monotonic()
    results = correct_joints(clips, CorrectionOptions(method), workers=2)
    seconds = time.monotonic() - started
    good_places = [place for place in range(len(clips)) if place % 11 == 1]
    reasons: dict[str, int] = {}
    for place, (clip, result) in enumerate(zip(clips, results, strict=True)):
        assert judged(result, len(clip)) and "worker" not in result.reason
        if place in good_places:
            assert same(result, alone[good_places.index(place) % 4])
        else:
            reasons[result.reason or "tracks"] = reasons.get(result.reason or "tracks", 0) + 1
    assert len(reasons) > (1 if method == "none" else 3)
    print(f"\n{method}: {seconds:.0f} s for {len(clips)} clips", dict(sorted(reasons.items())))
