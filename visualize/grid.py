"""The same text and noise, drawn by every arm and generation, in one film: rows and columns.

`python -m visualize.grid exp_outputs/dataset_SIZE --text_prompt "a person walks"`
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import torch
import tyro

from dataset.humanml3d import FPS
from domains.motion.checkpoints.stored import load_denoiser
from loop.cli import command
from loop.errors import InvalidOptionError, MissingAssetError
from loop.rng import Stream
from loop.rundir.directory import EVALUATION
from translation.humanml import vectors_to_joints
from visualize.curves.records import parse_arm
from visualize.video.colours import colour_of_arm
from visualize.video.looks import Look, ViewName, render
from visualize.video.sheet import Clip

logger = logging.getLogger("scsc")

GENERATIONS = (0, 10, 25, 50)
"""Columns, where the runs got that far; else the newest ones stand in."""


def finished(arm: Path) -> list[int]:
    """The finished generations of an arm, ascending."""
    names = (path.parent.name.rpartition("_")[2] for path in arm.glob(f"generation_*/{EVALUATION}"))
    return sorted(int(name) for name in names if name.isdigit())


def choose(available: Sequence[int], wanted: Sequence[int]) -> list[int]:
    """The wanted generations, each replaced by the newest at or below it; no two the same.

    Raises InvalidOptionError where nothing is at or below any of them.
    """
    nearest = (max((g for g in available if g <= want), default=None) for want in wanted)
    chosen = sorted({generation for generation in nearest if generation is not None})
    if not chosen:
        raise InvalidOptionError("no such generation", found=wanted, expected=available)
    return chosen


def short_name(arm: str) -> str:
    """An arm in few words: `100 % corrected`."""
    named = parse_arm(arm)
    if named is None or not named[1]:
        return arm
    kind = "corrected" if "correction" in named[0] else "raw"
    return f"{int(named[1])} % {kind}"


def draw_grid(
    runs: Path, text: str, generations: Sequence[int], seconds: float, seed: int
) -> tuple[list[Clip], int]:
    """Clips row by row (an arm a row), and the number of columns.

    Raises:
        MissingAssetError: no arm has a finished generation.
    """
    arms = sorted(path for path in runs.glob("*") if path.is_dir() and parse_arm(path.name))
    arms = [arm for arm in arms if finished(arm)]
    if not arms:
        raise MissingAssetError(
            "no arm has a finished generation", path=runs, remedy="run the loop first"
        )
    columns = choose(sorted({g for arm in arms for g in finished(arm)}), generations)
    if columns != sorted(generations):
        logger.info("there are generations %s instead of %s", columns, list(generations))
    clips = []
    for arm in arms:
        for column in columns:
            # An arm that is behind shows its newest; the title says which.
            generation = max((g for g in finished(arm) if g <= column), default=finished(arm)[0])
            denoiser = load_denoiser(arm / f"generation_{generation}", torch.device("cpu"))
            title = f"{short_name(arm.name)}, generation {generation}"
            frames = int(seconds * FPS)
            motion = denoiser.sample([text], [frames], Stream(seed), title)[0]
            clips.append(Clip(title, vectors_to_joints(motion), colour_of_arm(arm.name)))
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
    clips, columns = draw_grid(runs, text_prompt, generations, motion_length, seed)
    out = runs / "graphs" / "grid.mp4" if out is None else out
    render(clips, out, look, FPS, size, view, columns)
    logger.info("wrote %s", out)


if __name__ == "__main__":
    tyro.cli(main, prog="python -m visualize.grid")
