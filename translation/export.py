"""Export motions: `python -m translation.export --motions PATH --out DIR --format bvh|amass|npy`.

Takes `.npy` files in the layouts of `translation.motion_files`, such as `synthetic_motions/` of a
generation or MDM's `results.npy`, and writes one file a motion.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Literal

import tyro

from body_models.smpl import FOLDER, Gender, find_body_model, load_body_model
from loop.cli import command
from loop.errors import InvalidOptionError
from loop.progress import track
from loop.rundir.files import make_folder, write_array
from translation.amass import write_amass
from translation.bvh_export import write_bvh
from translation.humanml import FPS
from translation.ik import solve_ik
from translation.motion_files import Batch, motion_paths, read_motions
from translation.units import Convention

logger = logging.getLogger(__name__)


@command()
def main(
    motions: Path,
    out: Path,
    format: Literal["bvh", "amass", "npy"] = "bvh",
    convention: tyro.conf.OmitArgPrefixes[Convention] = Convention(),  # noqa: B008
    body_models: Path = FOLDER,
    gender: Gender = "neutral",
) -> None:
    """Write motions as BVH, as AMASS .npz for the SMPL add-ons (needs a SMPL-H body), or as joints.

    A motion that cannot be used costs only itself; the command fails where none is left.

    Args:
        motions: a .npy file, or a folder of them.
        out: folder for the results.
        format: bvh (any animation tool), amass (SMPL add-ons of Blender), or npy (joints (F, 22, 3)
            in metres, y up, at 20 fps).
        convention: of joints in files.
        body_models: folder with smplh/, for amass.
        gender: of the body, for amass.
    """
    paths = motion_paths(motions)
    given = {path.resolve() for path in paths}
    if format == "npy" and motions.is_dir():
        _keep(given, *(out / path.name for path in paths))
    body = None
    if format == "amass":
        body = load_body_model(find_body_model("smplh", gender, body_models))
    make_folder(out)
    batch, written = Batch(motions), 0
    for path in track(paths, "exporting"):
        with batch.file(path):
            for motion in read_motions(path, convention):
                target = out / f"{motion.name}.npz"
                if format == "npy":
                    _keep(given, target.with_suffix(".npy"))
                    write_array(target.with_suffix(".npy"), motion.at(FPS))
                else:
                    skeleton = None if body is None else body.skeleton()
                    result = solve_ik([motion.joints], skeleton=skeleton)[0]
                    if body is None:
                        write_bvh(target.with_suffix(".bvh"), result, motion.fps)
                    else:
                        write_amass(target, result, motion.fps, body, gender=gender)
                written += 1
    logger.info("%d motions written to %s", written, out)
    batch.finish()


def _keep(given: set[Path], *targets: Path) -> None:
    """Refuse to write over a motion that was given."""
    if replaced := next((target for target in targets if target.resolve() in given), None):
        raise InvalidOptionError(
            "the result would replace the motion that it is made of",
            path=replaced,
            remedy="name another folder with --out",
        )


if __name__ == "__main__":
    tyro.cli(main, prog="python -m translation.export")
