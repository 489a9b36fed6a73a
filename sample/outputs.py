"""Motions in the formats that others read: .npy, AMASS .npz, BVH, video."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dataset.humanml3d import FPS
from loop.rundir.files import make_folder, write_array
from translation.amass import write_amass
from translation.bvh_export import write_bvh
from translation.humanml import vectors_to_joints
from translation.ik import solve_ik

Format = Literal["npy", "npz", "bvh", "mp4", "gif"]
VIDEOS: tuple[Format, ...] = ("mp4", "gif")


def write_motion(vectors: NDArray[np.float32], stem: Path, formats: Sequence[Format]) -> list[Path]:
    """Write vectors (F, 263) at 20 fps as `stem` with the endings of `formats`, but no videos.

    npy holds the vectors, npz AMASS's SMPL-H rotations, bvh the skeleton of the motion.
    Raises StorageError when a file cannot be written.
    """
    paths = [stem.with_name(f"{stem.name}.{ending}") for ending in formats if ending not in VIDEOS]
    make_folder(stem.parent)
    turned = None
    if {"npz", "bvh"} & set(formats):
        turned = solve_ik([vectors_to_joints(vectors)])[0]
    for path in paths:
        if path.suffix == ".npy":
            write_array(path, vectors)
        elif turned is not None and path.suffix == ".npz":
            write_amass(path, turned, FPS)
        elif turned is not None:
            write_bvh(path, turned, FPS)
    return paths
