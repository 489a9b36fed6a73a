"""Motions on disk as clips, and filters that choose among them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from loop.errors import MissingAssetError, ScscError
from translation import motion_files
from translation.humanml import FPS
from translation.layout import mirrored_ids, read_ids
from translation.motion_files import motion_paths
from translation.units import Convention

logger = logging.getLogger(__name__)

MAX_FRAMES = 196
"""Longest window, 9.8 s: HumanML3D's longest clip."""
UPRIGHT_PELVIS_M, UPRIGHT_REST_M = 0.6, 0.12
"""Heights over the floor of the pelvis, and of knees, elbows, wrists and head, below which a clip
is not on its feet: they may have to bear load."""
_REST = (4, 5, 15, 18, 19, 20, 21)
_MOTION_FOLDERS = ("new_joints", "new_joint_vecs")
_OURS = Convention()


@dataclass(frozen=True)
class MotionClip:
    """A window of a motion: joints (F, 22, 3) in metres, y up, 20 fps, or why there are none."""

    name: str
    joints: NDArray[np.float32]
    fault: str = ""


@dataclass(frozen=True)
class ClipFilter:
    """Which clips of a folder to take; by default all."""

    split: str = ""
    """only those that SPLIT.txt of the data set lists (train, val, test); all without it"""
    originals: bool = False
    """leave mirrored copies out (M000021 beside 000021)"""
    upright: bool = False
    """leave floor work out (`upright`)"""
    floor: bool = False
    """take floor work only"""


def floor_height(joints: NDArray[np.floating]) -> float:
    """Estimate the floor's height (m) under joints (F, 22, 3), y up: where the lowest often is."""
    return float(np.percentile(joints[..., 1].min(axis=1), 40))


def upright(joints: NDArray[np.floating]) -> bool:
    """Tell whether a motion (F, 22, 3) stays on its feet, wherever its floor is.

    Then its pelvis is always 0.6 m above the floor, and knees, elbows, wrists and head are 0.12 m.
    The correction lets the whole body bear load in all other motions.
    """
    floor = floor_height(joints)
    pelvis, rest = joints[:, 0, 1].min(), joints[:, _REST, 1].min()
    return bool(pelvis - floor > UPRIGHT_PELVIS_M and rest - floor > UPRIGHT_REST_M)


def choose(folder: Path, choice: ClipFilter, convention: Convention = _OURS) -> list[MotionClip]:
    """Read the clips of a folder (`read_motions`) and keep those that a filter takes.

    Raises:
        MissingAssetError: no motions, no such split, or nothing is left.
    """
    clips = read_motions(folder, convention)
    mirrored = mirrored_ids(folder, {clip.name.split("#")[0] for clip in clips})
    if choice.split:
        ids = set(read_ids(folder, choice.split))
        clips = [clip for clip in clips if clip.name.split("#")[0] in ids]
    if choice.originals:
        clips = [clip for clip in clips if clip.name.split("#")[0] not in mirrored]
    if choice.upright:
        clips = [clip for clip in clips if clip.fault or upright(clip.joints)]
    if choice.floor:
        clips = [clip for clip in clips if clip.fault or not upright(clip.joints)]
    if not clips:
        raise MissingAssetError("No motion is left to evaluate.", path=folder, found=choice)
    return clips


def read_motions(folder: Path, convention: Convention = _OURS) -> list[MotionClip]:
    """Read all motions of a data set in HumanML3D layout, or of a folder of .npy files.

    `translation.motion_files` tells what a file may hold. Clips above 9.8 s are cut into equal
    windows, named `<file>#<number>`. An unreadable file becomes a clip with a `fault`.

    Raises:
        MissingAssetError: no such folder, or no .npy file in it.
    """
    inner = next((folder / name for name in _MOTION_FOLDERS if (folder / name).is_dir()), None)
    files = sorted(inner.rglob("*.npy")) if inner else motion_paths(folder)
    if not files:
        raise MissingAssetError("There are no motions.", path=inner, expected=".npy files")
    clips: list[MotionClip] = []
    for file in files:
        name = file.relative_to(inner or file.parent).with_suffix("").as_posix()
        try:
            for motion in motion_files.read_motions(file, convention):
                clips += _windows(name + motion.name.removeprefix(file.stem), motion.at(FPS))
        except ScscError as error:
            logger.warning("%s", error)
            nothing = np.zeros((0, 22, 3), np.float32)
            clips.append(MotionClip(name, nothing, str(error).splitlines()[0]))
    if left_out := sum(bool(clip.fault) for clip in clips):
        logger.warning("%d of %d files left out", left_out, len(files))
    return clips


def _windows(name: str, joints: NDArray[np.float32]) -> list[MotionClip]:
    count = max(1, -(-len(joints) // MAX_FRAMES))
    if count == 1:
        return [MotionClip(name, joints)]
    return [MotionClip(f"{name}#{k}", part) for k, part in enumerate(np.array_split(joints, count))]
