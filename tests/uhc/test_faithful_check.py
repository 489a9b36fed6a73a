"""Stored states of the published environment against ours, and what a bad folder is told."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from loop.errors import CorruptFileError, MissingAssetError
from tests.commands import typed
from uhc.controllers.faithful.environment import ACTION, OBSERVATION, FaithfulEnv
from uhc.controllers.faithful.vectors import differences, read_vectors
from uhc.faithful_check import TOLERANCE


@pytest.fixture(scope="module")
def folder(shared: Path) -> Path:
    return shared / "reference" / "uhc_vectors"


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    for path in folder.iterdir():
        shutil.copyfile(path, tmp_path / path.name)
    return tmp_path


def change(folder: Path, **arrays: np.ndarray) -> Path:
    with np.load(folder / "vectors.npz") as content:
        kept = {name: content[name] for name in content.files}
    np.savez(folder / "vectors.npz", **(kept | arrays))
    return folder


def test_the_published_environment_is_met(folder: Path) -> None:
    found = differences(read_vectors(folder))
    assert list(found) == ["observation", "next_qpos", "next_qvel"]
    assert max(found.values()) < TOLERANCE


def test_the_command_prints_and_exits(copy: Path, repository: Path) -> None:
    command = (repository, "-m", "uhc.faithful_check", str(copy))
    done = typed(*command)
    lines = [line.split() for line in done.stdout.splitlines()]
    assert done.returncode == 0 and lines[0][0] == "observation"
    assert all(float(value) < TOLERANCE for _, value in lines) and len(lines) == 3
    with np.load(copy / "vectors.npz") as content:
        change(copy, expected_next_qvel=content["expected_next_qvel"] + 1e-8)
    done = typed(*command)
    assert done.returncode == 1 and "next_qvel 1.000e-08" in done.stdout
    (copy / "model.mjb").unlink()
    done = typed(*command)
    assert done.returncode == 1 and "model.mjb" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("qpos", np.zeros((6, 70))),
        ("frame", np.array([0, 1, 2, 3, 4, 40])),
        ("action", np.full((6, ACTION), np.nan)),
        ("expected_observation", np.zeros((5, OBSERVATION))),
        ("smpl_joints", np.arange(24)),
    ],
)
def test_arrays_that_do_not_fit_are_named(copy: Path, name: str, value: np.ndarray) -> None:
    with pytest.raises(CorruptFileError, match=name):
        read_vectors(change(copy, **{name: value}))


def test_damaged_and_missing_files_are_named(copy: Path) -> None:
    model = (copy / "model.mjb").read_bytes()
    (copy / "model.mjb").write_bytes(model[:1000])
    with pytest.raises(CorruptFileError, match=r"model\.mjb"):
        read_vectors(copy)
    (copy / "vectors.npz").write_bytes(b"PK")
    with pytest.raises(CorruptFileError, match=r"vectors\.npz"):
        read_vectors(copy)
    with pytest.raises(MissingAssetError, match=r"model\.mjb"):
        read_vectors(copy / "nothing")


def test_references_that_went_round_and_states_at_the_end_or_on_the_floor(folder: Path) -> None:
    """Targets are wrapped towards the joint; the last frame stands for all later ones."""
    vectors = read_vectors(folder)
    states, reached = vectors.arrays, []
    for turns in (0, 1, -2):
        poses = vectors.expert.qpos.copy()
        poses[:, 7:] += 2 * np.pi * turns
        env = FaithfulEnv(vectors.humanoid, dataclasses.replace(vectors.expert, qpos=poses))
        env.reset(options={"frame": 39})
        env.place(states["qpos"][0], states["qvel"][0])
        env.step(states["action"][0])
        assert env.frame == 39
        reached.append(env.data.qpos.copy())
    np.testing.assert_allclose(reached[1:], reached[:1] * 2, atol=1e-9)
    floor = states["qpos"][0].copy()
    floor[2] = 0.5
    env.reset()
    env.place(floor, 0 * states["qvel"][0])
    _, _, _, _, info = env.step(states["action"][0])
    assert np.isfinite(info["distance"]) and env.data.ncon > 0
