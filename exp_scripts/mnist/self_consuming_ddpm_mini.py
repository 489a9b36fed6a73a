"""One arm of the MNIST experiment: `python exp_scripts/mnist/self_consuming_ddpm_mini.py --help`.

Train the feature classifier first (fid_lenet.py), then the baseline, which trains generation 0,
then the other arms, side by side if you like. Stop an arm at any moment and repeat its command.
"""

from __future__ import annotations

import tyro

from domains.mnist.arguments import MnistArguments
from loop.cli import command


def main() -> None:
    """Make every generation of the arm that does not exist yet."""
    options = tyro.cli(MnistArguments, description=__doc__)
    kept = f"stopped; finished work is kept in {options.save_dir_parent}, the same command goes on"
    with command(interrupted=kept):
        from domains.mnist.arm import run  # torch: not for --help

        run(options)


if __name__ == "__main__":
    main()
