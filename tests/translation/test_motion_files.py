"""Motions in the containers that other programs and versions write."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from loop.errors import InvalidMotionError
from tests.dataset.test_spoiled_inputs import walking
from translation.motion_files import read_motions

CLIP = np.moveaxis(walking(), 0, -1)  # (22, 3, 60), as MDM has it
SHORT = CLIP[..., :40]


@pytest.mark.parametrize(
    ("content", "frames", "captions"),
    [
        ({"motion": CLIP[None], "lengths": [60], "text": ["a"]}, [60], ["a"]),
        ({"motion": CLIP[None], "lengths": np.array([[40.0]]), "text": [["a"]]}, [40], ["a"]),
        ({"motion": CLIP[None], "lengths": [60], "text": "a walk"}, [60], ["a walk"]),
        ({"motion": CLIP[None], "lengths": [60], "text": None}, [60], [""]),
        ({"motion": [CLIP, SHORT], "lengths": (60, 30), "text": ["a", "b"]}, [60, 30], ["a", "b"]),
        ({"motion": np.stack([CLIP] * 2), "text": ["a"]}, [60, 60], ["", ""]),
        ([walking(30), walking(20)], [30, 20], ["", ""]),
        (walking()[:, None], [60], [""]),  # (F, 1, 22, 3): one motion, not 60 of a frame
    ],
)
def test_results_of_every_make(content, frames, captions, tmp_path: Path) -> None:
    stored = content
    if isinstance(content, dict):
        stored = np.array(content, dtype=object)
    elif isinstance(content, list):
        stored = np.empty(len(content), dtype=object)
        stored[:] = content
    np.save(tmp_path / "results.npy", stored, allow_pickle=True)
    found = read_motions(tmp_path / "results.npy")
    assert [len(motion.joints) for motion in found] == frames
    assert [motion.caption for motion in found] == captions
    for motion in found:
        np.testing.assert_allclose(motion.joints[0], walking(1)[0], atol=1e-5)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ({"motion": CLIP[None], "lengths": [196]}, "196"),
        ({"motion": CLIP[None], "lengths": [0]}, "lengths"),
        ({"motion": CLIP[None], "lengths": [30.5]}, "30.5"),
        ({"motion": CLIP[None], "lengths": [60, 60]}, "lengths"),
        ({"motion": [[1.0, 2.0], [3.0]]}, "inhomogeneous|float64"),
        ({"motion": []}, "no motion"),
        ({b"motion": CLIP[None]}, "no motion"),
        (np.zeros((60, 251)), "KIT-ML"),
    ],
)
def test_what_is_no_motion_is_refused_with_its_path(content, named: str, tmp_path: Path) -> None:
    stored = np.array(content, dtype=object) if isinstance(content, dict) else content
    np.save(tmp_path / "results.npy", stored, allow_pickle=True)
    with pytest.raises(InvalidMotionError, match=named) as refused:
        read_motions(tmp_path / "results.npy")
    assert refused.value.path == tmp_path / "results.npy"
