"""How much of a disk a full 0064 sweep takes, from the real sizes of its files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch

from dataset.humanml3d import MotionSet
from domains.motion.denoiser import new_denoiser
from domains.motion.files import LARGE_FILES
from domains.motion.generator import MotionGenerator
from domains.motion.presets import CORRECTED, preset_named
from loop.rundir.generation_0 import copy_generation_0
from loop.rundir.retention import keep_named, prune

PRESET = preset_named("0064")
CLIPS, FRAMES = 65, 117
"""Training clips of the published list, and their mean length (7.6k frames in all)."""
GB = 1e9


class Sizes(NamedTuple):
    model: int
    training: int


@pytest.fixture(scope="module")
def sizes(tmp_path_factory: pytest.TempPathFactory) -> Sizes:
    """Bytes of a real checkpoint of 0064, and of what only training needs."""

    class Encoder:
        dim = 384

    denoiser = new_denoiser(
        PRESET, CORRECTED, Encoder(), (np.zeros(263), np.ones(263)), 1, torch.device("cpu")
    )
    real = MotionSet((), np.zeros(263), np.ones(263), Path(), "train")
    generator = MotionGenerator(denoiser, real, PRESET, CORRECTED, 1)
    for parameter in denoiser.network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    generator._optimizer.step()
    folder = tmp_path_factory.mktemp("checkpoint")
    name = generator.save(folder)
    weights = sum(p.numel() for p in denoiser.network.parameters())
    assert 17e6 < weights < 19e6
    (training,) = folder.glob("opt*.pt")
    found = Sizes((folder / name).stat().st_size, training.stat().st_size)
    # The moving average once; live weights and two moments: nothing is stored twice.
    assert 4 * weights <= found.model < 4.01 * weights + 20e6
    assert 12 * weights <= found.training < 12.01 * weights + 20e6
    return found


def sparse(path: Path, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.truncate(path, size)


def used(folder: Path) -> int:
    """Bytes of all files, a file with several names once."""
    files = {(s.st_dev, s.st_ino): s.st_size for s in map(Path.stat, folder.rglob("*.*"))}
    return sum(files.values())


def make_generation(folder: Path, sizes: Sizes, motions: int) -> None:
    sparse(folder / "model.pt", sizes.model)
    sparse(folder / "opt.pt", sizes.training)
    sparse(folder / "synthetic_motions" / "all.npy", motions * (128 + FRAMES * 263 * 4))
    sparse(folder / "eval_dict.json", 4_096)


def sweep(folder: Path, sizes: Sizes, keep: str, keep_samples: str, generations: int) -> int:
    """A whole sweep in empty files of these sizes, pruned as the loop does; bytes in the end."""
    zero = folder / "generation_0" / "generation_0"
    make_generation(zero, sizes, 0)
    counts = [0] + [int(r * CLIPS) * copies for r in PRESET.ratios for copies in (1, 2)]
    for number, motions in enumerate(counts):
        arm = folder / f"arm_{number}"
        copy_generation_0(zero, arm)
        folders = [(g, arm / f"generation_{g}") for g in range(generations + 1)]
        for g, newest in folders[1:]:
            make_generation(newest, sizes, motions)
            policies = keep_named(keep), keep_named(keep_samples)
            prune(folders[:g], newest, LARGE_FILES, *policies, finished=g == generations)
    return used(folder)


def test_a_full_sweep_stays_under_two_gigabytes(tmp_path: Path, sizes: Sizes) -> None:
    assert (PRESET.generations, len(PRESET.ratios)) == (50, 4)
    taken = sweep(tmp_path, sizes, PRESET.keep, PRESET.keep_samples, PRESET.generations)
    print(f"0064, nine arms of 50 generations: {taken / GB:.2f} GB; {sizes}")
    assert taken < 1.6 * GB  # and what is not counted: caches, videos, graphs


def test_keeping_all_is_what_the_published_code_does(tmp_path: Path, sizes: Sizes) -> None:
    taken = sweep(tmp_path, sizes, "all", "all", 2)
    per_generation = sizes.model + sizes.training
    assert taken > (9 * 2 + 1) * per_generation  # 130 GB at 50 generations
    # Generation 0 is on the disk once, whatever the number of arms that start from it.
    assert taken < (9 * 2 + 2) * per_generation
