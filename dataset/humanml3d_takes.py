"""Takes that rows of HumanML3D's index are cut from: AMASS by SMPL+H, and HumanAct12's joints."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from body_models.damage import DAMAGE
from body_models.npy import read_npy
from body_models.skeleton import JOINT_COUNT
from body_models.smpl import BodyModel, Gender, find_body_model, load_body_model, pose_joints
from dataset.humanml3d_index import IndexRow
from loop.errors import CorruptFileError, InvalidMotionError, MissingAssetError
from translation.amass import Z_UP_TO_Y_UP, amass_joints, read_amass
from translation.humanml import FPS

CUT_S = {
    "Eyes_Japan_Dataset": 3.0,
    "MPI_HDM05": 3.0,
    "TotalCapture": 1.0,
    "MPI_Limits": 1.0,
    "Transitions_mocap": 0.5,
}
"""What the published pipeline cuts from the start of every take of an archive."""
HUMANACT12 = "humanact12"
BETAS = 10

Resample = Literal["published", "exact"]


@dataclass(frozen=True)
class Sources:
    """Where everything is read from; small, so that every task can hold it."""

    amass: Path
    smplh: Path
    humanact12: Path | None
    resample: Resample


def take_joints(source_path: str, sources: Sources) -> NDArray[np.float64]:
    """Read joints (F, 22, 3) of a take at 20 fps, metres, y up, as published.

    Args:
        source_path: of the index (`./pose_data/CMU/80/80_63_poses.npy`).
        sources: where it lies.

    Raises:
        MissingAssetError: it is not there.
        CorruptFileError, InvalidMotionError: it cannot be read.
    """
    inside = PurePosixPath(*PurePosixPath(source_path).parts[1:])
    if inside.parts[0] == HUMANACT12:
        return _humanact12(inside.name, sources.humanact12)
    path = sources.amass / inside.with_suffix(".npz")
    motion = read_amass(path)
    body = body_of(sources.smplh, "male" if motion.gender == "male" else "female")
    if sources.resample == "exact":
        return amass_joints(motion, body, FPS).astype(np.float64)
    step = int(motion.fps / FPS)
    if step < 1:
        raise InvalidMotionError(
            "the take has fewer than 20 frames a second", path=path, found=motion.fps
        )
    poses, trans = motion.poses[::step], motion.trans[::step]
    joints = pose_joints(body, poses, motion.betas[:BETAS], trans)[:, :JOINT_COUNT]
    return joints @ Z_UP_TO_Y_UP.T


@lru_cache(maxsize=2)
def body_of(folder: Path, gender: Gender) -> BodyModel:
    direct = folder / gender / "model.npz"
    home = folder.parent if folder.name == "smplh" else folder
    path = direct if direct.is_file() else find_body_model("smplh", gender, home)
    return load_body_model(path, BETAS)


def _humanact12(name: str, source: Path | None) -> NDArray[np.float64]:
    """Read a clip of HumanML3D's copy of HumanAct12: joints as they are, y up."""
    assert source is not None  # its rows were left out
    try:
        if source.is_dir():
            found = next(iter(sorted(source.rglob(name))), source / name)
            array = read_npy(io.BytesIO(found.read_bytes()))
        else:
            members, archive = _archive(source)
            array = read_npy(io.BytesIO(archive.read(members[name])))
        if array.ndim != 3 or array.shape[1] < JOINT_COUNT or array.shape[2] != 3:
            raise ValueError(f"shape {array.shape}")
    except FileNotFoundError as error:
        raise MissingAssetError("a clip of HumanAct12 is missing", path=error.filename) from error
    except DAMAGE as error:
        raise CorruptFileError(
            "a clip of HumanAct12 cannot be read",
            path=source / name,
            found=f"{type(error).__name__}: {error}",
            expected="joints (F, 24, 3)",
        ) from error
    return array[:, :JOINT_COUNT].astype(np.float64)


@lru_cache(maxsize=1)
def _archive(source: Path) -> tuple[dict[str, str], zipfile.ZipFile]:
    archive = zipfile.ZipFile(source)
    return {PurePosixPath(name).name: name for name in archive.namelist()}, archive


def span_of(row: IndexRow, frames: int) -> slice:
    """Return the frames of a row; HumanAct12's are whole."""
    if row.archive == HUMANACT12:
        return slice(0, frames)
    cut = int(CUT_S.get(row.archive, 0.0) * FPS)
    end = frames if row.end < 0 else min(cut + row.end, frames)
    return slice(cut + row.start, end)
