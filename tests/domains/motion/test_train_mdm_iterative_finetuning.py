"""The documented command, end to end and small, on real motion; interrupted, damaged, repeated."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.domains.motion.arms import Nursery, results, small_demo

ARM = "synthetic_percent_025_iterative_finetuning_with_correction"
KEYS = {
    "FID_test", "FID_ground truth", "Diversity_test", "Diversity_ground truth",
    "Matching Score_test", "Matching Score_ground truth", "R_precision_test",
    "R_precision_ground truth", "Penetrate_test", "Float_test", "Skate_test",
}  # fmt: skip


@pytest.fixture(scope="module")
def data(deepmimic_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_demo(deepmimic_source, tmp_path_factory.mktemp("data") / "demo", windows=16)


def options(data: Path, save_dir: Path, *more: str) -> list[str]:
    where = ("--mini_dataset_dir", str(data), "--save_dir", str(save_dir))
    return ["--preset", "smoke", *where, *more]


def arm_options(data: Path, runs: Path) -> list[str]:
    return options(
        data, runs / ARM, "--start_from", str(runs / "generation_0" / "generation_0"),
        "--synthetic_augmentation_percent", "0.25", "--augmentation_type", "imitation_output",
    )  # fmt: skip


def command(options: list[str]) -> list[str]:
    return [sys.executable, "-m", "train.train_mdm_iterative_finetuning", *options]


@pytest.fixture(scope="module")
def unbroken(
    data: Path, repository: Path, nursery: Nursery, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Generation 0, and a corrected arm of two generations in a process of its own."""
    runs = tmp_path_factory.mktemp("runs")
    zero = options(data, runs / "generation_0", "--num_generations", "0")
    status, said = nursery.run(zero, runs / "log")
    assert status == 0, said
    done = subprocess.run(
        command(arm_options(data, runs)), cwd=repository, timeout=300, capture_output=True,
        text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},  # as the nursery has it
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return runs


def test_a_generation_holds_what_the_published_layout_promises(unbroken: Path) -> None:
    for generation in (1, 2):
        folder = unbroken / ARM / f"generation_{generation}"
        ((checkpoint, metrics),) = json.loads((folder / "eval_dict.json").read_text()).items()
        assert metrics.keys() >= KEYS and (folder / checkpoint).is_file()
        assert metrics["Attempted imitations_correction"] == 4
        sampled = sorted(folder.glob("synthetic_motions/*-sampled.npy"))
        assert len(sampled) == 4
        for path in folder.glob("synthetic_motions/*-sampled_and_imitated.npy"):
            before = np.load(str(path).replace("_and_imitated", ""))
            assert np.load(path).shape == before.shape == (len(before), 263)
    zero = unbroken / "generation_0" / "generation_0"
    assert results(zero) == results(unbroken / ARM / "generation_0")
    assert not list(unbroken.rglob("*.partial")) and not list(unbroken.rglob(".work_*"))


def test_ctrl_c_is_answered_in_words(data: Path, repository: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        command(options(data, tmp_path / "generation_0", "--num_generations", "0")),
        cwd=repository, stderr=subprocess.PIPE, text=True,
        # Under a shell's background job, as CI may be, SIGINT is ignored unless asked for.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    while not (tmp_path / "generation_0" / ".lock").exists():
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on" in error and "Traceback" not in error


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--seed", "7"], "other settings"),
        (["--preset", "0065"], "unknown preset"),
        (["--synthetic_augmentation_percent", "-1"], "is a fraction"),
        (["--synthetic_augmentation_percent", "1.5", "--faithful"], "is a fraction"),
        (["--mini_dataset_dir", "nowhere"], "nowhere"),
        (["--device", "abacus"], "device"),
    ],
)
def test_bad_options_are_errors_in_words(
    data: Path, unbroken: Path, nursery: Nursery, tmp_path: Path, change: list[str], message: str
) -> None:
    runs = tmp_path / "runs"
    for shared in ("cache", "generation_0"):
        shutil.copytree(unbroken / shared, runs / shared)
    target = runs / ("generation_0" if "--seed" in change else "other")
    wrong = options(data, target, "--num_generations", "0", *change)
    status, said = nursery.run(wrong, tmp_path / "log")
    assert status == 1, said
    assert message in said and "Traceback" not in said


def test_a_truncated_checkpoint_is_named_and_nothing_is_lost(
    data: Path, unbroken: Path, nursery: Nursery, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    shutil.copytree(unbroken, runs)
    shutil.rmtree(runs / ARM / "generation_2")
    broken = next((runs / ARM / "generation_1").glob("opt*.pt"))
    broken.write_bytes(broken.read_bytes()[:1000])
    status, said = nursery.run(arm_options(data, runs), tmp_path / "log")
    assert status == 1 and broken.name in said and "Traceback" not in said
    shutil.rmtree(runs / ARM / "generation_1")
    status, said = nursery.run(arm_options(data, runs), tmp_path / "log")
    assert status == 0, said
    assert results(runs / ARM) == results(unbroken / ARM)
