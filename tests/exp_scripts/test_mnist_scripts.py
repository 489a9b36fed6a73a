"""The published commands as the user types them; what the arms do is tested in tests/train."""

from __future__ import annotations

import json
import os
import runpy
import shlex
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tyro

from dataset.mnist_source import FILES
from domains.mnist.arguments import MnistArguments
from domains.mnist.experiment import experiment_of

ARM = (
    "python exp_scripts/mnist/self_consuming_ddpm_mini.py --n_epoch_for_training_from_scratch 20 "
    "--train_type {} --synth_aug_percent 0.2 --fraction_of_train_set_to_train_on 0.2 "
    "--n_clusters_per_digit 16 --save_dir_parent ./exp_outputs/mnist/ --lr_divisor 20 "
    "--resume_starting_at_generation 0"
)
FOLDERS = {
    "baseline": "baseline_0.2",
    "iterative_finetuning": "iterative_finetuning_0.2",
    "iterative_finetuning_with_correction": "iterative_finetuning_with_correction_0.2",
}


def _run(repository: Path, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run `python script ...` in this process, with the paths of the command as they are."""
    _, script, *words = shlex.split(command)
    monkeypatch.setattr(sys, "argv", [script, *words])
    runpy.run_path(str(repository / script), run_name="__main__")


@pytest.mark.parametrize("train_type", FOLDERS)
def test_published_options_mean_the_published_numbers(train_type: str) -> None:
    arguments = tyro.cli(MnistArguments, args=shlex.split(ARM.format(train_type))[2:])
    preset = experiment_of(arguments).preset
    assert arguments.folder(preset) == Path("exp_outputs/mnist") / FOLDERS[train_type]
    assert (preset.epochs, preset.fraction, preset.clusters) == (20, 0.2, 16)
    assert preset.fine_tuning_rate() == pytest.approx(2.5e-7)
    assert (preset.n_feat, preset.batch_size, preset.generations) == (128, 256, 50)


@pytest.mark.parametrize("script", ["self_consuming_ddpm_mini", "fid_lenet", "generate_graphs"])
def test_help(
    script: str, repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit) as stopped:
        _run(repository, f"python exp_scripts/mnist/{script}.py --help", monkeypatch)
    assert stopped.value.code == 0 and "--help" in capsys.readouterr().out


def test_classifier_then_graphs(
    repository: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "raw").mkdir()
    for name, count in zip(FILES, (40, 40, 20, 20), strict=True):
        shape = (count, 28, 28) if "images" in name else (count,)
        head = struct.pack(f">BBBB{len(shape)}I", 0, 0, 8, len(shape), *shape)
        content = rng.integers(0, 10, shape).astype(np.uint8).tobytes()
        (tmp_path / "raw" / name).write_bytes(head + content)
    monkeypatch.chdir(tmp_path)
    classifier = "python exp_scripts/mnist/fid_lenet.py --data_dir raw --preset smoke"
    _run(repository, classifier, monkeypatch)
    assert (tmp_path / "exp_outputs/mnist/lenet_sigmoid.pth").is_file()
    for arm in FOLDERS.values():
        folder = tmp_path / "exp_outputs/mnist" / arm / "01"
        folder.mkdir(parents=True)
        (folder / "eval_dict.json").write_text(json.dumps({"0": {"FID": 3.0, "Diversity": 1.0}}))
    graphs = "python exp_scripts/mnist/generate_graphs.py ./exp_outputs/mnist"
    _run(repository, graphs, monkeypatch)
    assert "aug_percent_0.2_graphs.png" in capsys.readouterr().out
    assert (tmp_path / "exp_outputs/mnist/graphs/aug_percent_0.2_graphs.png").is_file()


@pytest.mark.parametrize(
    ("words", "folder", "arms"),
    [("", "mnist", 8), ("--preset demo", "mnist_demo", 2), ("--preset=demo", "mnist_demo", 2)],
)
def test_run_all_plans_the_whole_figure(
    words: str, folder: str, arms: int, repository: Path
) -> None:
    if not (repository / ".venv").is_dir():
        pytest.skip("SKIPPED LOUDLY: run_all.sh needs the environment .venv")
    line = ["bash", "exp_scripts/mnist/run_all.sh", *words.split(), "--dry-run", "--", "--faithful"]
    done = subprocess.run(
        line, cwd=repository, capture_output=True, text=True, timeout=120, env={**os.environ}
    )
    assert done.returncode == 0, done.stderr
    commands = [line for line in done.stdout.splitlines() if "self_consuming_ddpm_mini" in line]
    assert len(commands) == 2 + arms  # generation 0 and the rest of the baseline
    assert all(f"exp_outputs/{folder} " in c and c.endswith("--faithful") for c in commands)


def test_run_all_explains_itself_before_the_options_of_every_experiment(repository: Path) -> None:
    if not (repository / ".venv").is_dir():
        pytest.skip("SKIPPED LOUDLY: run_all.sh needs the environment .venv")
    script = (repository / "exp_scripts" / "mnist" / "run_all.sh").read_text()
    header = [line[2:] for line in script.split("\nname=")[0].splitlines()[1:]]
    for words in (["--help"], ["--preset", "demo", "-h"]):
        line = ["bash", "exp_scripts/mnist/run_all.sh", *words]
        done = subprocess.run(line, cwd=repository, capture_output=True, text=True, timeout=120)
        assert done.stdout.splitlines()[: len(header)] == header and "--arms" in header[-1]
