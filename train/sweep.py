"""A whole motion experiment: generation 0, then its arms side by side.

`python -m train.sweep --preset demo --mini_dataset_dir dataset/demo --runs RUNS`
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import tyro

from loop.command import command
from loop.jobs import Job, run_jobs
from train.presets import preset_named


@dataclass(frozen=True)
class Arguments:
    """Train generation 0, then run the arms of a preset: baseline, raw and corrected."""

    mini_dataset_dir: Path
    """data set in HumanML3D layout"""
    runs: Path
    """folder of the experiment, such as exp_outputs/dataset_0064; every arm is a folder in it"""
    preset: str = "0064"
    """row of the preset table (train/presets.py)"""
    slots: int = min(2, os.cpu_count() or 1)
    """arms that run at the same time"""
    seed: int = 42
    """fixes everything"""


def plan(arguments: Arguments) -> tuple[Job, list[Job]]:
    """Generation 0, and the arms that start from it, the longest-running first."""
    runs, preset = arguments.runs, preset_named(arguments.preset)

    def job(arm: str, *more: str) -> Job:
        line = [sys.executable, "-m", "train.train_mdm_iterative_finetuning"]
        line += ["--save_dir", str(runs / arm), "--preset", preset.name]
        line += ["--mini_dataset_dir", str(arguments.mini_dataset_dir)]
        return Job(arm, [*line, "--seed", str(arguments.seed), *more])

    start = ("--start_from", str(runs / "generation_0" / "generation_0"))
    raw, corrected = [], []
    for ratio in preset.ratios:
        # Published folder names: three digits, but two where no ratio reaches 100 %.
        percent = f"{round(100 * ratio):0{3 if max(preset.ratios) >= 1 else 2}d}"
        arm = f"synthetic_percent_{percent}_iterative_finetuning"
        share = (*start, "--synthetic_augmentation_percent", str(ratio), "--augmentation_type")
        raw.append(job(arm, *share, "raw_mdm_output"))
        corrected.append(job(f"{arm}_with_correction", *share, "imitation_output"))
    arms = [*corrected, job("baseline", *start), *raw]
    return job("generation_0", "--num_generations", "0"), arms


def main() -> None:
    """Command line."""
    arguments = tyro.cli(Arguments, prog="python -m train.sweep")
    with command(interrupted=f"stopped; finished work is kept in {arguments.runs}"):
        generation_0, arms = plan(arguments)
        run_jobs([generation_0], 1)
        run_jobs(arms, arguments.slots)


if __name__ == "__main__":
    main()
