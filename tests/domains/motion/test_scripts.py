"""The words of the published scripts, turned into the trainer's command."""

from __future__ import annotations

from pathlib import Path

import pytest

from domains.motion.scripts import command_line
from loop.errors import InvalidOptionError, MissingAssetError
from loop.rundir.directory import EVALUATION

RAW = "synthetic_percent_{}_iterative_finetuning"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root with three data sets and, for 0064 and demo, a finished generation 0."""
    monkeypatch.chdir(tmp_path)
    for name in ("HumanML3D_subset_0064", "HumanML3D_subset_2794", "demo"):
        (tmp_path / "dataset" / name).mkdir(parents=True)
        (tmp_path / "dataset" / name / "train.txt").write_text("")
    for name in ("dataset_0064", "dataset_demo"):
        finish(tmp_path / "exp_outputs" / name / "generation_0" / "generation_0")
    return tmp_path


def finish(generation: Path) -> None:
    generation.mkdir(parents=True)
    (generation / EVALUATION).write_text("{}")


def made(words: str) -> list[str]:
    return command_line(words.split())


def options(words: str) -> dict[str, str]:
    """The trainer's options as a mapping; every one has a value."""
    line = made(words)[3:]
    return dict(zip(line[::2], line[1::2], strict=True))


def test_the_four_published_scripts() -> None:
    common = {"--mini_dataset_dir": "dataset/HumanML3D_subset_0064", "--preset": "0064"}
    assert options("generation_0 0064") == common | {
        "--save_dir": "exp_outputs/dataset_0064/generation_0",
        "--num_generations": "0",
    }
    start = common | {"--start_from": "exp_outputs/dataset_0064/generation_0/generation_0"}
    assert options("baseline 0064") == start | {"--save_dir": "exp_outputs/dataset_0064/baseline"}
    raw = start | {
        "--save_dir": f"exp_outputs/dataset_0064/{RAW.format('025')}",
        "--synthetic_augmentation_percent": "0.25",
        "--augmentation_type": "raw_mdm_output",
    }
    assert options("iterative_finetuning 0064 025") == raw
    assert options("iterative_finetuning_with_correction 0064 025") == raw | {
        "--save_dir": raw["--save_dir"] + "_with_correction",
        "--augmentation_type": "imitation_output",
    }


def test_options_are_passed_on_wherever_preset_and_seed_stand() -> None:
    line = made("generation_0 demo --lr 1e-3 --preset smoke --num_steps 5")
    assert line[-4:] == ["--lr", "1e-3", "--num_steps", "5"]
    assert line[line.index("--preset") + 1] == "smoke" and line.count("--preset") == 1


def test_another_seed_has_a_folder_of_its_own(project: Path) -> None:
    with pytest.raises(MissingAssetError, match="demo_seed_7/generation_0"):
        made("baseline demo --seed 7")
    finish(project / "exp_outputs/dataset_demo_seed_7/generation_0/generation_0")
    found = options("baseline demo --seed 7")
    assert found["--save_dir"] == "exp_outputs/dataset_demo_seed_7/baseline"
    assert found["--seed"] == "7" and "demo_seed_7" in found["--start_from"]


def test_a_variant_has_the_folder_that_the_user_names_and_starts_from_the_same_model() -> None:
    found = options("baseline demo --save_dir runs/variant --mixing accumulate")
    assert found["--save_dir"] == "runs/variant" and found["--mixing"] == "accumulate"
    assert found["--start_from"] == "exp_outputs/dataset_demo/generation_0/generation_0"


def test_an_arm_that_has_its_generation_0_needs_no_other(project: Path) -> None:
    finish(project / "exp_outputs/dataset_2794/baseline/generation_0")
    assert "--start_from" not in options("baseline 2794")
    with pytest.raises(MissingAssetError, match=r"train_generation_0\.sh 2794"):
        made("iterative_finetuning 2794 05")


def test_an_arm_with_a_copied_generation_0_is_compared_until_it_has_begun(project: Path) -> None:
    """copy_generation_0.py, published, copies it without its settings."""
    arm = project / "exp_outputs/dataset_0064/baseline"
    finish(arm / "generation_0")
    start = "exp_outputs/dataset_0064/generation_0/generation_0"
    assert options("baseline 0064")["--start_from"] == start
    (arm / "args.json").write_text("{}")
    assert "--start_from" not in options("baseline 0064")


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("", "words"),
        ("walk 0064", "words"),
        ("baseline", "found: nothing"),
        ("baseline 0064 025", "DATASET"),
        ("iterative_finetuning 0064", "025 050 075 100"),
        ("iterative_finetuning 0064 nan", "025 050 075 100"),
        ("iterative_finetuning 2794 --lr 1", "05 10 15 20 25"),
        ("baseline 2974", "say 2794"),
        ("baseline 0064 --seed x", "invalid int"),
        ("baseline 0064 --preset", "expected one argument"),
        ("baseline 0064 --preset huge", "unknown preset"),
    ],
)
def test_nonsense_is_answered_in_words(words: str, answer: str) -> None:
    with pytest.raises(InvalidOptionError, match=answer):
        made(words)


def test_a_missing_data_set_is_named() -> None:
    with pytest.raises(MissingAssetError, match="HumanML3D_subset_0128"):
        command_line(["baseline", "0128"])
