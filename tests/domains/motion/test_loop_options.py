"""Options of the loop through the trainer, on small random motions."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

import domains.motion.training
from dataset.humanml3d import load_split
from domains.motion.arguments import Arguments
from domains.motion.arm import run
from loop.errors import InvalidOptionError, MissingAssetError, RunStateError


@pytest.fixture(scope="module")
def data(smooth_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same data set with twelve of its forty training clips."""
    copy = tmp_path_factory.mktemp("small") / "data"
    shutil.copytree(smooth_data, copy)
    ids = (copy / "train.txt").read_text().split()
    (copy / "train.txt").write_text("\n".join(ids[:12]) + "\n")
    return copy


@pytest.fixture
def arguments(data: Path, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Arguments:
    cache = tmp_path_factory.getbasetemp() / "loop_options_cache"
    (tmp_path / "cache").symlink_to(cache)
    cache.mkdir(exist_ok=True)
    return Arguments(
        save_dir=tmp_path / "arm", mini_dataset_dir=data, preset="smoke", num_generations=2,
        synthetic_augmentation_percent=0.25, workers=1, device="cpu", eval_num_samples=16,
    )  # fmt: skip


@pytest.fixture
def trained_on(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], int]]:
    """(ids of the motions, steps) of each training."""
    seen = []
    fit = domains.motion.training.fit

    def noting(denoiser, optimizer, batches, steps, *rest):
        seen.append(([item.id for item in batches.items], steps))
        return fit(denoiser, optimizer, batches, steps, *rest)

    monkeypatch.setattr("domains.motion.generator.fit", noting)
    return seen


def test_fresh_data_come_from_the_clips_that_the_data_set_does_not_have(
    arguments: Arguments, smooth_data: Path, trained_on: list[tuple[list[str], int]]
) -> None:
    run(replace(arguments, mixing="fresh_data", fresh_data_dir=smooth_data))
    own = {item.id for item in load_split(arguments.mini_dataset_dir, "train").items}
    real = [ids[:12] for ids, _ in trained_on]
    assert set(real[0]) == own and [len(ids) for ids, _ in trained_on] == [12, 15, 15]
    assert len(set(chain(*real))) == 36, "a clip was dealt out twice"


def test_fresh_data_that_do_not_suffice_are_refused(
    arguments: Arguments, smooth_data: Path
) -> None:
    short = replace(arguments, num_generations=3, mixing="fresh_data")
    for source, held in ((None, 0), (smooth_data, 28)):
        with pytest.raises(InvalidOptionError, match=rf"(?s){held}.*3 generations x 12 = 36"):
            run(replace(short, fresh_data_dir=source, save_dir=arguments.save_dir / str(held)))


def test_from_scratch_takes_the_steps_of_generation_0(
    arguments: Arguments, trained_on: list[tuple[list[str], int]]
) -> None:
    run(replace(arguments, start_weights="scratch"))
    assert [steps for _, steps in trained_on] == [6, 6, 6]
    trained_on.clear()
    run(replace(arguments, save_dir=arguments.save_dir.with_name("other")))
    assert [steps for _, steps in trained_on] == [6, 3, 3]


def test_a_filter_trains_on_samples_that_were_not_changed(arguments: Arguments) -> None:
    run(replace(arguments, augmentation_type="filter", correction="kinematic"))
    generation = arguments.save_dir / "generation_1"
    record = json.loads((generation / "correction.json").read_text())
    assert record["changed"] is False
    assert record["report"]["Attempted imitations_correction"] == 3
    assert len(record["kept"]) == record["report"]["Kept motions_correction"]
    assert not list(generation.rglob("*_and_imitated.npy"))


