"""Generation 0 that comes along: made out of a run, taken instead of training, else refused."""

from __future__ import annotations

import csv
import dataclasses
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from dataset.humanml3d import load_split
from domains.motion.arguments import Arguments
from domains.motion.arm import run
from domains.motion.checkpoints.generation_0 import ship_start
from domains.motion.evaluator.choice import shared_evaluators
from domains.motion.experiments import experiment_named
from domains.motion.generator import model_file
from loop.errors import InvalidOptionError, MissingAssetError, RunStateError
from model.checkpoint import load_checkpoint
from model.text_encoder import MiniLMEncoder


def arguments(data: Path, runs: Path, name: str, **changes) -> Arguments:
    given = {"preset": "smoke", "num_generations": 0, "eval_num_samples": 8, "workers": 1}
    return Arguments(runs / name, data, device="cpu", **given | changes)


@pytest.fixture(scope="module")
def made(smooth_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """runs/baseline with two generations of 6 and 3 steps, and weights/smoke made of the last."""
    root = tmp_path_factory.mktemp("made")
    run(arguments(smooth_data, root / "runs", "baseline", num_generations=1))
    ship_start(root / "runs/baseline/generation_1", root / "weights/smoke")
    return root


def start(made: Path, data: Path, runs: Path, **changes) -> Path:
    options = {"generation_0_weights": made / "weights/smoke", "generation_0_steps": 9}
    run(arguments(data, runs, "generation_0", **options | changes))
    return runs / "generation_0/generation_0"


def test_weights_are_taken_as_they_were_drawn_with(
    made: Path,
    smooth_data: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.INFO)
    trained_at = shared_evaluators()
    monkeypatch.setenv("SCSC_EVALUATORS", str(tmp_path / "evaluators"))
    generation = start(made, smooth_data, tmp_path)
    for needed in ("9 steps", "without the optimiser's moments", "--from_scratch"):
        assert needed in caplog.text
    theirs = load_checkpoint(model_file(made / "runs/baseline/generation_1"))
    ours = load_checkpoint(model_file(generation))
    assert model_file(generation).name == "model000000009.pt" and ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    rest = load_checkpoint(generation / "opt000000009.pt")
    assert rest["optimizer"]["state"] == {}
    assert all(torch.equal(rest["network"][name], theirs[name]) for name in theirs)
    (own,) = (tmp_path / "evaluators").glob("*.pt")
    other = trained_at / own.name
    mine, trained = (load_checkpoint(path) for path in (own, other))
    assert all(torch.equal(mine["network"][n], trained["network"][n]) for n in trained["network"])
    assert not (generation / "training_loss.csv").exists(), "nothing was trained"

    # An arm goes on from it, and so does the same command again; all captions are known by now.
    def loaded(*_: object) -> None:
        raise AssertionError("an arm loads a language model")

    monkeypatch.setattr(MiniLMEncoder, "_batches", loaded)
    raw = {"start_from": generation, "num_generations": 1, "synthetic_augmentation_percent": 1.0}
    run(arguments(smooth_data, tmp_path, "raw", generation_0_steps=9, **raw))
    assert (tmp_path / "raw/generation_1/eval_dict.json").is_file()
    start(made, smooth_data, tmp_path)


def test_the_folder_says_what_was_measured_on_the_way(made: Path) -> None:
    folder = made / "weights/smoke"
    rows = list(csv.DictReader((folder / "curve.csv").open()))
    assert [row["steps"] for row in rows] == ["6", "9"] and float(rows[1]["FID_test"]) > 0
    assert (folder / "curve.png").read_bytes().startswith(b"\x89PNG")
    card = (folder / "README.md").read_text()
    assert "--num_generations 1" in card and "curve.png" in card
    assert f"| FID | {float(rows[1]['FID_test']):.3g} |" in card


def test_the_training_loss_comes_along(made: Path) -> None:
    folder, runs = made / "weights/smoke", made / "runs/baseline"
    whole, first, later = (
        [(int(row["step"]), float(row["loss"])) for row in csv.DictReader(path.open())]
        for path in (
            folder / "training_loss.csv",
            runs / "generation_0/training_loss.csv",
            runs / "generation_1/training_loss.csv",
        )
    )
    assert [step for step, _ in whole] == list(range(1, 6 + 3 + 1))
    assert [loss for _, loss in whole] == [loss for _, loss in first + later]
    assert (folder / "training_loss.png").read_bytes().startswith(b"\x89PNG")
    assert "training_loss.csv" in (folder / "README.md").read_text()


def test_a_run_that_measured_once_has_no_curve(made: Path, tmp_path: Path) -> None:
    ship_start(made / "runs/baseline/generation_0", tmp_path / "once")
    assert not list((tmp_path / "once").glob("curve*"))
    assert "not made" in (tmp_path / "once/README.md").read_text()


def test_a_run_of_an_older_version_has_no_loss_to_bring(made: Path, tmp_path: Path) -> None:
    older = shutil.copytree(made / "runs/baseline", tmp_path / "baseline")
    for path in older.rglob("training_loss.csv"):
        path.unlink()
    ship_start(older / "generation_1", tmp_path / "older")
    assert not list((tmp_path / "older").glob("training_loss*"))
    assert "was not recorded" in (tmp_path / "older/README.md").read_text()


def test_half_of_the_bits_are_enough(made: Path, smooth_data: Path, tmp_path: Path) -> None:
    ship_start(made / "runs/baseline/generation_1", tmp_path / "half", half=True)
    whole, half = (p / "model.safetensors" for p in (made / "weights/smoke", tmp_path / "half"))
    assert half.stat().st_size < 0.75 * whole.stat().st_size
    generation = start(made, smooth_data, tmp_path, generation_0_weights=tmp_path / "half")
    ours, wanted = load_checkpoint(model_file(generation)), load_file(whole)
    for name, array in ours.items():
        torch.testing.assert_close(array, wanted[name], rtol=2**-11, atol=1e-7)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"layers": 2}, "layers"),
        ({"generation_0_steps": 6}, "generation_0_steps"),
        ({"faithful": True, "eval_rep_times": 1}, "mask_padding"),
    ],
)
def test_other_numbers_are_refused_and_trained_from_scratch(
    made: Path, smooth_data: Path, tmp_path: Path, changes: dict, named: str
) -> None:
    with pytest.raises(RunStateError, match=named) as error:
        start(made, smooth_data, tmp_path / "refused", **changes)
    assert "--from_scratch" in str(error.value)
    generation = start(made, smooth_data, tmp_path / "trained", from_scratch=True, **changes)
    assert load_checkpoint(next(generation.glob("opt*.pt")))["optimizer"]["state"]


