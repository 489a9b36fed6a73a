"""Which generation 0 an arm may start from."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from domains.mnist.arguments import MnistArguments
from domains.mnist.arm import run
from loop.errors import InvalidOptionError, RunStateError, ScscError

Options = Callable[..., MnistArguments]
RAW = "iterative_finetuning"


OTHERS = [
    ({"seed": 7}, r"'seed': 42.*'seed': 7"),
    ({"real_images": 90}, r"'real_images': 100.*'real_images': 90"),
    ({"ddim_steps": 3}, "'ddim_steps': 2"),
    ({"eval_samples": 60}, "'eval_samples': 100"),
    ({"learning_rate": 1e-4}, "'learning_rate': 0.001"),
    ({"preset": "demo", "num_generations": 0}, "'n_feat': 8"),
    ({"faithful": True}, "'faithful': False"),
]
OWN = [
    {"fine_tune_rate": 0.0},
    {"lr_divisor": 3.0},
    {"mixing": "replace"},
    {"n_clusters_per_digit": 3},
    {"fraction_of_train_set_to_train_on": 0.5, "real_images": 100},
]


def test_a_generation_0_of_other_settings_is_refused(options: Options, begun: Path) -> None:
    for other, said in OTHERS:
        with pytest.raises(RunStateError, match=rf"(?s)another model.*found: .*{said}"):
            run(options(RAW, start_from=begun / "00", **other))
    assert not (begun.parent / f"{RAW}_0.5").exists(), "a refused arm leaves nothing behind"
    for own in OWN:
        run(options(RAW, start_from=begun / "00", num_generations=0, **own))
        assert (begun.parent / f"{RAW}_0.5" / "00" / "model_0.pth").is_file()
        shutil.rmtree(begun.parent / f"{RAW}_0.5")


def test_published_arms_of_any_seed_train_on_the_first_images(
    options: Options, tmp_path: Path
) -> None:
    """So each may start from the one generation 0."""
    common = {"faithful": True, "num_generations": 0}
    run(options(**common))
    run(options(RAW, seed=7, **common))
    assert (tmp_path / "mnist" / f"{RAW}_0.5" / "00" / "model_0.pth").is_file()


def test_an_arm_of_an_older_version_goes_on(options: Options, begun: Path) -> None:
    """They were not compared when it began, and now it has its copy."""
    arm = begun.parent / f"{RAW}_0.5"
    run(options(RAW, start_from=begun / "00", num_generations=0))
    path = arm / "args.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"seed": 7}))
    run(options(RAW, seed=7, start_from=begun / "00", num_generations=1))
    assert (arm / "01" / "model_gen1.pth").is_file()
    shutil.rmtree(arm)
    with pytest.raises(RunStateError, match="another model"):
        run(options(RAW, seed=7, start_from=begun / "00", num_generations=1))


WRONG = {
    "ddim_steps": (0, 9),
    "lr_divisor": (0.0, float("nan")),
    "learning_rate": (-1.0,),
    "fine_tune_rate": (float("inf"),),
    "n_epoch_for_training_from_scratch": (0,),
    "real_images": (0,),
    "fraction_of_train_set_to_train_on": (0.0, 1.5),
    "n_clusters_per_digit": (0,),
    "eval_samples": (5,),
    "num_generations": (-1,),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_number_out_of_range_is_refused_before_anything_is_written(
    options: Options, tmp_path: Path, name: str
) -> None:
    for number in WRONG[name]:
        with pytest.raises(InvalidOptionError, match=r"(?s)out of range.*expected: .* from .* to "):
            run(options(**{"num_generations": 0, name: number}))
    assert not (tmp_path / "mnist").exists()


def test_an_option_that_the_data_refuse_may_be_corrected(options: Options, begun: Path) -> None:
    """Nothing was made with it: neither of a baseline, nor of an arm that copied generation 0."""
    with pytest.raises(InvalidOptionError, match="1 to 300"):
        run(options(parent="other", real_images=301))
    run(options(parent="other", num_generations=0))
    arm = {"train_type": f"{RAW}_with_correction", "num_generations": 0}
    for wrong in ({"correction": "nobody"}, {"n_clusters_per_digit": 99}):
        with pytest.raises(ScscError):
            run(options(**arm | {"num_generations": 1} | wrong))
    run(options(**arm))
