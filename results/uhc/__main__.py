"""Tables of what the correction was measured to do: `python -m results.uhc`.

From the CSVs of `exp_scripts/correction_evidence.sh` alone, in seconds.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import tyro

from loop.cli import command
from loop.errors import MissingAssetError
from loop.rundir.files import write_bytes
from uhc.evaluate import Row

logger = logging.getLogger("scsc")

CONTROLLERS = {"tracker": "tracker", "policy": "clean", "search": "search"}
"""By name, how its CSVs begin; the policy is the default."""


@command()
def main(folder: Path = Path("results/uhc")) -> None:
    """Write tables.md.

    Args:
        folder: where the CSVs are, and the tables go.
    """
    write_bytes(folder / "tables.md", text(folder).encode())
    logger.info("wrote %s", folder / "tables.md")


def text(folder: Path) -> str:
    """Return the tables of a folder of CSVs as Markdown; those that lack one are left out.

    Raises:
        MissingAssetError: no table has its CSVs.
        CorruptFileError: one lacks a column, or holds text in place of a number.
    """
    said, missing = list[str](), list[MissingAssetError]()
    for title, part in _parts(folder).items():
        try:
            said.append(f"## {title}\n\n{part()}")
        except MissingAssetError as error:
            logger.warning("left out: %s; there is no %s", title, error.path)
            missing.append(error)
    if not said:
        raise missing[0]
    return "\n\n".join(["# Tables of the correction", *said]) + "\n"


def _parts(folder: Path) -> dict[str, Callable[[], str]]:
    """Return what makes each table, by title."""
    from results.uhc import tables

    @cache
    def read(name: str) -> Sequence[Row]:
        return tables.read(folder / f"{name}.csv")

    def unaided(*names: str) -> dict[str, Sequence[Row]]:
        return {name: read(f"unaided_{name.replace(' ', '_')}_cmu_test") for name in names}

    def controllers(clips: str) -> dict[str, Sequence[Row]]:
        return {name: read(f"{start}_{clips}") for name, start in CONTROLLERS.items()}

    return {
        "Fixed point": lambda: tables.fixed_point(read("fixed_point")),
        "Corrupted: distance to the clean motion": lambda: tables.distances(
            read("corrupted_cmu_test")
        ),
        "Corrupted: what it buys": lambda: tables.plausibility(read("corrupted_cmu_test")),
        "Clean clips against the targets": lambda: tables.targets(
            {
                "demo": read("clean_demo"),
                "CMU test people, no force allowed": unaided("policy")["policy"],
                "CMU, all upright": read("clean_cmu_upright"),
            }
        ),
        "Floor work: the feet alone, then the body": lambda: tables.floor_work(
            read("floor_feet_demo"), [row for row in read("clean_demo") if not row["upright"]]
        ),
        "Floor work, corrupted": lambda: tables.distances(read("corrupted_floor")),
        "Floor work of CMU": lambda: tables.compared(
            {"body": read("floor_cmu"), "feet": read("floor_feet_cmu")}
        ),
        "Without residual force": lambda: tables.unaided(
            unaided("tracker", "policy alone", "policy", "search")
        ),
        "Without residual force, in pairs": lambda: tables.in_pairs(
            unaided("tracker", "policy alone", "policy")
        ),
        "Controllers, CMU upright": lambda: tables.compared(controllers("cmu_upright")),
        "Controllers, demo": lambda: tables.compared(controllers("demo")),
    }


if __name__ == "__main__":
    tyro.cli(main, prog="python -m results.uhc")
