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

from loop.cli import command
from loop.errors import InvalidOptionError, MissingAssetError
from translation.motion_files import read_motions
from translation.units import Convention
from visualize.side_by_side import read_joints
from visualize.video.arm_request import ControllerName, request_at, sampled_at
from visualize.video.colours import ARM_COLOURS, colour_of_arm
from visualize.video.looks import Look, ViewName, render
from visualize.video.sheet import Clip
from visualize.video.skeleton import PANEL_PX

logger = logging.getLogger("scsc")

_OURS = Convention()
ColourName = Literal["baseline", "finetune", "corrected", "real", "by_path"]


def gather(
    motions: tuple[Path, ...], colour: ColourName, convention: Convention = _OURS
) -> list[Clip]:
    """Read the motions of all files; `by_path` takes the colour of the arm that the path names.

    Raises MissingAssetError for a folder without motions; else as `read_motions`.
    """
    return [
        Clip(motion.name, motion.at(convention.fps), _colour(path, colour))
        for path in files_in(motions)
        for motion in read_motions(path, convention)
    ]


def gather_simulated(
    motions: tuple[Path, ...],
    colour: ColourName,
    controller: ControllerName = "by_path",
    weights: Path | None = None,
) -> list[Clip]:
    """As `gather`, to be corrected anew: what the model sampled, not what came out of physics.

    Raises as `visualize.video.arm_request.request_at`, too.
    """
    return [
        Clip(
            path.stem,
            read_joints(sampled_at(path), append_next=True),
            _colour(path, colour),
            request_at(path, controller, weights),
        )
        for path in files_in(motions)
    ]


def files_in(motions: tuple[Path, ...]) -> list[Path]:
    """The files, and for each folder all .npy files in it. Raises MissingAssetError if none."""
    files: list[Path] = []
    for path in motions:
        found = sorted(path.glob("*.npy")) if path.is_dir() else [path]
        if not found:
            raise MissingAssetError("no motions here", path=path, expected=".npy files")
        files += found
    return files


def _colour(path: Path, colour: ColourName) -> tuple[int, ...]:
    return _arm_in(path) if colour == "by_path" else ARM_COLOURS[colour]


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
    controller: ControllerName = "by_path",
    controller_weights: Path | None = None,
    convention: tyro.conf.OmitArgPrefixes[Convention] = _OURS,
    size: int = PANEL_PX,
    columns: int | None = None,
) -> None:
    """Film motions beside each other.

    Args:
        motions: .npy files in any layout of translation.motion_files, or folders of them.
        out: the film, .mp4 or .gif.
        look: skeleton; simulator (the humanoid); body (SMPL if it is here, else anny's).
        view: side (ours), or the published cameras a and b.
        colour: baseline orange, finetune green, corrected blue, real grey; by_path: what the folder
            of the arm says.
        forces: correct the motion in the simulator, and draw contact and outside forces as arrows;
            of a corrected motion in an arm's folder, those that made it.
        controller: with --forces, who follows it: tracker, search or policy; by_path: whoever did
            in the arm, elsewhere the tracker.
        controller_weights: of the policy; default: those that come along.
        convention: of joints in files; the film runs at their rate.
        size: pixels of a panel.
        columns: panels in a row.
    """
    if not motions:
        raise MissingAssetError("no motions were named", expected=".npy files or folders")
    if not forces and (controller != "by_path" or controller_weights is not None):
        raise InvalidOptionError(
            "a controller makes a film of forces only", found=controller, remedy="add --forces"
        )
    if forces:
        clips = gather_simulated(motions, colour, controller, controller_weights)
    else:
        clips = gather(motions, colour, convention)
    render(clips, out, look, convention.fps, size, view, columns, forces)
    logger.info("wrote %s", out)


if __name__ == "__main__":
    with command():
        tyro.cli(main, prog="python visualize/visualizer.py")
