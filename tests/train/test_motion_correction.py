from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import train.motion_correction
from body_models.skeleton import DEFAULT_SKELETON
from dataset.humanml3d import Caption, MotionItem
from loop.streams import Stream
from train.motion_correction import MotionCorrection
from train.motion_files import MotionBatch
from train.presets import CORRECTED, FAITHFUL
from uhc.imitate import CorrectionResult


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

    def correct(motions, method, **options):
        seen.update(options, method=method, count=len(motions))
        return RESULTS

    monkeypatch.setattr(train.motion_correction, "correct_motions", correct)
    return seen


@pytest.fixture
def batch() -> MotionBatch:
    captions = (Caption("a person walks", ()),)
    return MotionBatch(tuple(MotionItem(n, n, motion(i), captions) for i, n in enumerate("abcd")))


def kept(protocol, batch: MotionBatch) -> list[tuple[str, float]]:
    correction = MotionCorrection("simulated", protocol, 2, DEFAULT_SKELETON)
    items = correction.correct(batch, Stream(1)).batch.items
    assert all(item.captions == batch.items[0].captions for item in items)
    return [(item.id, float(item.vectors[0, 0])) for item in items]


def test_failures_are_dropped_by_default_and_bad_motions_always(asked, batch) -> None:
    assert kept(CORRECTED, batch) == [("a", 10), ("d", 13)]
    keep = dataclasses.replace(CORRECTED, on_failure="keep")
    assert kept(keep, batch) == [("a", 10), ("b", 11), ("d", 13)]
    assert asked["teleport"] is False and asked["playback_rate"] == 1.0


def test_faithful_plays_too_fast_and_teleports(asked, batch) -> None:
    assert kept(FAITHFUL, batch) == [("a", 10), ("b", 11), ("d", 13)]
    assert asked["teleport"] is True and asked["playback_rate"] == 1.5


def test_the_report_hides_no_help_and_no_failure(asked, batch) -> None:
    correction = MotionCorrection("simulated", CORRECTED, 2, DEFAULT_SKELETON)
    report = correction.correct(batch, Stream(1)).report
    assert report["Attempted imitations_correction"] == 4
    assert report["Failed imitations_correction"] == 2
    assert report["Kept motions_correction"] == 2
    assert report["Residual force_correction"] == pytest.approx(0.1)
    assert report["MPJPE_correction"] == pytest.approx(20.0)
    assert report["Clamp_correction"] == pytest.approx(25.0)
    assert "Unexplained force_correction" not in report  # a simulated motion has none


def test_when_everything_fails_no_number_is_invented(asked, batch, monkeypatch) -> None:
    monkeypatch.setattr(
        train.motion_correction, "correct_motions", lambda motions, method, **_: RESULTS[1:3]
    )
    correction = MotionCorrection("simulated", CORRECTED, 2, DEFAULT_SKELETON)
    corrected = correction.correct(batch.take(slice(0, 2)), Stream(1))
    assert len(corrected.batch) == 0
    assert corrected.report["Failed imitations_correction"] == 2
    assert "Residual force_correction" not in corrected.report
