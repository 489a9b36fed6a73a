"""Film motions: `python visualize/visualizer.py [MOTION.npy ...] --out film.mp4`.

Several motions stand beside each other; a folder stands for every .npy file in it; without any,
the newest run is filmed.
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
from loop.rundir.layout import parse_arm
from translation.motion_files import Batch, read_motions
from translation.units import Convention
from visualize.arms import BODY_COLOURS, colour_of_arm
from visualize.motions import find_samples, newest_generation, read_joints
from visualize.video.looks import Look, ViewName, render
from visualize.video.sheet import COLUMNS, Clip
from visualize.video.skeleton import PANEL_PX

logger = logging.getLogger("scsc")

_OURS = Convention()
ColourName = Literal["baseline", "finetune", "corrected", "real", "by_path"]
OUTPUTS = Path("exp_outputs")


def gather(
    motions: tuple[Path, ...],
    colour: ColourName = "by_path",
    forces: bool = False,
    controller: str = "by_path",
    weights: Path | None = None,
    convention: Convention = _OURS,
) -> list[Clip]:
    """Read the motions of all files that hold some, with the colour of their arm.

    `by_path` takes the colour of the arm that the path names. With `forces` the clips are to be
    corrected anew: those in an arm's folder hold what the model sampled, and the request of the arm
    (see `visualize.video.arm_request.request_at`, also for errors).

    Raises:
        MissingAssetError: a folder holds no motions.
        InvalidMotionError: no file holds any.
    """
    batch, clips = Batch(" ".join(map(str, motions))), list[Clip]()
    for path in files_in(motions):
        with batch.file(path):
            shown, request = _colour(path, colour), None
            if forces:  # MuJoCo where it is needed
                from visualize.video.arm_request import in_arm, request_at, sampled_at

                request = request_at(path, controller, weights)
                if in_arm(path):
                    joints = read_joints(sampled_at(path), append_next=True)
                    clips.append(Clip(path.stem, joints, shown, request))
                    continue
            clips += [
                Clip(motion.name, motion.at(convention.fps), shown, request)
                for motion in read_motions(path, convention)
            ]
    batch.finish()
    return clips


def newest_motions(outputs: Path = OUTPUTS) -> tuple[Path, ...]:
    """Choose motions of the newest generation: samples beside their corrections, if it has any.

    Raises:
        MissingAssetError: no run has made motions yet.
    """
    samples = find_samples(newest_generation(outputs))
    pairs = [clip for clip in samples if clip.corrected] or samples
    files = [path for clip in pairs for path in (clip.sampled, clip.corrected) if path]
    logger.info("the newest run: %s", files[0].parent)
    return tuple(files[:COLUMNS])


def files_in(motions: tuple[Path, ...]) -> list[Path]:
    """List the files, and for each folder all .npy files in it.

    Raises:
        MissingAssetError: a folder holds none.
    """
    files: list[Path] = []
    for path in motions:
        found = sorted(path.glob("*.npy")) if path.is_dir() else [path]
        if not found:
            raise MissingAssetError("no motions here", path=path, expected=".npy files")
        files += found
    return files


def _colour(path: Path, colour: ColourName) -> tuple[int, ...]:
    if colour != "by_path":
        return BODY_COLOURS[colour]
    arm = next((part for part in path.resolve().parts if parse_arm(part)), "")
    return colour_of_arm(arm)


def main(
    motions: tyro.conf.Positional[tuple[Path, ...]] = (),
    out: Path = Path("exp_outputs/film.mp4"),
    look: Look = "skeleton",
    view: ViewName = "side",
    colour: ColourName = "by_path",
    forces: bool = False,
    controller: str = "by_path",
    controller_weights: Path | None = None,
    convention: tyro.conf.OmitArgPrefixes[Convention] = _OURS,
    size: int = PANEL_PX,
    columns: int | None = None,
) -> None:
    """Film motions beside each other.

    Args:
        motions: .npy files in any layout of translation.motion_files, or folders of them; default:
            motions of the newest run in exp_outputs.
        out: the film, .mp4 or .gif.
        look: skeleton; simulator (the humanoid); body (SMPL if it is here, else anny's).
        view: side (ours), or the published cameras a and b.
        colour: baseline orange, finetune green, corrected blue, real grey; by_path: what the folder
            of the arm says.
        forces: correct the motion in the simulator, and draw contact and residual forces as arrows;
            of a corrected motion in an arm's folder, those that made it.
        controller: with --forces, what tracks the motion: tracker, search or policy; by_path: the
            controller of the arm, elsewhere the tracker.
        controller_weights: of the policy; default: those that come along.
        convention: of joints in files; the film runs at their rate.
        size: pixels of a panel.
        columns: panels in a row.
    """
    if not forces and (controller != "by_path" or controller_weights is not None):
        raise InvalidOptionError(
            "a controller makes a film of forces only", found=controller, remedy="add --forces"
        )
    chosen = motions or newest_motions()
    clips = gather(chosen, colour, forces, controller, controller_weights, convention)
    render(clips, out, look, convention.fps, size, view, columns, forces)
    logger.info("wrote %s", out)


if __name__ == "__main__":
    with command():
        tyro.cli(main, prog="python visualize/visualizer.py")
