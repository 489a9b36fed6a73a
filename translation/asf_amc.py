"""Acclaim skeletons (`.asf`) and motions (`.amc`): the original files of CMU's motion capture.

Each bone has a local frame, turned by C (its `axis`) against the skeleton's; its rotation M is
given in that frame, so that it turns the bone and all after it by C M C^-1. A bone starts where its
parent ends; frames, axes and angles compose about fixed axes in the order in which they are named.
(Format: Acclaim/Lander, "Working with Motion Capture File Formats", Game Developer, January 1998.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from body_models.arrays import Array
from loop.errors import CorruptFileError, InvalidMotionError
from loop.text import read_text

ROOT = "root"
FPS = 120.0
"""An `.amc` does not tell its rate. CMU captured at 120 frames a second, and a fifth of the takes
at 60: `dataset.frame_rates` finds out."""


@dataclass(frozen=True, eq=False)
class Bone:
    """One bone of an `.asf`.

    Attributes:
        parent: name of the bone that it hangs on, or `root`.
        vector: (3,) from its start to its end at rest, in file units.
        frame: C, the turn of its local frame.
        channels: what a frame of the motion gives of it: rx, ry, rz in file order.
    """

    parent: str
    vector: Array
    frame: Rotation
    channels: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Asf:
    """A skeleton.

    Attributes:
        bones: by name, parents first.
        root_channels: the order of the root's numbers, such as tx ty tz rx ry rz.
        root_frame: C of the root.
        root_position: (3,) where the root is at rest, in file units.
        inches: of one file unit (CMU: 1 / 0.45).
        degrees: angles are degrees, not radians.
    """

    bones: Mapping[str, Bone]
    root_channels: tuple[str, ...]
    root_frame: Rotation
    root_position: Array
    inches: float
    degrees: bool


def read_asf(path: Path | str) -> Asf:
    """Read an `.asf` or `.asf.gz` file.

    Raises:
        MissingAssetError: no such file.
        CorruptFileError: it is no ASF.
    """
    path = Path(path)
    try:
        return _parse_asf(_read(path))
    except (ValueError, LookupError) as error:
        raise CorruptFileError(
            "ASF file cannot be read.",
            path=path,
            found=error or repr(error),
            expected="sections :units, :root, :bonedata and :hierarchy",
        ) from error


def bone_ends(path: Path | str, skeleton: Asf) -> dict[str, Array]:
    """Read where bones end in each frame of an `.amc` (or `.amc.gz`): (F, 3), inches, y up.

    `root` stands for the root itself.

    Raises:
        MissingAssetError: no such file.
        CorruptFileError: it is no AMC, is truncated, or belongs to another skeleton.
        InvalidMotionError: it holds numbers that are not finite.
    """
    path = Path(path)
    try:
        motion = _parse_amc(_read(path), skeleton)
    except (ValueError, LookupError) as error:
        raise CorruptFileError(
            "AMC file cannot be read.",
            path=path,
            found=error or repr(error),
            expected="frames that all list the same bones of the skeleton",
        ) from error
    if not all(np.isfinite(values).all() for values in motion.values()):
        raise InvalidMotionError("AMC file holds values that are not finite.", path=path)
    root = dict(zip(skeleton.root_channels, motion[ROOT].T, strict=True))
    shift = np.stack([root.get(f"t{axis}", np.zeros(len(motion[ROOT]))) for axis in "xyz"], axis=-1)
    ends = {ROOT: shift + skeleton.root_position}
    channels = {ROOT: (skeleton.root_channels, skeleton.root_frame)}
    channels |= {name: (bone.channels, bone.frame) for name, bone in skeleton.bones.items()}
    turns = {
        name: frame * _turn(listed, motion[name], skeleton.degrees) * frame.inv()
        for name, (listed, frame) in channels.items()
        if name in motion
    }
    for name, bone in skeleton.bones.items():
        turn = turns[bone.parent]
        turns[name] = turn * turns[name] if name in turns else turn
        ends[name] = ends[bone.parent] + turns[name].apply(bone.vector)
    return {name: end * skeleton.inches for name, end in ends.items()}


def _turn(channels: tuple[str, ...], values: Array, degrees: bool) -> Rotation:
    """Compute M of each frame: rotations about the fixed axes, in the order of their listing."""
    picked = [number for number, channel in enumerate(channels) if channel.startswith("r")]
    if not picked:
        return Rotation.identity(len(values))
    axes = "".join(channels[number][1] for number in picked)
    return Rotation.from_euler(axes, values[:, picked], degrees=degrees)


def _read(path: Path) -> list[list[str]]:
    """Read the words of each line that says something."""
    text = read_text(path, "motion capture file", "fetch the file again")
    lines = (line.split("#", 1)[0].split() for line in text.split("\n"))
    return [words for words in lines if words]


def _parse_asf(lines: list[list[str]]) -> Asf:
    sections: dict[str, list[list[str]]] = {}
    for words in lines:
        if words[0].startswith(":"):
            section = sections.setdefault(words[0].lower(), [])
        elif sections:
            section = next(reversed(sections.values()))
            section.append(words)
    units = {words[0].lower(): words[1] for words in sections[":units"]}
    root = {words[0].lower(): words[1:] for words in sections[":root"]}
    degrees = not units.get("angle", "deg").lower().startswith("rad")
    read: dict[str, tuple[Array, Rotation, tuple[str, ...]]] = {}
    fields: dict[str, list[str]] = {}
    for words in sections[":bonedata"]:
        if words[0] == "end":
            axis = fields.get("axis", ["0", "0", "0", "XYZ"])
            frame = _frame(axis[:3], axis[3], degrees)
            channels = tuple(channel.lower() for channel in fields.get("dof", []))
            if odd := set(channels) - {"rx", "ry", "rz"}:
                raise ValueError(f"bone {fields['name'][0]} has channels {sorted(odd)}")
            direction = _numbers(fields["direction"], 3)
            if abs(np.linalg.norm(direction) - 1) > 0.1:
                raise ValueError(f"bone {fields['name'][0]}: {direction} is no direction")
            vector = direction * float(fields["length"][0])
            read[fields["name"][0]] = (vector, frame, channels)
            fields = {}
        else:
            fields[words[0].lower()] = words[1:]
    parents = {
        child: words[0]
        for words in sections[":hierarchy"]
        if words[0] not in ("begin", "end")
        for child in words[1:]
    }
    bones: dict[str, Bone] = {}
    while ready := [b for b in read if b not in bones and parents.get(b) in (ROOT, *bones)]:
        bones |= {name: Bone(parents[name], *read[name]) for name in ready}
    if bones.keys() != read.keys() or parents.keys() != read.keys() or not bones:
        raise ValueError(f"bones hang on nothing: {sorted(read.keys() ^ bones.keys())}")
    return Asf(
        bones,
        tuple(channel.lower() for channel in root["order"]),
        _frame(root.get("orientation", ["0"] * 3), root.get("axis", ["XYZ"])[0], degrees),
        _numbers(root.get("position", ["0"] * 3), 3),
        1.0 / float(units.get("length", "1")),
        degrees,
    )


def _frame(angles: list[str], order: str, degrees: bool) -> Rotation:
    return Rotation.from_euler(order.lower(), _numbers(angles, 3), degrees=degrees)


def _numbers(words: list[str], count: int) -> Array:
    numbers = np.array([float(word) for word in words])
    if len(numbers) != count or not np.isfinite(numbers).all():
        raise ValueError(f"{words} where {count} numbers belong")
    return numbers


def _parse_amc(lines: list[list[str]], skeleton: Asf) -> dict[str, Array]:
    """Parse values (F, channels) of each bone; every frame has the layout of the first."""
    rows = [words for words in lines if not words[0].startswith(":")]
    starts = [number for number, words in enumerate(rows) if len(words) == 1 and words[0].isdigit()]
    if not starts or starts[0] != 0:
        raise ValueError("no frame")
    first = rows[1 : starts[1] if len(starts) > 1 else None]
    wanted = {name: len(bone.channels) for name, bone in skeleton.bones.items() if bone.channels}
    wanted[ROOT] = len(skeleton.root_channels)
    if {words[0]: len(words) - 1 for words in first} != wanted or len(first) != len(wanted):
        raise ValueError(f"the first frame lists {[words[0] for words in first]}")
    size = 1 + sum(map(len, first))
    words = np.array([word for row in rows for word in row], dtype=object)
    if len(words) % size:
        raise ValueError("the last frame is not complete, or frames differ")
    table = words.reshape(-1, size)
    motion, column = {}, 1
    for name, *numbers in first:
        if (table[:, column] != name).any():
            raise ValueError(f"bone {name} is not in every frame")
        motion[name] = table[:, column + 1 : column + 1 + len(numbers)].astype(np.float64)
        column += 1 + len(numbers)
    return motion
