"""Gather what the visual sampler needs: `python exp_scripts/prep_for_visualization.py SIZE K`."""

from __future__ import annotations

import os
from pathlib import Path

import tyro

from domains.motion.experiments import recorded_experiment
from loop.cli import command


def main(size: tyro.conf.Positional[str], clips: tyro.conf.Positional[int], seed: int = 0) -> None:
    """Copy the newest model of every arm, and K random test clips, to .../visualization.

    Args:
        size: 0064, 0128, 0256, 2794, demo, or the name of a folder in dataset/.
        clips: K, how many clips of the test split.
        seed: chooses them.
    """
    from sample.prepare import prepare  # torch

    folder = prepare(recorded_experiment(size), clips, seed)
    print(f"next: python sample/checkpoint_visual_sampler.py {folder} 2")


if __name__ == "__main__":
    os.chdir(Path(__file__).absolute().parents[1])
    with command():
        tyro.cli(main, prog="python exp_scripts/prep_for_visualization.py")
