"""The rate of a take: its header against how it falls and how long it is known to be."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from dataset.cmu import build
from dataset.frame_rates import decide_rate
from tests.dataset.test_spoiled_inputs import walking
from translation.bvh import read_bvh
from translation.daz import daz_joints

JUMPS = ("13_11", "13_39", "13_41", "14_08", "02_04")


@pytest.mark.parametrize(
    ("name", "frames", "seconds"),
    [("75_03", 208, 3.45), ("62_09", 1139, 16.7), ("106_31", 672, 11)],
)
def test_known_captures_at_60_hz(name: str, frames: int, seconds: float) -> None:
    """Frames as the mirror has them, seconds as the last frame of HumanML3D's index."""
    rate = decide_rate(name, walking(frames), 120.0, None)
    assert (rate.fps, rate.source) == (60.0, "index")
    assert frames / rate.fps >= 0.98 * seconds
    assert decide_rate("elsewhere", walking(frames), 120.0, None).source == "header"
    assert decide_rate(name, walking(frames), 120.0, 90.0).fps == 90.0


def test_jumps_tell_the_rate_by_themselves(shared: Path) -> None:
    for name in JUMPS:
        bvh = read_bvh(shared / f"data/cmu_bvh/{name}.bvh.gz")
        joints = daz_joints(bvh)
        assert decide_rate("unknown", joints, bvh.fps, None).fps == pytest.approx(120, abs=0.1)
        half = decide_rate("unknown", joints[::2], bvh.fps, None)
        assert half.fps == pytest.approx(60, abs=0.1) and half.source == "free fall"
        slow = decide_rate("unknown", joints, 60.0, None)
        assert slow.fps == pytest.approx(120, abs=0.1) and slow.source == "free fall"
        for header in (30.0, 40.0):
            assert "falls with" in decide_rate("unknown", joints, header, None).doubt


def test_what_nobody_does_is_doubted() -> None:
    fast = walking(200)
    fast[..., 2] *= 9  # 9 m/s
    assert "9.0 m/s" in decide_rate("x", fast, 20.0, None).doubt
    shaken = walking(200) + np.random.default_rng(0).normal(size=(200, 1, 1)) * 0.3
    assert "jerks" in decide_rate("x", shaken, 60.0, None).doubt
    assert decide_rate("x", walking(200), 20.0, None).doubt == ""


def test_the_dataset_says_what_was_decided(shared: Path, tmp_path: Path) -> None:
    """Case 01: a 120 Hz jump at every second frame, under the header and name of a 60 Hz take."""
    for name in ("07_01.bvh.gz", "08_01.bvh.gz", "13_32.bvh.gz"):
        shutil.copy(shared / "data" / "cmu_bvh" / name, tmp_path)
    for path in (shared / "cases" / "01-cmu-60fps-as-120" / "in").iterdir():
        shutil.copy(path, tmp_path)
    build(tmp_path, tmp_path / "out")
    report = json.loads((tmp_path / "out" / "clips.json").read_text())
    assert report["75_03"]["rate"]["source"] == "free fall"
    assert report["75_03"]["rate"]["fps"] == pytest.approx(60, abs=0.1)
    assert report["75_03"]["frames"] == pytest.approx(report["13_32"]["frames"], abs=3)
    assert report["07_01"]["rate"]["source"] == "header"