def test_the_oracle_trains_on_copies_of_real_motions_beyond_lambda_1(
    arguments: Arguments, trained_on: list[tuple[list[str], int]]
) -> None:
    run(
        replace(
            arguments, augmentation_type="imitation_output", correction="nearest",
            synthetic_augmentation_percent=1.5, num_generations=1,
        )
    )  # fmt: skip
    real = {i.vectors.tobytes() for i in load_split(arguments.mini_dataset_dir, "train").items}
    motions = arguments.save_dir / "generation_1" / "synthetic_motions"
    copies = sorted(motions.glob("*-sampled_and_imitated.npy"))
    assert len(copies) == 18 and {np.load(path).tobytes() for path in copies} <= real
    assert len(trained_on[1][0]) == 12 + 18 and sum(n.endswith("_2") for n in trained_on[1][0]) == 6
    filters = replace(arguments, augmentation_type="filter", correction="nearest")
    with pytest.raises(InvalidOptionError, match="filter"):
        run(replace(filters, save_dir=arguments.save_dir.with_name("filter")))


def test_a_strength_replaces_some_samples_and_is_a_setting_of_the_run(arguments: Arguments) -> None:
    half = replace(
        arguments, augmentation_type="imitation_output", correction="nearest", gamma=1.0,
        synthetic_augmentation_percent=1.0, num_generations=1,
    )  # fmt: skip
    run(half)
    first = arguments.save_dir / "generation_1"
    real = {i.vectors.tobytes() for i in load_split(arguments.mini_dataset_dir, "train").items}
    copies = 0
    for path in (first / "synthetic_motions").glob("*-sampled_and_imitated.npy"):
        drawn = np.load(path.with_name(path.name.replace("_and_imitated", "")))
        copied = np.load(path).tobytes() in real
        assert copied != np.array_equal(np.load(path), drawn)
        copies += copied
    report = json.loads((first / "correction.json").read_text())["report"]
    assert 0 < copies < 12 and report["Replaced_correction"] == copies
    with pytest.raises(RunStateError, match="gamma"):
        run(replace(half, gamma=2.0, num_generations=2))


def test_what_is_kept_is_no_setting_of_the_run(arguments: Arguments) -> None:
    run(replace(arguments, num_generations=1, keep="all"))
    run(replace(arguments, keep="last", keep_samples="last"))
    models = sorted(path.parent.name for path in arguments.save_dir.rglob("model*.pt"))
    assert models == ["generation_2"] and not list(arguments.save_dir.rglob("opt*.pt"))
    assert {path.parents[1].name for path in arguments.save_dir.rglob("*.npy")} == {"generation_2"}
    run(replace(arguments, keep="last"))  # a finished run is finished
    with pytest.raises(MissingAssetError, match=r"(?s)opt.*--keep"):
        run(replace(arguments, num_generations=3))


def test_another_way_of_mixing_is_another_run(arguments: Arguments) -> None:
    run(replace(arguments, num_generations=0))
    for change in ({"start_weights": "scratch"}, {"augmentation_type": "filter"}):
        with pytest.raises(RunStateError, match="other settings"):
            run(replace(arguments, num_generations=0, **change))


def test_metrics_are_the_same_with_a_sink(arguments: Arguments) -> None:
    again = arguments.save_dir.parent / "again" / "arm"  # an arm's name decides its numbers
    again.parent.mkdir()
    (again.parent / "cache").symlink_to(arguments.save_dir.parent / "cache")
    run(arguments)
    run(replace(arguments, save_dir=again, loggers=("tensorboard",)))
    found = [
        [(arm / f"generation_{g}" / "eval_dict.json").read_bytes() for g in range(3)]
        for arm in (arguments.save_dir, again)
    ]
    assert found[0] == found[1] and len(set(found[0])) == 3
    assert list((again / "tensorboard").iterdir())


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"augmentation_type": "imitation_output"}, "policy "),
        ({"augmentation_type": "imitation_output", "controller": "tracker"}, None),
        ({"augmentation_type": "imitation_output", "faithful": True}, None),
        ({"augmentation_type": "imitation_output", "correction": "kinematic"}, None),
        ({"augmentation_type": "raw_mdm_output"}, None),
    ],
)
def test_an_arm_keeps_who_followed_its_motions(
    arguments: Arguments, changes: dict, named: str | None
) -> None:
    """With a digest of the weights; nothing for the tracker, nor where nothing is simulated."""
    run(replace(arguments, num_generations=0, **changes))
    kept = json.loads((arguments.save_dir / "args.json").read_text()).get("controller")
    assert kept is None if named is None else kept.startswith(named) and len(kept) == 7 + 16
