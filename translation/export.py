"""Motions for Blender: `python -m translation.export --motions PATH --out DIR --format bvh|amass`.

Takes `.npy` files with HumanML3D vectors (F, 263) or joints (F, 22, 3) in metres, y up, at 20 fps,
such as `synthetic_motions/` of a generation, and writes one file a motion.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from body_models.smpl import FOLDER, Gender, find_body_model, load_body_model
from loop.cli import command
from loop.errors import CorruptFileError, InvalidMotionError, MissingAssetError, ScscError
from loop.progress import track
from loop.rundir.files import storage
from translation.amass import write_amass
from translation.bvh_export import write_bvh
from translation.humanml import FPS, vectors_to_joints
from translation.ik import solve_ik

logger = logging.getLogger(__name__)


def read_motion(path: Path) -> NDArray[np.float32]:
    """Joints (F, 22, 3) of a `.npy` file with vectors or joints.

    Raises:
        CorruptFileError: it cannot be read, or holds neither.
    """
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise CorruptFileError("motion cannot be read", path=path, found=error) from error
    if array.ndim == 2 and array.shape[1] == 263:
        return vectors_to_joints(array)
    if array.ndim == 3 and array.shape[1:] == (22, 3):
        return array.astype(np.float32)
    raise CorruptFileError(
        "file holds no motion", path=path, found=array.shape, expected="(F, 263) or (F, 22, 3)"
    )


@command()
def main(
    motions: Path,
    out: Path,
    format: Literal["bvh", "amass"] = "bvh",
    body_models: Path = FOLDER,
    gender: Gender = "neutral",
) -> None:
    """Write motions as BVH, or as AMASS .npz for the SMPL add-ons (needs a SMPL-H body).

    A motion that cannot be used costs only itself; the command then fails at the end.

    Args:
        motions: a .npy file, or a folder of them.
        out: folder for the results.
        format: bvh (any animation tool) or amass (SMPL add-ons of Blender).
        body_models: folder with smplh/, for amass.
        gender: of the body, for amass.
    """
    paths = sorted(motions.glob("*.npy")) if motions.is_dir() else [motions]
    if not paths or not paths[0].is_file():
        raise MissingAssetError("there are no motions", path=motions, expected=".npy files")
    body = None
    if format == "amass":
        body = load_body_model(find_body_model("smplh", gender, body_models))
    with storage(out):
        out.mkdir(parents=True, exist_ok=True)
    refused = 0
    for path in track(paths, "exporting"):
        try:
            joints = read_motion(path)
            result = solve_ik([joints], skeleton=None if body is None else body.skeleton())[0]
        except (InvalidMotionError, CorruptFileError) as error:
            logger.error("%s is left out: %s", path.name, error)
            refused += 1
            continue
        if body is None:
            write_bvh(out / f"{path.stem}.bvh", result, FPS)
        else:
            write_amass(out / f"{path.stem}.npz", result, FPS, body, gender=gender)
    logger.info("Wrote %d motions to %s", len(paths) - refused, out)
    if refused:
        raise ScscError(f"{refused} of {len(paths)} motions could not be used", path=motions)


if __name__ == "__main__":
    import tyro

    tyro.cli(main, prog="python -m translation.export")
