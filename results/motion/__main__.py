"""Numbers, tables and figures of the motion evidence: `python -m results.motion`.

From whatever arms are there, also while they still run; earlier rows of arms.csv stay.
"""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

import tyro

from domains.motion.experiments import BASELINE, KINEMATIC, RAW
from loop.cli import command
from loop.errors import MissingAssetError
from loop.rundir.files import prepare_file, write_bytes
from results.motion.plan import DATASETS, NAME, OTHER_MEASURES, EvidenceArm, arms

logger = logging.getLogger("scsc")


@command()
def main(
    root: Path = Path("exp_outputs") / NAME,
    out: Path = Path("results/motion"),
    seeds: tuple[int, ...] = tuple(range(10)),
) -> None:
    """Write arms.csv, tables.md, the losses of generation 0, and figures.

    Args:
        root: folder of the runs.
        out: where results go.
        seeds: repetitions to read.
    """
    from results.motion.convergence import NAME as LOSSES
    from results.motion.convergence import read_starts, write_starts
    from results.motion.figures import draw_headline, draw_response
    from results.motion.runs import read_runs, read_table, write_table

    path = out / "arms.csv"
    prepare_file(path)
    planned = [arm for seed in seeds for arm in arms(DATASETS, (seed,))]
    table = read_table(path) | read_runs(root, planned)
    if not table:
        raise MissingAssetError(
            "no arm of the evidence has begun",
            path=root,
            remedy="bash exp_scripts/motion_evidence.sh BVH_DIR",
        )
    write_table(table, path)
    write_bytes(out / "tables.md", _tables(table).encode())
    figures = [
        figure
        for dataset in DATASETS
        for files in (
            *(draw_headline(table, dataset, mixing, out) for mixing in ("latest", "replace")),
            draw_response(table, dataset, out),
        )
        for figure in files
    ]
    starts = read_starts(root, planned, out / f"{LOSSES}.csv")
    for written in (path, out / "tables.md", *figures, *write_starts(starts, out)):
        logger.info("wrote %s", written)


def _tables(table: dict[tuple[EvidenceArm, int], dict[str, float]]) -> str:
    from results.motion import tables

    parts = [
        "# Tables of the motion evidence",
        "Means over seeds ± half a 95 % interval. The floor of real motions is that of test "
        "halves; for FID that of draws as large as what is compared.",
    ]
    for dataset in DATASETS:
        found = tables.arms_of(table, dataset)
        if not found:
            continue
        parts += [f"## {dataset}", "### Before any training: samples of generation 0, corrected"]
        parts += [tables.before_training(table, dataset)]
        parts += ["### Course of FID", tables.courses(table, found, "FID_test")]
        for name, metrics in tables.GROUPS.items():
            parts += [f"### {name}", tables.outcome(table, found, metrics)]
        parts += ["### Later generations", tables.late(table, found)]
        for kind in (RAW, KINEMATIC, BASELINE):
            partner = partial(tables.same_but, kind=kind)
            pairs = tables.differences(table, found, partner, kind)
            parts += [f"### Minus {kind}, in pairs", pairs]
        changed = [arm for arm in found if arm.change and arm.change not in OTHER_MEASURES]
        if changed:
            pairs = tables.differences(table, changed, tables.unchanged, "unchanged")
            parts += ["### Ablations minus the arm as it is, in pairs", pairs]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    tyro.cli(main, prog="python -m results.motion")
