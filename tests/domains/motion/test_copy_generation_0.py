"""Generation 0 handed over to all arms, once and again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from domains.motion.copy_generation_0 import copy_experiment
from loop.errors import MissingAssetError, RunStateError


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """exp_outputs/dataset_0064 with a finished generation 0."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "exp_outputs" / "dataset_0064"
    train(folder, "1.0")
    return folder


def train(folder: Path, fid: str) -> None:
    generation = folder / "generation_0" / "generation_0"
    generation.mkdir(parents=True, exist_ok=True)
    (generation / "eval_dict.json").write_text(json.dumps({"model.pt": fid}))
    (generation / "model.pt").write_text(fid)


def files(folder: Path) -> dict[str, bytes]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_every_arm_gets_it_and_repeating_changes_nothing(runs: Path) -> None:
    copy_experiment("0064")
    source = files(runs / "generation_0" / "generation_0")
    arms = sorted(path.name for path in runs.iterdir() if path.name != "generation_0")
    assert len(arms) == 9 and "baseline" in arms
    assert all(files(runs / arm / "generation_0") == source for arm in arms)
    before = files(runs)
    (runs / "baseline" / "generation_0" / "model.pt").unlink()  # cleared away since
    copy_experiment("0064")
    del before["baseline/generation_0/model.pt"]
    assert files(runs) == before


def test_arms_of_another_generation_0_are_left_and_named_the_others_served(runs: Path) -> None:
    copy_experiment("0064")
    (runs / "synthetic_percent_050_iterative_finetuning" / "generation_0").rename(runs / "away")
    train(runs, "2.0")
    with pytest.raises(RunStateError, match="baseline"):
        copy_experiment("0064")
    assert (runs / "baseline" / "generation_0" / "model.pt").read_text() == "1.0"
    served = runs / "synthetic_percent_050_iterative_finetuning" / "generation_0" / "model.pt"
    assert served.read_text() == "2.0"


def test_without_generation_0_it_says_how_to_train_one(runs: Path) -> None:
    with pytest.raises(MissingAssetError, match=r"train_generation_0\.sh 2794"):
        copy_experiment("2794")
    with pytest.raises(MissingAssetError, match="dataset_0064_seed_7"):
        copy_experiment("0064", seed=7)
