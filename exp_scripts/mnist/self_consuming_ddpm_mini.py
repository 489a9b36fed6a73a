"""One arm of the MNIST experiment: `python exp_scripts/mnist/self_consuming_ddpm_mini.py --help`.

Train the feature classifier first (fid_lenet.py), then the baseline, which trains generation 0,
then the other arms, side by side if you like. Stop an arm at any moment and repeat its command.
"""

from __future__ import annotations

import tyro

from domains.mnist.arguments import MnistArguments
from domains.mnist.domain import run_arm
from loop.cli import command


def main(arguments: MnistArguments) -> None:
    """Make every generation of the arm that does not exist yet."""
    run_arm(arguments)


if __name__ == "__main__":
    arguments = tyro.cli(MnistArguments, description=__doc__)
    kept = (
        f"stopped; finished work is kept in {arguments.save_dir_parent}, the same command goes on"
    )
    with command(interrupted=kept):
        main(arguments)
