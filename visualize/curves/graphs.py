"""Draw the published graphs: `python -m visualize.curves.graphs exp_outputs/dataset_0064`.

Draws whatever arms and generations are there, also while they still run.
"""

from __future__ import annotations

import logging
from pathlib import Path

import tyro

from loop.cli import command


@command()
def main(runs_dirs: tyro.conf.Positional[list[Path]], out: Path | None = None) -> None:
    """Draw the graphs of a folder of runs.

    Args:
        runs_dirs: a size folder such as exp_outputs/dataset_0064; several that differ in the seed
            are averaged.
        out: folder for the graphs; default <first folder>/graphs.
    """
    from visualize.curves.motion import draw_graphs  # matplotlib, which --help does not need

    for path in draw_graphs(runs_dirs, out):
        logging.getLogger("scsc").info("wrote %s", path)


if __name__ == "__main__":
    tyro.cli(main, prog="python -m visualize.curves.graphs")
