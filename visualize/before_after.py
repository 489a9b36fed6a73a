"""One sample before and after its correction: `python -m visualize.before_after ARM_FOLDER`."""

from __future__ import annotations

import logging
from pathlib import Path

import tyro

from domains.motion.files import CORRECTED, FOLDER, SAMPLED
from loop.cli import command
from loop.errors import MissingAssetError
from uhc.measure.plausibility import float_mm, penetrate_mm, skate_mm
from visualize.side_by_side import read_joints
from visualize.video.skeleton import render_side_by_side

logger = logging.getLogger("scsc")


def most_implausible(motions: Path) -> str:
    """Id of the corrected sample that broke physics most before its correction.

    Broke physics: penetration, floating and toe slide, summed in mm.

    Args:
        motions: a generation's folder `synthetic_motions`.

    Raises:
        MissingAssetError: there is no corrected sample.
    """
    ids = sorted(path.name.removesuffix(CORRECTED) for path in motions.glob(f"*{CORRECTED}"))
    if not ids:
        raise MissingAssetError(
            "no corrected sample here",
            path=motions,
            expected=f"<id>{CORRECTED}",
            remedy="point to an arm that was run with --augmentation_type imitation_output",
        )

    def fault(clip: str) -> float:
        joints = read_joints(motions / f"{clip}{SAMPLED}")
        return penetrate_mm(joints) + float_mm(joints) + skate_mm(joints)

    return max(ids, key=fault)


def newest_generation(arm: Path) -> Path:
    """Folder of the newest generation of an arm that holds corrected samples.

    Raises:
        MissingAssetError: there is none.
    """
    found = {path.parents[1] for path in arm.glob(f"generation_*/{FOLDER}/*{CORRECTED}")}
    # A generation in progress is called generation_<g>.partial.
    found = {folder for folder in found if folder.name.rpartition("_")[2].isdigit()}
    if not found:
        raise MissingAssetError(
            "this arm has no corrected sample yet", path=arm, expected=f"generation_<g>/{FOLDER}"
        )
    return max(found, key=lambda folder: int(folder.name.rpartition("_")[2]))


@command()
def main(arm: tyro.conf.Positional[Path], out: Path | None = None) -> None:
    """Draw the sample that broke physics most, as the model made it and as physics left it.

    Args:
        arm: folder of a corrected arm.
        out: the video; default: before_after.mp4 in the folder graphs beside the arm.
    """
    generation = newest_generation(arm)
    clip = most_implausible(generation / FOLDER)
    out = arm.parent / "graphs" / "before_after.mp4" if out is None else out
    out.parent.mkdir(parents=True, exist_ok=True)
    render_side_by_side(
        [
            ("as sampled", read_joints(generation / FOLDER / f"{clip}{SAMPLED}")),
            ("corrected by physics", read_joints(generation / FOLDER / f"{clip}{CORRECTED}")),
        ],
        out,
    )
    logger.info("wrote %s (sample %s of %s)", out, clip, generation)


if __name__ == "__main__":
    tyro.cli(main, prog="python -m visualize.before_after")
