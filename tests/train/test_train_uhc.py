"""The command that trains the controller, tiny, end to end."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest

from body_models.skeleton import DEFAULT_SKELETON
from loop.errors import InvalidMotionError, InvalidOptionError, RunStateError
from train.train_uhc import SETTINGS, Arguments, _compare, _references, run
from uhc.rl.policy import Policy
from uhc.rl.ppo import PpoOptions


def data_set(folder, name="data", lowered=0.0):
    """A clip that trains and one that is held out, both at rest; lowered, they are not upright."""
    joints = np.repeat(DEFAULT_SKELETON.rest_joints[None].astype(np.float32), 30, axis=0)
    joints[..., 1] -= joints[..., 1].min()
    joints[:, 0, 1] -= np.float32(lowered)
    data = folder / name
    (data / "new_joints").mkdir(parents=True)
    for clip in ("000000", "000001"):
        np.save(data / "new_joints" / f"{clip}.npy", joints)
    (data / "train.txt").write_text("000000\n")
    (data / "test.txt").write_text("000001\n")
    return data


@pytest.fixture
def begun(tmp_path):
    """A run whose references are built."""
    arguments = Arguments(
        (data_set(tmp_path),), tmp_path / "out", 1, noisy=0, workers=1, environments=2
    )
    arguments.out.mkdir()
    first = _references(arguments, "train", 0, PpoOptions(environments=2))
    return arguments, first


def test_a_run_that_goes_on_has_the_references_of_its_first_minute(begun):
    arguments, (first, body) = begun
    again, same = _references(arguments, "train", 0, PpoOptions(environments=2))
    assert [clip.name for clip in again] == ["000000~clean"] and same.foot_drop == body.foot_drop
    np.testing.assert_array_equal(again[0].qpos, first[0].qpos)


@pytest.mark.parametrize("name", ["motions", "noisy", "seed", "environments"])
def test_other_settings_are_refused(begun, tmp_path, name):
    arguments, _ = begun
    others = {
        "motions": (data_set(tmp_path, "others"),), "noisy": 2, "seed": 1, "environments": 3
    }  # fmt: skip
    with pytest.raises(RunStateError, match=f"found: .*{name}") as refused:
        run(replace(arguments, **{name: others[name]}))
    assert refused.value.path == arguments.out / SETTINGS


def test_a_moved_and_an_older_folder_go_on(begun, tmp_path, monkeypatch, caplog):
    arguments, _ = begun
    options = PpoOptions(environments=2)
    tmp_path.rename(moved := tmp_path.with_name(f"{tmp_path.name} moved"))
    monkeypatch.chdir(moved)
    here = replace(arguments, motions=(moved / "data",), out=moved / "out", iterations=9, workers=2)
    _compare(here, options)
    assert not caplog.text
    (moved / "out" / SETTINGS).unlink()
    _compare(replace(here, noisy=2), options)
    assert "did not record its settings" in caplog.text


def test_nothing_upright_and_no_worker_are_told_in_words(tmp_path):
    arguments = Arguments((data_set(tmp_path, lowered=0.5),), tmp_path / "out", 1, workers=1)
    with pytest.raises(InvalidMotionError, match="no upright clip"):
        run(arguments)
    assert not list(arguments.out.iterdir())  # other --motions may be named
    for wrong in ({"workers": 0}, {"environments": 0}, {"noisy": -1}):
        with pytest.raises(InvalidOptionError, match="Too few"):
            run(replace(arguments, **wrong))


def test_trains_resumes_and_judges(tmp_path, caplog):
    data, out = data_set(tmp_path), tmp_path / "out"
    caplog.set_level("INFO")
    for iterations in (1, 2):
        run(Arguments((data,), out, iterations, noisy=0, workers=1, environments=2))
    with (out / "progress.csv").open() as file:
        assert [row["iteration"] for row in csv.DictReader(file)] == ["1", "2"]
    assert len(Policy.load(out / "policy.safetensors").weights) == 3
    for which in ("trained on, clean", "held out"):
        for name in ("tracker, no residual force", "policy"):
            assert f"{which}: {name}: 1 of 1 clips to the end" in caplog.text
    assert "noisy" not in caplog.text  # there are no such copies
