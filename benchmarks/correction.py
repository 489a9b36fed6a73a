"""How fast is the correction of motion? `python -m benchmarks.correction` beside plain versions.

Draws motions of three seconds with the weights that come along (guidance 1), corrects them by each
method, and then times the inner loops on one of them beside a plain version of each that gives the
same numbers: kinematics a body at a time in numpy, contact forces by scipy's NNLS, a frame at a
time, the control step called from Python at every physics step. Times are processor seconds of one
thread, the best of several turns for the loops; trust the ratios. `--workers` also shows how the
throughput grows with processes, in seconds of wall clock.
"""

from __future__ import annotations

from pathlib import Path

import tyro


def main(motions: Path | None = None, count: int = 8, workers: tuple[int, ...] = ()) -> None:
    """Print the seconds of the correction and of its loops.

    Args:
        motions: as for `uhc.evaluate`; without it, some are drawn.
        count: how many are corrected.
        workers: numbers of processes to correct them with, one after the other.
    """
    from benchmarks.correction_turns import run

    run(motions, count, workers)


if __name__ == "__main__":
    tyro.cli(main)
