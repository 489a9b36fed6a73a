"""Which motions are shown, and that the player gets the motions that are on disk."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pytest

from body_models.skeleton import DEFAULT_SKELETON
from domains.motion.files import CORRECTED, FOLDER, SAMPLED
from loop.rng import Stream
from tests.runs import finish_generation
from uhc.measure.plausibility import plausibility
from visualize.report.player import choose, encode, player_data, spread
from visualize.report.runs import shown_arms
from visualize.video.contact import find_cues

ARM = "synthetic_percent_100_iterative_finetuning_with_correction"
PLENTY = 1e9


def motion(rng: np.random.Generator, frames: int = 30, wide: float = 1.0) -> np.ndarray:
    """Joints (F, 22, 3) of a pose that wanders about the floor."""
    pose = DEFAULT_SKELETON.rest_joints - [0, DEFAULT_SKELETON.rest_joints[:, 1].min(), 0]
    path = np.cumsum(rng.normal(scale=[0.03, 0.02, 0.03], size=(frames, 1, 3)), axis=0)
    return pose + wide * path


def decode(encoded: dict) -> tuple[np.ndarray, np.ndarray]:
    """(joints (F, 22, 3) in metres, cues (F,)), as assets/motion.js reads them."""
    joints = np.frombuffer(base64.b64decode(encoded["joints"]), "<i2").astype(np.float64)
    joints = joints.reshape(-1, 22, 3) * encoded["unitMm"] / 1000
    return joints, np.frombuffer(base64.b64decode(encoded["cues"]), "u1")


def write_motions(here: Path, rng: np.random.Generator) -> None:
    motions = here / FOLDER
    motions.mkdir()
    for index in range(9):
        np.save(motions / f"{index:06d}{SAMPLED}", motion(rng))
        if index < 8:
            np.save(motions / f"{index:06d}{CORRECTED}", motion(rng))
    captions = {f"{index:06d}": [[f"caption {index}", []]] for index in range(9)}
    (motions / "prompts.json").write_text(json.dumps(captions))


@pytest.fixture
def arm(tmp_path: Path) -> Path:
    """One corrected arm; generations 1 and 2 hold 9 motions, the last of them not corrected."""
    rng = np.random.default_rng(0)
    folder = tmp_path / ARM
    finish_generation(folder, 0, {})
    for generation in (1, 2):
        finish_generation(folder, generation, {}, save=lambda here: write_motions(here, rng))
    return folder


def player(arm: Path, motions: int = 20, budget: float = PLENTY) -> tuple[dict | None, list[str]]:
    return player_data(shown_arms([arm.parent]), motions, budget)


@pytest.mark.parametrize(("wide", "unit"), [(1.0, 1), (400.0, 2)])
def test_a_motion_comes_back_to_half_a_unit(wide: float, unit: int) -> None:
    joints = motion(np.random.default_rng(3), wide=wide)
    encoded = encode(joints)
    assert encoded["unitMm"] >= unit
    back, _ = decode(encoded)
    assert np.abs(back - joints).max() <= 0.5e-3 * encoded["unitMm"] + 1e-9


def test_cues_are_those_of_the_pictures() -> None:
    joints = motion(np.random.default_rng(1), frames=80)
    _, bits = decode(encode(joints))
    cues = find_cues(joints, 20)
    for place, flag in enumerate((*cues.planted.T, *cues.sliding.T, cues.floating, cues.below)):
        np.testing.assert_array_equal((bits >> place) & 1, flag)
        assert flag.any()  # the motion shows every cue


def test_the_player_holds_what_lies_on_disk(arm: Path) -> None:
    data, missing = player(arm)
    assert data is not None and missing == []
    assert [(g["arm"], g["generation"]) for g in data["groups"]] == [
        ("corrected 100%", 1), ("corrected 100%", 2),
    ]  # fmt: skip
    for group in data["groups"]:
        assert sorted(m["id"] for m in group["motions"]) == [f"{i:06d}" for i in range(9)]
        assert group["note"].startswith("All 9")
    shown = next(m for m in data["groups"][1]["motions"] if m["id"] == "000003")
    assert shown["caption"] == "caption 3"
    stem = arm / "generation_2" / "synthetic_motions" / "000003"
    for key, ending in (("before", "-sampled"), ("after", "-sampled_and_imitated")):
        joints = np.load(f"{stem}{ending}.npy")
        back, _ = decode(shown[key])
        assert np.abs(back - joints).max() < 1e-3
        measured = plausibility(joints)
        assert shown[key]["physics"]["skate_mm"] == pytest.approx(measured["skate_mm"], rel=1e-5)


def test_a_dropped_motion_is_shown_alone(arm: Path) -> None:
    data, _ = player(arm)
    dropped = [m for m in (data or {})["groups"][0]["motions"] if m["after"] is None]
    assert [m["id"] for m in dropped] == ["000008"]
    assert "failed" in dropped[0]["note"]


def test_worst_first_and_others_at_random() -> None:
    faults = [0.0, 5.0, 1.0, 9.0, 2.0, 0.5, 0.1, 0.2]
    shown = choose(faults, 3, Stream(0))
    assert list(shown)[:2] == [3, 1]
    assert list(shown.values()) == ["1st worst", "2nd worst", "drawn at random"]
    assert choose(faults, 3, Stream(0)) == shown
    assert len({list(choose(faults, 3, Stream(s)))[2] for s in range(20)}) > 3
    assert list(choose(faults, 20, Stream(0)))[:3] == [3, 1, 4]


def test_the_budget_is_kept_by_showing_fewer(arm: Path) -> None:
    data, _ = player(arm)
    everything = len(json.dumps(data))
    fewer, _ = player(arm, budget=everything / 2)
    assert fewer is not None
    assert len(json.dumps(fewer["groups"])) < 0.6 * everything
    counts = [len(group["motions"]) for group in fewer["groups"]]
    assert counts == [counts[0]] * 2 and 2 <= counts[0] < 9
    assert fewer["groups"][0]["note"].startswith(f"{counts[0]} of the 9")


def test_generations_spread_from_first_to_last() -> None:
    assert spread(range(1, 51), 6) == [1, 11, 21, 30, 40, 50]
    assert spread([1, 2], 6) == [1, 2]


def test_generations_that_are_left_out_are_counted(arm: Path) -> None:
    for generation in range(3, 9):
        (arm / f"generation_{generation}").symlink_to(arm / "generation_2")
    data, _ = player(arm)
    assert data is not None
    assert [group["generation"] for group in data["groups"]] == [1, 2, 4, 5, 7, 8]
    assert all("6 of its 8 generations" in group["note"] for group in data["groups"])


def test_pruned_and_damaged_motions_are_named(arm: Path) -> None:
    for path in (arm / "generation_1" / "synthetic_motions").iterdir():
        path.unlink()
    bad = arm / "generation_2" / "synthetic_motions" / "000001-sampled.npy"
    bad.write_bytes(b"no array")
    (arm / "generation_2" / "synthetic_motions" / "prompts.json").write_text("[]")
    data, missing = player(arm)
    assert data is not None
    assert [len(group["motions"]) for group in data["groups"]] == [8]
    assert data["groups"][0]["motions"][0]["caption"] == "(caption not kept)"
    assert "no motions are kept of generation 1" in missing[0]
    assert str(bad) in missing[1]
    assert "prompts.json" in missing[2]


def test_without_any_motion_there_is_no_player(tmp_path: Path) -> None:
    (tmp_path / ARM).mkdir()
    assert player(tmp_path / ARM) == (None, [])
