"""Tables and figures of the MNIST evidence: `python exp_scripts/mnist/evidence.py`.

From whatever arms are there (exp_scripts/mnist/evidence.sh runs them), also while they still run.
"""

from __future__ import annotations

from pathlib import Path

import tyro

from loop.cli import command


@command()
def main(
    root: Path = Path("exp_outputs/mnist_evidence"),
    out: Path = Path("results/mnist"),
    seeds: tuple[int, ...] = (0, 1, 2),
    preset: str = "evidence",
) -> None:
    """Write arms.csv, tables.md, and figures.

    Args:
        root: folder of the evidence.
        out: where results go.
        seeds: repetitions.
        preset: row of the preset table that the arms were made with.
    """
    from domains.mnist.presets import preset_named
    from loop.rundir.files import make_folder
    from results.mnist.figures import draw_curves, draw_sheets
    from results.mnist.tables import read_evidence, write_points
    from results.mnist.text import write_tables

    make_folder(out)
    row = preset_named(preset)
    points = read_evidence(root, seeds, row)
    write_points(points, out / "arms.csv")
    write_tables(points, row, out)
    for path in (*draw_curves(points, out), *draw_sheets(points, root, row, out)):
        print(f"wrote {path}")


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