def edited(data: Path, out: Path, clip: str, change: float) -> Path:
    shutil.copytree(data, out)
    path = out / "new_joint_vecs" / f"{clip}.npy"
    np.save(path, np.load(path) + np.float32(change))
    return out


def test_other_motions_are_refused_but_not_other_rounding(
    made: Path, smooth_data: Path, tmp_path: Path
) -> None:
    clip = load_split(smooth_data, "train").items[0].id
    rounded = edited(smooth_data, tmp_path / "rounded", clip, 1e-6)
    assert start(made, rounded, tmp_path / "runs").is_dir()
    with pytest.raises(RunStateError, match="motions of the training set"):
        start(made, edited(smooth_data, tmp_path / "moved", clip, 0.1), tmp_path / "other")
    told = smooth_data.parent.joinpath("texts_of_another")
    shutil.copytree(smooth_data, told)
    (told / "texts" / f"{clip}.txt").write_text(
        "a person sits#a/DET person/NOUN sit/VERB#0.0#0.0\n"
    )
    with pytest.raises(RunStateError, match="training set"):
        start(made, told, tmp_path / "others")


def test_damage_and_contradictions_are_named(made: Path, smooth_data: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingAssetError):
        start(made, smooth_data, tmp_path, generation_0_weights=tmp_path / "none")
    with pytest.raises(InvalidOptionError, match="trained anew"):
        start(made, smooth_data, tmp_path, start_weights="scratch")


def test_an_experiment_takes_the_weights_of_its_name(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made)
    smoke = experiment_named("smoke")
    assert smoke.generation_0_options()[2:] == ["--generation_0_weights", "weights/smoke"]
    other = dataclasses.replace(smoke, name="my_smoke")
    for experiment in (other, experiment_named("smoke", "demo"), experiment_named("demo")):
        assert experiment.generation_0_options() == ["--num_generations", "0"]
