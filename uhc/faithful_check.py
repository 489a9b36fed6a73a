"""Compare our environment of the published controller with states stored in a folder.

The folder is like `uhc_vectors/`: see `uhc.controllers.faithful.vectors`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from loop.cli import command

TOLERANCE = 1e-9


def main(folder: Path) -> None:
    """Print the largest difference of each result as `name value`; exit 0 below 1e-9, else 1.

    Args:
        folder: holds model.mjb and vectors.npz.
    """
    from uhc.controllers.faithful.vectors import differences, read_vectors  # MuJoCo: not for --help

    found = differences(read_vectors(folder))
    for name, value in found.items():
        sys.stdout.write(f"{name} {value:.3e}\n")
    if not max(found.values()) < TOLERANCE:
        sys.exit(1)


if __name__ == "__main__":
    import tyro

    with command():
        tyro.cli(
            main,
            prog="python -m uhc.faithful_check",
            config=(tyro.conf.PositionalRequiredArgs,),
        )
