"""Film what an experiment did: `python -m visualize.before_after ARM_FOLDER` of a corrected arm.

before_after.mp4    a typical sample (median plausibility) and the worst, each beside its correction
generations.mp4     samples for the same prompt over the generations, raw arm above corrected arm
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import tyro

from domains.motion.files import CORRECTED, FOLDER
from loop.cli import command
from loop.errors import InvalidOptionError, MissingAssetError
from loop.rundir.files import read_json
from loop.rundir.layout import FINETUNING, parse_arm
from loop.rundir.read import read_arm
from uhc.measure.plausibility import float_mm, penetrate_mm, skate_mm
from visualize.arms import colour_of_arm
from visualize.motions import SampleFiles, find_samples, read_joints
from visualize.video.looks import render
from visualize.video.sheet import Clip

logger = logging.getLogger("scsc")

PANEL_PX, SMALL_PX = 360, 240
COLUMNS = 6
"""Most generations beside each other, spread over the run."""


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


def implausibility(path: Path) -> float:
    """Sum penetration, floating and foot skating of a motion, mm."""
    joints = read_joints(path)
    return penetrate_mm(joints) + float_mm(joints) + skate_mm(joints)


def typical_and_worst(clips: list[SampleFiles]) -> tuple[SampleFiles, SampleFiles]:
    """Choose the samples of median and of least plausibility, as they were drawn."""
    ordered = sorted(clips, key=lambda clip: implausibility(clip.sampled))
    return ordered[(len(ordered) - 1) // 2], ordered[-1]


def before_and_after(arm: Path) -> list[Clip]:
    """Make four panels: the typical sample and its correction, the worst and its.

    Raises: as `corrected_samples`.
    """
    generation, clips = corrected_samples(arm)
    panels: list[Clip] = []
    for name, clip in zip(("typical", "worst"), typical_and_worst(clips), strict=True):
        assert clip.corrected is not None
        logger.info("%s of %d samples of %s: %s", name, len(clips), generation, prompt(clip))
        for title, path in (("as sampled", clip.sampled), ("corrected", clip.corrected)):
            panels.append(Clip(f"{name}: {title}", read_joints(path)))
    return panels


def prompt(clip: SampleFiles) -> str:
    """Return the id of a sample and the text it was drawn for, where that is kept."""
    path = clip.sampled.with_name("prompts.json")
    texts = read_json(path).get(clip.id) if path.is_file() else None
    return f"{clip.id} ({texts[0][0]})" if texts else clip.id


def over_generations(corrected: Path) -> tuple[list[Clip], int]:
    """Make panels of one prompt: a row for the raw arm, one for the corrected, and their columns.

    The prompt is the one whose sample is of median plausibility in the newest raw generation; where
    all generations share none, it is the clip whose captions they were prompted by. Nothing is made
    without a raw arm.
    """
    name = parse_arm(corrected.name)
    if name is None:
        return [], 0
    arms = [read_arm(corrected.with_name(name.of_kind(FINETUNING))), read_arm(corrected)]
    both = sorted(set(arms[0].generations) & set(arms[1].generations) - {0})
    places = np.linspace(0, len(both) - 1, min(COLUMNS, len(both))).round().astype(int)
    columns = [both[place] for place in places]
    drawn = [
        [{clip.id: clip for clip in find_samples(arm.generation(g))} for g in columns]
        for arm in arms
    ]
    cells = [cell for row in drawn for cell in row]
    shared = set.intersection(*map(set, cells)) if cells else set[str]()
    alike = {id_ for id_ in shared if len({prompt(cell[id_]) for cell in cells}) == 1}
    if not shared:
        logger.info("no prompt that the raw and the corrected arm share in all generations")
        return [], 0
    newest = [clip for id_, clip in drawn[0][-1].items() if id_ in (alike or shared)]
    chosen = typical_and_worst(newest)[0]
    what = "the same prompt" if alike else "captions of the same clip"
    logger.info("%s over the generations: %s", what, prompt(chosen))
    panels = [
        Clip(
            f"{kind}, generation {generation}",
            read_joints(cell[chosen.id].sampled),
            colour_of_arm(arm.folder.name),
        )
        for kind, arm, row in zip(("raw", "corrected"), arms, drawn, strict=True)
        for generation, cell in zip(columns, row, strict=True)
    ]
    return panels, len(columns)


@command()
def main(arm: tyro.conf.Positional[Path], out: Path | None = None) -> None:
    """Film a typical and the worst sample before and after, and a prompt over the generations.

    Args:
        arm: folder of a corrected arm.
        out: the first film; default: before_after.mp4 in the folder graphs beside the arm. The
            other one, generations.mp4, lands beside it.
    """
    out = arm.parent / "graphs" / "before_after.mp4" if out is None else out
    second = out.with_name(f"generations{out.suffix}")
    if second == out:
        raise InvalidOptionError(
            "the film over the generations has this name",
            path=out,
            remedy="choose another name with --out",
        )
    render(before_and_after(arm), out, size=PANEL_PX, columns=2)
    logger.info("wrote %s", out)
    panels, columns = over_generations(arm)
    if panels:
        render(panels, second, size=SMALL_PX, columns=columns)
        logger.info("wrote %s", second)


if __name__ == "__main__":
    tyro.cli(main, prog="python -m visualize.before_after")
