"""Tables of what the correction was measured to do: `python -m results.uhc`.

From the CSVs of `exp_scripts/correction_evidence.sh` alone, in seconds.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import tyro

from loop.cli import command
from loop.rundir.files import write_bytes
from uhc.evaluate import Row

logger = logging.getLogger("scsc")

CONTROLLERS = ("tracker", "policy", "search")


@command()
def main(folder: Path = Path("results/uhc")) -> None:
    """Write tables.md.

    Args:
        folder: where the CSVs are, and the tables go.
    """
    write_bytes(folder / "tables.md", text(folder).encode())
    logger.info("wrote %s", folder / "tables.md")


def text(folder: Path) -> str:
    """Return all tables of a folder of CSVs as Markdown.

    Raises:
        MissingAssetError: a CSV is not there.
        CorruptFileError: one lacks a column, or holds text in place of a number.
    """
    from results.uhc import tables

    def read(name: str) -> Sequence[Row]:
        return tables.read(folder / f"{name}.csv")

    default = {"cmu": read("clean_cmu_upright"), "demo": read("clean_demo")}
    cmu = {name: read(f"{name}_cmu_upright") for name in ("tracker", "search")}
    demo = {name: read(f"{name}_demo") for name in ("tracker", "search")}
    unaided = {
        name: read(f"unaided_{name.replace(' ', '_')}_cmu_test")
        for name in ("tracker", "policy alone", "policy", "search")
    }
    corrupted, floor = read("corrupted_cmu_test"), read("corrupted_floor")
    on_floor = [row for row in default["demo"] if not row["upright"]]
    parts = {
        "Fixed point": tables.fixed_point(read("fixed_point")),
        "Corrupted: distance to the clean motion": tables.distances(corrupted),
        "Corrupted: what it buys": tables.plausibility(corrupted),
        "Clean clips against the targets": tables.targets(
            {
                "demo": default["demo"],
                "CMU test people, no force allowed": unaided["policy"],
                "CMU, all upright": default["cmu"],
            }
        ),
        "Floor work: the feet alone, then the body": tables.floor_work(
            read("floor_feet_demo"), on_floor
        ),
        "Floor work, corrupted": tables.distances(floor),
        "Floor work of CMU": tables.compared(
            {"body": read("floor_cmu"), "feet": read("floor_feet_cmu")}
        ),
        "Without residual force": tables.unaided(unaided),
        "Without residual force, in pairs": tables.in_pairs(
            {name: unaided[name] for name in ("tracker", "policy alone", "policy")}
        ),
        "Controllers, CMU upright": tables.compared(
            {name: (cmu | {"policy": default["cmu"]})[name] for name in CONTROLLERS}
        ),
        "Controllers, demo": tables.compared(
            {name: (demo | {"policy": default["demo"]})[name] for name in CONTROLLERS}
        ),
    }
    said = (f"## {title}\n\n{part}" for title, part in parts.items())
    return "\n\n".join(["# Tables of the correction", *said]) + "\n"


if __name__ == "__main__":
    tyro.cli(main, prog="python -m results.uhc")
