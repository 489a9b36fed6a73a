"""Hand generation 0 over to every arm: `python exp_scripts/copy_generation_0.py DATASET`."""

from __future__ import annotations

import os
from pathlib import Path

import tyro

from domains.motion.copy_generation_0 import copy_experiment
from loop.cli import command

if __name__ == "__main__":
    os.chdir(Path(__file__).absolute().parents[1])
    with command():
        tyro.cli(copy_experiment, config=(tyro.conf.PositionalRequiredArgs,))
