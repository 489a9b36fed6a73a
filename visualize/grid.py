"""Film one text, drawn with the same noise by every arm (rows) and generation (columns).

`python -m visualize.grid exp_outputs/dataset_SIZE --text_prompt "a person walks"`
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import tyro

from dataset.humanml3d import FPS
from loop.cli import command
from loop.errors import InvalidOptionError, MissingAssetError
from loop.rng import Stream
from loop.rundir.files import prepare_file
from loop.rundir.read import find_arms
from translation.humanml import vectors_to_joints
from visualize.arms import arm_title, colour_of_arm
from visualize.video.looks import Look, ViewName, render
from visualize.video.sheet import Clip

logger = logging.getLogger("scsc")

GENERATIONS = (0, 10, 25, 50)
"""Columns, where the runs got that far; else the newest ones stand in."""


def choose(available: Sequence[int], wanted: Sequence[int]) -> list[int]:
    """Replace each wanted generation by the newest available at or below it; no two the same.

    Raises:
        InvalidOptionError: nothing is at or below any of them.
    """
    nearest = (max((g for g in available if g <= want), default=None) for want in wanted)
    chosen = sorted({generation for generation in nearest if generation is not None})
    if not chosen:
        raise InvalidOptionError("no such generation", found=wanted, expected=available)
    return chosen


def draw_grid(
    runs: Path, text: str, generations: Sequence[int], seconds: float, seed: int
) -> tuple[list[Clip], int]:
    """Draw clips row by row (an arm a row); returns them and the number of columns.

    Raises:
        MissingAssetError: no arm has a finished generation.
    """
    import torch

    from domains.motion.checkpoints.stored import load_denoiser

    arms = [(arm, arm.name) for arm in find_arms(runs) if arm.generations and arm.name]
    if not arms:
        raise MissingAssetError(
            "no arm has a finished generation", path=runs, remedy="run the loop first"
        )
    columns = choose(sorted({g for arm, _ in arms for g in arm.generations}), generations)
    if columns != sorted(generations):
        logger.info("there are generations %s instead of %s", columns, list(generations))
    clips = []
    for arm, name in arms:
        for column in columns:
            # An arm that is behind shows its newest; the title says which.
            done = arm.generations
            generation = max((g for g in done if g <= column), default=done[0])
            denoiser = load_denoiser(arm.generation(generation), torch.device("cpu"))
            title = f"{arm_title(name.kind, name.percent)}, generation {generation}"
            frames = int(seconds * FPS)
            motion = denoiser.sample([text], [frames], Stream(seed), title)[0]
            clips.append(Clip(title, vectors_to_joints(motion), colour_of_arm(name.folder)))
    return clips, len(columns)


@command()
def main(
    runs: tyro.conf.Positional[Path],
    text_prompt: str,
    generations: tuple[int, ...] = GENERATIONS,
    out: Path | None = None,
    look: Look = "skeleton",
    view: ViewName = "side",
    motion_length: float = 4.0,
    seed: int = 42,
    size: int = 320,
) -> None:
    """Film one text, drawn with the same noise, across arms (rows) and generations (columns).

    Args:
        runs: folder of an experiment, such as exp_outputs/dataset_0064.
        text_prompt: what the person does.
        generations: columns; one that is missing is replaced by the newest before it.
        out: the film; default: graphs/grid.mp4 in the folder of the experiment.
        look: skeleton, simulator (the humanoid), body (skin).
        view: side (ours), or the published cameras a and b.
        motion_length: seconds.
        seed: of the noise.
        size: pixels of a panel.
    """
    if not text_prompt.strip() or motion_length < 0.2:
        raise InvalidOptionError("nothing to draw", found=(text_prompt, motion_length))
    if out is not None:
        prepare_file(out)
    clips, columns = draw_grid(runs, text_prompt, generations, motion_length, seed)
    out = runs / "graphs" / "grid.mp4" if out is None else out
    render(clips, out, look, FPS, size, view, columns)
    logger.info("wrote %s", out)


if __name__ == "__main__":
    tyro.cli(main, prog="python -m visualize.grid")
