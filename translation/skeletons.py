"""BVH files of many makers, by tables of which of their joints are ours (`skeletons.toml`)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from body_models.skeleton import JOINT_NAMES
from loop.errors import CorruptFileError, InvalidMotionError, InvalidOptionError, MissingAssetError
from loop.text import read_text
from translation.bvh import Bvh, metres_per_unit
from translation.cmu import is_motionbuilder, motionbuilder_joints
from translation.daz import daz_joints, is_daz
from translation.units import TO_Y_UP, Axis, upward

CONVERSIONS = {
    "daz": (is_daz, daz_joints),
    "motionbuilder": (is_motionbuilder, motionbuilder_joints),
}
"""CMU's two conversions, whose faults need more than a table: how to tell and to read them."""
REST_STEP, REST_M = 10.0, 0.15
"""A first step this many times longer than the next ones, and this long, leads out of a rest pose
that somebody put before the capture."""

Table = Mapping[str, tuple[Mapping[str, float], ...]]
"""By our joint: its alternatives, each a weighted sum of the file's joints."""


@cache
def tables() -> dict[str, Table]:
    """Read the tables that come with the project, by name."""
    path = Path(__file__).with_name("skeletons.toml")
    return {name: _parse(table, path) for name, table in tomllib.loads(read_text(path)).items()}


def read_table(path: Path) -> Table:
    """Read a table of the user's own.

    Raises:
        MissingAssetError: no such file.
        CorruptFileError: another form, or a joint of ours is missing.
    """
    if not path.is_file():
        raise MissingAssetError(
            "There is no such skeleton table.",
            path=path,
            expected=f"auto, {', '.join([*CONVERSIONS, *tables()])}, or a .toml file",
        )
    try:
        return _parse(tomllib.loads(read_text(path, "skeleton table")), path)
    except (ValueError, TypeError, AttributeError) as error:
        raise CorruptFileError(
            "A skeleton table cannot be read.",
            path=path,
            found=error,
            expected='lines such as left_hip = "LeftUpLeg" for ' + ", ".join(JOINT_NAMES),
            remedy="translation/skeletons.toml shows the form",
        ) from error


def _parse(content: Mapping[str, Any], path: Path) -> Table:
    if missing := set(JOINT_NAMES) - content.keys():
        raise ValueError(f"no line for {', '.join(sorted(missing))}")
    if unknown := content.keys() - set(JOINT_NAMES):
        raise ValueError(f"{path.name} names joints that we lack: {', '.join(sorted(unknown))}")
    return {joint: _alternatives(content[joint]) for joint in JOINT_NAMES}


def _alternatives(value: Any) -> tuple[Mapping[str, float], ...]:
    points = value if isinstance(value, list) else [value]
    sums = tuple(
        {_key(name): float(w) for name, w in (p if isinstance(p, dict) else {p: 1.0}).items()}
        for p in points
    )
    if not sums or any(abs(sum(point.values()) - 1) > 1e-6 for point in sums):
        raise ValueError(f"weights of {value} do not add up to 1")
    return sums


def _key(name: str) -> str:
    """Strip a name of its namespace and its capitals: mixamorig:LeftArm is leftarm."""
    return re.sub(r"^(.*:|mixamorig\d*_?)", "", name).lower()


def missing_joints(bvh: Bvh, table: Table) -> list[str]:
    """List the file's joints that a table needs, and the file lacks."""
    there = {_key(name) for name in bvh.names}
    return [
        " or ".join(" + ".join(point) for point in points)
        for points in table.values()
        if not any(point.keys() <= there for point in points)
    ]


def recognise(bvh: Bvh) -> str:
    """Recognise the convention of a file's joints.

    Raises:
        InvalidMotionError: none; names the joints that the nearest one lacks.
    """
    for name, (fits, _) in CONVERSIONS.items():
        if fits(bvh):
            return name
    lacking = {name: missing_joints(bvh, table) for name, table in tables().items()}
    nearest = min(lacking, key=lambda name: len(lacking[name]))
    if lacking[nearest]:
        raise InvalidMotionError(
            "No skeleton table fits this BVH file.",
            found=f"joints {', '.join(bvh.names)}",
            expected=f"for the nearest table, {nearest}, also {', '.join(lacking[nearest])}",
            remedy="write a table as translation/skeletons.toml has them: --skeleton TABLE.toml",
        )
    return nearest


def skeleton_joints(bvh: Bvh, skeleton: str) -> tuple[NDArray[np.float64], Axis, bool]:
    """Compute joints (F, 22, 3) in metres, y up, at the file's rate, without a rest pose before.

    The unit follows from the length of the legs, the axis that points up from where the head is.

    Args:
        bvh: the file.
        skeleton: name of a table, or the path of a `.toml` file.

    Returns:
        The joints, the axis of the file that points up, and whether a rest pose was dropped.

    Raises:
        InvalidOptionError: no such table.
        InvalidMotionError: joints are missing, or no human unit.
        MissingAssetError, CorruptFileError: see `read_table`.
    """
    if skeleton in CONVERSIONS:
        return CONVERSIONS[skeleton][1](bvh), "y", True
    if skeleton not in tables() and not skeleton.endswith(".toml"):
        raise InvalidOptionError(
            "There is no such skeleton table.",
            found=skeleton,
            expected=f"auto, {', '.join([*CONVERSIONS, *tables()])}, or a .toml file",
        )
    table = tables()[skeleton] if skeleton in tables() else read_table(Path(skeleton))
    if missing := missing_joints(bvh, table):
        raise InvalidMotionError(
            f"The BVH file lacks joints of {skeleton}.",
            found=f"joints {', '.join(bvh.names)}",
            expected=", ".join(missing),
            remedy="--skeleton auto, or a table of your own",
        )
    joints = _placed(bvh, table)
    leg = np.linalg.norm(joints[0, [1, 4]] - joints[0, [4, 7]], axis=-1).sum()
    joints *= metres_per_unit(float(leg))
    up = upward(joints)
    joints = joints @ TO_Y_UP[up].T
    rest = _rest_pose(bvh, joints)
    return joints[int(rest) :], up, rest


def _placed(bvh: Bvh, table: Table) -> NDArray[np.float64]:
    real = {_key(name): name for name in reversed(bvh.names)}
    chosen = [next(p for p in points if p.keys() <= real.keys()) for points in table.values()]
    needed = sorted({name for point in chosen for name in point})
    positions = bvh.positions([real[name] for name in needed])
    weights = np.array([[point.get(name, 0.0) for name in needed] for point in chosen])
    return np.einsum("jn,fnc->fjc", weights, positions)


def _rest_pose(bvh: Bvh, joints: NDArray[np.float64]) -> bool:
    """Tell whether the first frame is a pose that the motion does not start from.

    No joint is turned in it, but in the next one; or it is left by a step that nothing else takes.
    """
    if len(joints) < 4:
        return False
    turns = [c.endswith("rotation") for channels in bvh.channels for c in channels]
    first, second = np.abs(bvh.values[:2, turns]).max(axis=1, initial=0.0)
    steps = np.linalg.norm(np.diff(joints[:20], axis=0), axis=-1).max(axis=1)
    jump = steps[0] > REST_M and steps[0] > REST_STEP * np.median(steps[1:])
    return bool((first == 0 and second > 0) or jump)
