from __future__ import annotations

import dataclasses
from itertools import product
from typing import get_args

import numpy as np
import pytest

import domains.motion.correction
from body_models.skeleton import DEFAULT_SKELETON
from dataset.humanml3d import Caption, MotionItem
from domains.motion.correction import MotionCorrection
from domains.motion.files import MotionBatch
from domains.motion.presets import OnFailure
from loop.rng import Stream
from loop.strength import PartialCorrection
from uhc.controllers.tracker import Tracker
from uhc.correct import CorrectionResult, correct_motions
from uhc.options import CorrectionOptions


def motion(value: float) -> np.ndarray:
    return np.full((8, 263), value, np.float32)


RESULTS = [
    CorrectionResult(
        None, True, "simulated", clamp_n=0.0, residual_force_bw=0.0, mpjpe_mm=10.0,
        root_aligned_mm=8.0, vectors=motion(10),
    ),
    CorrectionResult(
        None, False, "refined", "fell behind the reference", clamp_n=200.0, residual_force_bw=0.9,
        mpjpe_mm=500.0, root_aligned_mm=90.0, vectors=motion(11),
    ),
    CorrectionResult(None, False, "none", "motion holds values that are not finite"),
    CorrectionResult(
        None, True, "simulated", clamp_n=50.0, residual_force_bw=0.2, mpjpe_mm=30.0,
        root_aligned_mm=20.0, vectors=motion(13),
    ),
]  # fmt: skip


@pytest.fixture
def asked(monkeypatch) -> dict:
    """Keeps the options that reach the physics, and answers with RESULTS."""
    seen: dict = {}

    def correct(motions, options, **_):
        seen.update(vars(options), count=len(motions))
        return RESULTS

    monkeypatch.setattr(domains.motion.correction, "correct_motions", correct)
    return seen


@pytest.fixture
def batch() -> MotionBatch:
    captions = (Caption("a person walks", ()),)
    return MotionBatch(tuple(MotionItem(n, n, motion(i), captions) for i, n in enumerate("abcd")))


BODY = CorrectionOptions(skeleton=DEFAULT_SKELETON)


def kept(on_failure: OnFailure, batch: MotionBatch) -> list[tuple[str, float]]:
    options = dataclasses.replace(BODY, teleport=on_failure == "teleport")
    correction = MotionCorrection(options, 2, on_failure)
    items = correction.correct(batch, Stream(1)).batch.items
    assert all(item.captions == batch.items[0].captions for item in items)
    return [(item.id, float(item.vectors[0, 0])) for item in items]


def test_failures_are_dropped_by_default_and_bad_motions_always(asked, batch) -> None:
    assert kept("drop", batch) == [("a", 10), ("d", 13)]
    assert kept("keep", batch) == [("a", 10), ("b", 11), ("d", 13)]
    assert asked["teleport"] is False and asked["playback_rate"] == 1.0


def test_what_was_teleported_is_kept_and_options_reach_the_physics(asked, batch, tmp_path) -> None:
    assert kept("teleport", batch) == [("a", 10), ("b", 11), ("d", 13)]
    assert asked["teleport"] is True and asked["skeleton"] is DEFAULT_SKELETON
    tracker = Tracker(levels_n=(0.0,))
    options = dataclasses.replace(BODY, controller=tracker, dump_folder=tmp_path)
    MotionCorrection(options, 2).correct(batch, Stream(1))
    assert asked["controller"] is tracker and asked["dump_folder"] == tmp_path


def test_at_a_strength_of_one_half_of_the_failures_stay_as_drawn(asked, batch) -> None:
    corrected = MotionCorrection(BODY, 2).correct(batch, Stream(1))
    assert [item.id for item in corrected.batch.items] == ["a", "d"]
    assert corrected.rows is not None and corrected.rows.tolist() == [0, 3]
    partial, seen = PartialCorrection(MotionCorrection(BODY, 2), 1.0), set()
    for seed in range(300):
        items = partial.correct(batch, Stream(seed)).batch.items
        seen.add(tuple((item.id, float(item.vectors[0, 0])) for item in items))
    may = {"a": (0, 10), "b": (None, 1), "c": (None, 2), "d": (3, 13)}
    assert seen == {
        tuple((name, value) for name, value in zip(may, values, strict=True) if value is not None)
        for values in product(*may.values())
    }


def test_the_report_hides_no_help_and_no_failure(asked, batch) -> None:
    correction = MotionCorrection(BODY, 2)
    report = correction.correct(batch, Stream(1)).report
    assert report["Attempted imitations_correction"] == 4
    assert report["Failed imitations_correction"] == 2
    assert report["Kept motions_correction"] == 2
    assert report["Residual force_correction"] == pytest.approx(0.1)
    assert report["MPJPE_correction"] == pytest.approx(20.0)
    assert report["Clamp_correction"] == pytest.approx(25.0)
    assert "Unexplained force_correction" not in report  # a simulated motion has none


def test_when_everything_fails_no_number_is_invented(asked, batch, monkeypatch) -> None:
    monkeypatch.setattr(domains.motion.correction, "correct_motions", lambda *_, **__: RESULTS[1:3])
    correction = MotionCorrection(BODY, 2)
    corrected = correction.correct(batch.take(slice(0, 2)), Stream(1))
    assert len(corrected.batch) == 0
    assert corrected.report["Failed imitations_correction"] == 2
    assert "Residual force_correction" not in corrected.report


def test_a_filter_drops_what_fails_and_leaves_the_rest_as_drawn(asked, batch) -> None:
    for on_failure in get_args(OnFailure):  # whatever a correction does with failures
        filters = MotionCorrection(BODY, 2, on_failure, filters=True)
        corrected = filters.correct(batch, Stream(1))
        assert corrected.batch.items == (batch.items[0], batch.items[3])
        assert corrected.report["Failed imitations_correction"] == 2
        assert corrected.report["Kept motions_correction"] == 2


def test_an_interrupted_correction_goes_on_with_what_it_had_done(batch, tmp_path) -> None:
    """Real physics-free correction; the first attempt is stopped after two of four motions."""
    rng = np.random.default_rng(0)
    moving = MotionBatch(
        tuple(
            dataclasses.replace(item, vectors=rng.normal(0, 0.01, (30, 263)).astype(np.float32))
            for item in batch.items
        )
    )
    correction = MotionCorrection(CorrectionOptions("kinematic", skeleton=DEFAULT_SKELETON), 1)
    whole = correction.correct(moving, Stream(1))
    done = domains.motion.correction._Finished(tmp_path)
    correct_motions(
        [m.vectors for m in moving.items[:2]],
        CorrectionOptions("kinematic"),
        workers=1,
        finished=done,
    )
    assert sorted(done) == [0, 1]
    done[0] = dataclasses.replace(done[0], reason="kept from before", success=False)
    again = correction.correct(moving, Stream(1), tmp_path)
    assert again.report["Failed imitations_correction"] == (
        whole.report["Failed imitations_correction"] + 1
    )
    assert sorted(done) == [0, 1, 2, 3]


def test_results_come_back_from_the_scratch_folder_as_they_were(tmp_path) -> None:
    kept = domains.motion.correction._Finished(tmp_path)
    for place, result in enumerate(RESULTS):
        kept[place] = result
        again = kept[place]
        for field in dataclasses.fields(result):
            before, after = getattr(result, field.name), getattr(again, field.name)
            if isinstance(before, np.ndarray):
                np.testing.assert_array_equal(after, before)
            else:
                assert after == before or (np.isnan(after) and np.isnan(before)), field.name
