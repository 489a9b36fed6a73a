"""Motions on disk as clips, and rules that choose among them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from loop.errors import CorruptFileError, MissingAssetError, ScscError
from translation.humanml import VECTOR_SIZE, vectors_to_joints

logger = logging.getLogger(__name__)

MAX_FRAMES = 196
"""Longest window, 9.8 s: HumanML3D's longest clip."""
MIRRORED = "M"
"""How the names of mirrored copies begin in HumanML3D's layout."""
UPRIGHT_PELVIS_M, UPRIGHT_REST_M = 0.6, 0.12
"""Heights over the floor of the pelvis, and of knees, elbows, wrists and head, below which a clip
is not on its feet: they may have to bear load."""
_REST = (4, 5, 15, 18, 19, 20, 21)
_MOTION_FOLDERS = ("new_joints", "new_joint_vecs")


@dataclass(frozen=True)
class Clip:
    """A window of a motion: joints (F, 22, 3) in metres, y up, 20 fps, or why there are none."""

    name: str
    joints: NDArray[np.float32]
    fault: str = ""


@dataclass(frozen=True)
class Choice:
    """Which clips of a folder to take."""

    split: str = ""
    """only those that SPLIT.txt of the data set lists (train, val, test); all without it"""
    originals: bool = False
    """leave mirrored copies out (names that begin with M)"""
    upright: bool = False
    """leave floor work out (`upright`)"""
    floor: bool = False
    """take floor work only"""


def floor_height(joints: NDArray[np.floating]) -> float:
    """Height of the floor under joints (F, 22, 3), y up, metres: where the lowest often is."""
    return float(np.percentile(joints[..., 1].min(axis=1), 40))


def upright(joints: NDArray[np.floating]) -> bool:
    """Whether a motion (F, 22, 3) stays on its feet, wherever its floor is.

    Then its pelvis is always 0.6 m above the floor, and knees, elbows, wrists and head are 0.12 m.
    The correction lets the whole body bear load in all other motions.
    """
    floor = floor_height(joints)
    pelvis, rest = joints[:, 0, 1].min(), joints[:, _REST, 1].min()
    return bool(pelvis - floor > UPRIGHT_PELVIS_M and rest - floor > UPRIGHT_REST_M)


def choose(folder: Path, choice: Choice) -> list[Clip]:
    """The clips of a folder that a choice takes; see `read_motions`.

    Raises:
        MissingAssetError: no motions, no such split, or nothing is left.
    """
    clips = read_motions(folder)
    if choice.split:
        listed = folder / f"{choice.split}.txt"
        if not listed.is_file():
            raise MissingAssetError("The data set has no such split.", path=listed)
        ids = set(listed.read_text(encoding="utf-8").split())
        clips = [clip for clip in clips if clip.name.split("#")[0] in ids]
    if choice.originals:
        clips = [clip for clip in clips if not clip.name.startswith(MIRRORED)]
    if choice.upright:
        clips = [clip for clip in clips if clip.fault or upright(clip.joints)]
    if choice.floor:
        clips = [clip for clip in clips if clip.fault or not upright(clip.joints)]
    if not clips:
        raise MissingAssetError("No motion is left to evaluate.", path=folder, found=choice)
    return clips


def read_motions(folder: Path) -> list[Clip]:
    """All motions of a data set in HumanML3D layout, or of a folder of .npy files.

    A file may hold joints (F, 22, 3) or vectors (F, 263). Clips above 9.8 s are cut into equal
    windows, named `<file>#<number>`. An unreadable file becomes a clip with a `fault`.

    Raises:
        MissingAssetError: no such folder, or no .npy file in it.
    """
    inner = next((folder / name for name in _MOTION_FOLDERS if (folder / name).is_dir()), folder)
    files = sorted(inner.glob("*.npy")) if inner.is_dir() else []
    files = [file for file in files if file.name not in ("Mean.npy", "Std.npy")]
    if not files:
        raise MissingAssetError(
            "There are no motions to evaluate.",
            path=inner,
            expected="a data set in HumanML3D layout, or .npy files of joints (F, 22, 3)",
        )
    clips: list[Clip] = []
    for file in files:
        try:
            clips += _windows(file.stem, _read(file))
        except ScscError as error:
            logger.warning("%s", error)
            clips.append(Clip(file.stem, np.zeros((0, 22, 3), np.float32), _first_line(error)))
    return clips


def _read(file: Path) -> NDArray[np.float32]:
    try:
        array = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise CorruptFileError("A motion file cannot be read.", path=file, found=error) from error
    if array.ndim == 2 and array.shape[1] == VECTOR_SIZE:
        return vectors_to_joints(array)
    if array.ndim != 3 or array.shape[1:] != (22, 3) or not np.issubdtype(array.dtype, np.number):
        raise CorruptFileError(
            "A motion file has the wrong shape.",
            path=file,
            found=f"{array.shape} {array.dtype}",
            expected="joints (F, 22, 3) or vectors (F, 263)",
        )
    return array.astype(np.float32)


def _windows(name: str, joints: NDArray[np.float32]) -> list[Clip]:
    count = max(1, -(-len(joints) // MAX_FRAMES))
    if count == 1:
        return [Clip(name, joints)]
    return [Clip(f"{name}#{k}", part) for k, part in enumerate(np.array_split(joints, count))]


def _first_line(error: ScscError) -> str:
    return str(error).splitlines()[0]
