"""Gathering checkpoints: the newest of each arm, and no crash where an arm lacks generations."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from domains.motion.experiments import Experiment, experiment_named
from loop.errors import InvalidOptionError, MissingAssetError
from sample.prepare import newest_generation, prepare


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    """Baseline at generation 50, an arm at 3, an arm with nothing; three test clips."""
    data, runs = tmp_path / "data", tmp_path / "dataset_demo"
    for name in ("texts", "new_joint_vecs"):
        (data / name).mkdir(parents=True)
    for clip in ("000001", "000002", "000003"):
        (data / "texts" / f"{clip}.txt").write_text(f"text of {clip}")
        (data / "new_joint_vecs" / f"{clip}.npy").write_bytes(clip.encode())
    (data / "train.txt").write_text("000001\n")
    (data / "test.txt").write_text("000001\n000002\n000003\n")
    for arm, generations in (
        ("baseline", (0, 50)),
        ("synthetic_percent_100_iterative_finetuning", (0, 3)),
    ):
        for generation in generations:
            folder = runs / arm / f"generation_{generation}"
            folder.mkdir(parents=True)
            (folder / "model000000009.pt").write_text(f"{arm} {generation}")
            (folder / "eval_dict.json").write_text("{}")
        (runs / arm / "args.json").write_text('{"preset": {}}')
        (runs / arm / "generation_51.partial").mkdir()
    return replace(experiment_named("demo"), dataset=data, runs=runs)


def test_newest_models_and_clips_are_gathered(experiment: Experiment, caplog) -> None:
    with caplog.at_level(logging.INFO):
        folder = prepare(experiment, 2)
    assert "generation 3 is its newest, not 5" in caplog.text
    assert "with_correction has no finished generation" in caplog.text
    models = {path.parent.name: path.read_text() for path in folder.glob("checkpoints/*/model.pt")}
    raw = "synthetic_percent_100_iterative_finetuning"
    assert models == {
        "generation_50_baseline": "baseline 50",
        f"generation_3_{raw}": f"{raw} 3",
    }
    assert (folder / "checkpoints" / "generation_50_baseline" / "args.json").is_file()
    texts = sorted(path.stem for path in (folder / "texts").iterdir())
    assert len(texts) == 2
    assert sorted(path.stem for path in (folder / "motions_gt").iterdir()) == texts


def test_clips_depend_on_the_seed_and_cannot_be_more_than_there_are(experiment) -> None:
    with pytest.raises(InvalidOptionError, match="so many clips"):
        prepare(experiment, 4)
    with pytest.raises(MissingAssetError, match="no arm has"):
        prepare(replace(experiment, runs=experiment.runs / "none"), 1)


def test_unfinished_generations_do_not_count(experiment: Experiment) -> None:
    assert newest_generation(experiment.runs / "baseline") == 50
    (experiment.runs / "baseline" / "generation_50" / "eval_dict.json").unlink()
    assert newest_generation(experiment.runs / "baseline") == 0
    assert newest_generation(experiment.runs / "none") is None
