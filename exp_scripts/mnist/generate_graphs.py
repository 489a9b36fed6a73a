"""Draw the MNIST graphs: `python exp_scripts/mnist/generate_graphs.py ./exp_outputs/mnist`.

At any moment of a run, from whatever arms and generations are there.
"""

from __future__ import annotations

from pathlib import Path

import tyro

from loop.cli import command


@command()
def main(exp_outputs: tyro.conf.Positional[list[Path]], out: Path | None = None) -> None:
    """Draw the published graphs and ours.

    Args:
        exp_outputs: folder of the arms, such as ./exp_outputs/mnist; several that differ in the
            seed are averaged.
        out: folder for the graphs; default: <first folder>/graphs.
    """
    from visualize.curves.mnist import draw_graphs
    from visualize.curves.records import read_runs

    for path in draw_graphs(read_runs(exp_outputs), out or exp_outputs[0] / "graphs"):
        print(f"wrote {path}")


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
