"""Draw the graphs of an experiment: `python exp_scripts/generate_graphs.py SIZE [--seeds ...]`."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import tyro

from loop.cli import command
from visualize.curves.experiment import generate_graphs

if __name__ == "__main__":
    os.chdir(Path(__file__).absolute().parents[1])
    with command():
        for path in tyro.cli(generate_graphs, config=(tyro.conf.PositionalRequiredArgs,)):
            logging.getLogger("scsc").info("wrote %s", path)
