"""Write motions as BVH files, which Blender and most animation tools open."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from body_models.arrays import Array
from body_models.skeleton import JOINT_COUNT, JOINT_NAMES, Skeleton
from loop.errors import InvalidOptionError
from loop.rundir.files import write_bytes
from translation.ik import IKResult

CENTIMETRES = 100.0
END_SITE_M = 0.05
"""Length of the bone that tools draw at a leaf, along the bone before it."""


def write_bvh(path: Path | str, result: IKResult, fps: float) -> None:
    """Write a clip as BVH: centimetres, y up, channels Z, Y, X, joint names of the skeleton.

    Args:
        path: file to write, whole or not at all.
        result: rotations of one clip; the hierarchy is its skeleton in the T-pose.
        fps: its rate.

    Raises:
        InvalidOptionError: a rate that is not positive.
        StorageError: the file cannot be written.
    """
    if not 0 < fps < np.inf:
        raise InvalidOptionError("frame rate out of range", found=fps, expected="a positive number")
    angles = _euler_zyx(result.local_quat_wxyz)
    order = _depth_first(result.skeleton)
    table = np.concatenate(
        [CENTIMETRES * result.root_position, angles[:, order].reshape(len(angles), -1)], axis=1
    )
    rows = "\n".join(" ".join(f"{value:.6f}" for value in row) for row in table)
    head = "\n".join(_joint_lines(result.skeleton, 0, ""))
    text = f"HIERARCHY\n{head}\nMOTION\nFrames: {len(table)}\nFrame Time: {1.0 / fps:.9f}\n{rows}\n"
    write_bytes(Path(path), text.encode("ascii"))


def _euler_zyx(local_quat_wxyz: Array) -> Array:
    """Return degrees (F, 22, 3) about z, then the new y, then the new x; continuous in time."""
    turns = Rotation.from_quat(local_quat_wxyz.reshape(-1, 4), scalar_first=True)
    with warnings.catch_warnings():
        # at y = 90 degrees scipy chooses one of the equal decompositions, and says so
        warnings.filterwarnings("ignore", message="Gimbal lock")
        angles = turns.as_euler("ZYX", degrees=True)
    return np.unwrap(angles.reshape(*local_quat_wxyz.shape[:2], 3), axis=0, period=360.0)


def _children(skeleton: Skeleton, joint: int) -> list[int]:
    return [child for child in range(JOINT_COUNT) if skeleton.parents[child] == joint]


def _depth_first(skeleton: Skeleton, joint: int = 0) -> list[int]:
    """List the joints in the order in which the hierarchy, and with it each row, lists them."""
    rest = (_depth_first(skeleton, child) for child in _children(skeleton, joint))
    return [joint, *(later for branch in rest for later in branch)]


def _joint_lines(skeleton: Skeleton, joint: int, indent: str) -> list[str]:
    inner = indent + "  "
    offset, children = skeleton.offsets[joint], _children(skeleton, joint)
    position = "Xposition Yposition Zposition " if joint == 0 else ""
    lines = [
        f"{indent}{'JOINT' if joint else 'ROOT'} {JOINT_NAMES[joint]}",
        f"{indent}{{",
        inner + _offset(offset),
        f"{inner}CHANNELS {6 if joint == 0 else 3} {position}Zrotation Yrotation Xrotation",
    ]
    for child in children:
        lines += _joint_lines(skeleton, child, inner)
    if not children:
        end = offset * (END_SITE_M / max(float(np.linalg.norm(offset)), 1e-9))
        lines += [f"{inner}End Site", f"{inner}{{", f"{inner}  {_offset(end)}", f"{inner}}}"]
    return [*lines, f"{indent}}}"]


def _offset(metres: Array) -> str:
    return "OFFSET " + " ".join(f"{CENTIMETRES * value:.6f}" for value in metres)
