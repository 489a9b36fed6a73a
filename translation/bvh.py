"""Biovision BVH motion files: any hierarchy, any channel order, plain or gzipped.

Rotation channels turn a joint about its own axes in the order in which they are listed; position
channels, wherever a joint has them, take the place of its OFFSET (as exporters with a root offset
need it). Lengths are in the file's own unit: see `metres_per_unit`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from body_models.arrays import Array
from loop.errors import CorruptFileError, InvalidMotionError
from loop.text import read_text
from translation.rotations import qmul, qrot

_CHANNELS = tuple(f"{axis}{kind}" for kind in ("position", "rotation") for axis in "XYZ")
_UNITS_M = (1.0, 0.1, 0.0254, 0.01, 0.001)
_LEG_M = 0.83
"""Hip to ankle of an adult; units differ by a factor of 2.5 and more, so a rough figure will do."""


@dataclass(frozen=True, eq=False)
class Bvh:
    """One BVH file.

    Attributes:
        names: joints, parents first; end sites are named after their parent: `Foot_end`.
        parents: (J,) index of each joint's parent, -1 for a root.
        offsets: (J, 3) from the parent, in file units.
        channels: the channel names of each joint, in file order; none for end sites.
        values: (F, C) all channels in file order; file units and degrees.
        fps: frames a second.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: Array
    channels: tuple[tuple[str, ...], ...]
    values: Array
    fps: float

    def positions(self, joints: Sequence[str], start: int = 0) -> Array:
        """Compute positions (F - start, len(joints), 3) of named joints, world axes, file units.

        Only these joints and their ancestors are computed.

        Raises:
            InvalidMotionError: the file has no joint of that name.
        """
        if missing := [name for name in joints if name not in self.names]:
            raise InvalidMotionError(
                "BVH file lacks a joint.", found=f"joints {self.names}", expected=missing
            )
        wanted = [self.names.index(name) for name in joints]
        placed: dict[int, Array] = {}
        turned: dict[int, Array] = {}
        column = np.cumsum([0, *(len(channels) for channels in self.channels)])
        for joint in self._with_ancestors(wanted):
            values = self.values[start:, column[joint] : column[joint + 1]]
            offset, turn = _local(self.offsets[joint], self.channels[joint], values)
            parent = self.parents[joint]
            if parent < 0:
                placed[joint], turned[joint] = offset, turn
            else:
                placed[joint] = placed[parent] + qrot(turned[parent], offset)
                turned[joint] = qmul(turned[parent], turn)
        return np.stack([placed[joint] for joint in wanted], axis=1)

    def _with_ancestors(self, joints: Sequence[int]) -> list[int]:
        needed: set[int] = set()
        for joint in joints:
            while joint >= 0 and joint not in needed:
                needed.add(joint)
                joint = self.parents[joint]
        return sorted(needed)


def _local(offset: Array, channels: tuple[str, ...], values: Array) -> tuple[Array, Array]:
    """Return offset (F, 3) and quat_wxyz (F, 4) of a joint relative to its parent."""
    offsets = np.broadcast_to(offset, (len(values), 3)).copy()
    quats = np.broadcast_to([1.0, 0.0, 0.0, 0.0], (len(values), 4))
    for number, channel in enumerate(channels):
        axis = "XYZ".index(channel[0])
        if channel.endswith("position"):
            offsets[:, axis] = values[:, number]
        else:
            half = np.radians(values[:, number]) / 2
            turn = np.zeros((len(values), 4))
            turn[:, 0], turn[:, 1 + axis] = np.cos(half), np.sin(half)
            quats = qmul(quats, turn)
    return offsets, quats


def metres_per_unit(leg_length: float) -> float:
    """Tell the unit of a file, from the length of thigh and shin of its skeleton in that unit.

    The nearest of metre, decimetre, inch, centimetre and millimetre that makes it an adult's leg.

    Raises:
        InvalidMotionError: no unit makes it the leg of a human (0.5 to 1.3 m).
    """
    if leg_length > 0:
        unit = min(_UNITS_M, key=lambda unit: abs(np.log(leg_length * unit / _LEG_M)))
        if 0.5 <= leg_length * unit <= 1.3:
            return unit
    raise InvalidMotionError(
        "The unit of the skeleton cannot be told from its legs.",
        found=f"hip to ankle {leg_length:.4g}",
        expected="a human in metres, decimetres, inches, centimetres or millimetres",
    )


