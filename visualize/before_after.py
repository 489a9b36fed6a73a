"""Film a sample before and after its correction: `python -m visualize.before_after ARM_FOLDER`."""

from __future__ import annotations

import logging
from pathlib import Path

import tyro

from domains.motion.files import CORRECTED, FOLDER
from loop.cli import command
from loop.errors import MissingAssetError
from loop.rundir.read import read_arm
from uhc.measure.plausibility import float_mm, penetrate_mm, skate_mm
from visualize.motions import SampleFiles, find_samples, read_joints
from visualize.video.skeleton import render_side_by_side

logger = logging.getLogger("scsc")


def corrected_samples(arm: Path) -> tuple[Path, list[SampleFiles]]:
    """Find the newest generation of an arm that holds corrected samples, and those.

    Raises:
        MissingAssetError: there is none.
    """
    record = read_arm(arm)
    for generation in reversed(record.generations):
        folder = record.generation(generation)
        if found := [clip for clip in find_samples(folder) if clip.corrected]:
            return folder, found
    raise MissingAssetError(
        "this arm has no corrected sample yet",
        path=arm,
        expected=f"generation_<g>/{FOLDER}/<id>{CORRECTED}",
        remedy="point to an arm that was run with --augmentation_type imitation_output",
    )


def implausibility(clip: SampleFiles) -> float:
    """Sum penetration, floating and foot skating of a sample before its correction, mm."""
    joints = read_joints(clip.sampled)
    return penetrate_mm(joints) + float_mm(joints) + skate_mm(joints)


@command()
def main(arm: tyro.conf.Positional[Path], out: Path | None = None) -> None:
    """Film the least plausible sample of an arm, before and after its correction.

    Args:
        arm: folder of a corrected arm.
        out: the video; default: before_after.mp4 in the folder graphs beside the arm.
    """
    generation, clips = corrected_samples(arm)
    clip = max(clips, key=implausibility)
    assert clip.corrected is not None
    out = arm.parent / "graphs" / "before_after.mp4" if out is None else out
    panels = [("as sampled", clip.sampled), ("corrected by physics", clip.corrected)]
    render_side_by_side([(title, read_joints(path)) for title, path in panels], out)
    logger.info("wrote %s (sample %s of %s)", out, clip.id, generation)


if __name__ == "__main__":
    tyro.cli(main, prog="python -m visualize.before_after")