def read_bvh(path: Path | str) -> Bvh:
    """Read a `.bvh` or `.bvh.gz` file.

    Raises:
        MissingAssetError: no such file.
        CorruptFileError: it is truncated or no BVH.
        InvalidMotionError: it holds no frame, or numbers that are not finite.
    """
    path = Path(path)
    text = read_text(path, "BVH file", "fetch the file again")
    try:
        head, *rest = re.split(r"^\s*MOTION\s*$", text, maxsplit=1, flags=re.MULTILINE)
        if not rest:
            raise ValueError("no MOTION section")
        motion = rest[0]
        names, parents, offsets, channels = _parse_hierarchy(head.split())
        fps, values = _parse_motion(motion, sum(map(len, channels)))
    except (ValueError, IndexError, OverflowError) as error:
        raise CorruptFileError(
            "BVH file cannot be read.",
            path=path,
            found=error or repr(error),
            expected="HIERARCHY and MOTION sections, one line a frame",
            remedy="fetch the file again",
        ) from error
    if not len(values) or not np.isfinite(values).all():
        raise InvalidMotionError(
            "BVH file has no frames, or values that are not finite.", path=path, found=values.shape
        )
    return Bvh(names, parents, offsets, channels, values, fps)


def _parse_hierarchy(
    words: list[str],
) -> tuple[tuple[str, ...], tuple[int, ...], Array, tuple[tuple[str, ...], ...]]:
    names: list[str] = []
    parents: list[int] = []
    offsets: list[list[float]] = []
    channels: list[tuple[str, ...]] = []
    stack: list[int] = []
    position = 1
    if not words or words[0] != "HIERARCHY":
        raise ValueError("no HIERARCHY section")
    while position < len(words):
        word = words[position]
        if word in ("ROOT", "JOINT") or word.upper() == "END":
            if not stack and names:
                raise ValueError(f"a second root beside {names[0]}: one skeleton a file")
            brace = words.index("{", position)  # a name may hold spaces
            name = " ".join(words[position + 1 : brace])
            parents.append(stack[-1] if stack else -1)
            names.append(name if word in ("ROOT", "JOINT") else f"{names[stack[-1]]}_end")
            offsets.append([])
            channels.append(())
            stack.append(len(names) - 1)
            position = brace + 1
        elif word == "OFFSET":
            offsets[stack[-1]] = [float(number) for number in words[position + 1 : position + 4]]
            position += 4
        elif word == "CHANNELS":
            count = int(words[position + 1])
            listed = words[position + 2 : position + 2 + count]
            channels[stack[-1]] = tuple(channel.capitalize() for channel in listed)
            position += 2 + count
        elif word == "}":
            stack.pop()
            position += 1
        else:
            raise ValueError(f"unexpected {word!r} in the hierarchy")
    if stack or not names or any(len(offset) != 3 for offset in offsets):
        raise ValueError("the hierarchy is not complete")
    if not np.isfinite(offsets).all():
        raise ValueError("an OFFSET is not finite")
    if unknown := {c for listed in channels for c in listed} - set(_CHANNELS):
        raise ValueError(f"unknown channels {sorted(unknown)}")
    return tuple(names), tuple(parents), np.array(offsets), tuple(channels)


def _parse_motion(text: str, channels: int) -> tuple[float, Array]:
    """Parse frames a second and values (F, C)."""
    header = re.match(
        r"\s*Frames\s*:\s*(\d+)\s*Frame\s*Time\s*:\s*(\S+)", text, flags=re.IGNORECASE
    )
    if header is None or not 0 < float(header[2]) < float("inf"):
        raise ValueError("no Frames: and Frame Time: lines")
    frames, fps = int(header[1]), 1.0 / float(header[2])
    if frames == 0:
        return fps, np.empty((0, channels))
    table = text[header.end() :]
    try:
        values = np.loadtxt(io.StringIO(table), comments=None, ndmin=2)
    except ValueError:
        values = np.array(table.split(), dtype=np.float64)  # frames broken into several lines
    if values.size != frames * channels:
        raise ValueError(f"{values.size} numbers where the header says {frames} x {channels}")
    return fps, values.reshape(frames, channels)
