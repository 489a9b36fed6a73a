"""At which rate was a take captured? Files are not always right about it.

525 of the takes in the mirror of CMU's database are 60 Hz captures whose header says 120 (pull
request 2 of una-dinosauria/cmu-mocap), and an `.amc` says nothing. Two witnesses: how long
HumanML3D knows a take to be (`cmu_lengths.txt`), and how fast a body falls that nothing holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from loop.text import read_lines
from translation.free_fall import G_M_S2, free_fall

INDEX_FPS = 20.0
FALL_TOLERANCE = 0.15
"""Share of g by which the fall of a body in flight may be off."""
LIGHTEST, HEAVIEST = 0.5, 1.5
"""A fall slower or faster than so many g is worth a note: 0.61 to 1.11 where CMU's takes fly, 0.02
where one stands on something, which is why a quarter of the speed is noted and not mended."""
LONGER = 1.35
"""A take is longer than the index knows by less than this factor, where it decides the rate."""
FASTEST_M_S, MOST_JERK_M_S3 = 6.0, 2400.0
"""Pelvis of a person in a capture volume: half a second at such a speed, or 5 % of the frames with
such a jerk, occur in none of the 122 takes that were looked at but a broken one; in 15 of them at
double speed."""


@dataclass(frozen=True)
class Rate:
    """What was decided about a take.

    Attributes:
        fps: frames a second.
        source: `option`, `header`, `index` (length in HumanML3D) or `free fall`.
        doubt: what speaks against it, empty if nothing does.
    """

    fps: float
    source: str
    doubt: str = ""


@cache
def _lengths() -> dict[str, int]:
    table = {}
    for line in read_lines(Path(__file__).with_name("cmu_lengths.txt")):
        subject, *takes = line.split()
        if subject != "#":
            pairs = (take.split("=") for take in takes)
            table |= {f"{subject}_{take}": int(frames) for take, frames in pairs}
    return table


def decide_rate(name: str, joints: NDArray[np.float64], fps: float, given: float | None) -> Rate:
    """Decide at which rate a take was captured.

    Args:
        name: of the take as CMU has it, such as 75_03; other names are in no index.
        joints: (F, 22, 3) metres, y up, one a frame of the file.
        fps: what the file says, or what its format implies.
        given: what the user says; nothing overrides it.
    """
    if given is not None:
        return Rate(given, "option", _doubt(joints, given))
    fall = free_fall(joints, fps)
    for rate in (fps, fps / 2, fps / 4, 2 * fps):
        if fall is not None and _is_gravity(fall * (rate / fps) ** 2):
            return Rate(rate, "header" if rate == fps else "free fall", _doubt(joints, rate))
    needed = _lengths().get(name, 0)
    if _holds(len(joints), fps, needed):
        return Rate(fps, "header", _doubt(joints, fps))
    for rate in (fps / 2, fps / 4):
        if _holds(len(joints), rate, needed) and len(joints) / rate < LONGER * needed / INDEX_FPS:
            return Rate(rate, "index", _doubt(joints, rate))
    seconds, known = len(joints) / fps, needed / INDEX_FPS
    short = f"lasts {seconds:.2f} s, at least {known:.2f} s in HumanML3D's index"
    return Rate(fps, "header", ", ".join(filter(None, (short, _doubt(joints, fps)))))


def _holds(frames: int, fps: float, needed: int) -> bool:
    return frames / fps * INDEX_FPS >= 0.98 * needed - 3


def _is_gravity(fall: float) -> bool:
    return abs(fall / G_M_S2 - 1) < FALL_TOLERANCE


def _doubt(joints: NDArray[np.float64], fps: float) -> str:
    """Say what no person does at this rate; empty for a plausible take."""
    found = []
    fall = free_fall(joints, fps)
    if fall is not None and not LIGHTEST * G_M_S2 < fall < HEAVIEST * G_M_S2:
        found.append(f"falls with {fall:.1f} m/s2")
    pelvis = gaussian_filter1d(joints[:, 0], 0.03 * fps, axis=0)
    half = max(1, round(fps / 2))
    if len(pelvis) > half:
        speed = np.linalg.norm(pelvis[half:] - pelvis[:-half], axis=-1).max() * fps / half
        if speed > FASTEST_M_S:
            found.append(f"moves at {speed:.1f} m/s for half a second")
    if len(pelvis) > 3:
        jerk = np.percentile(np.linalg.norm(np.diff(pelvis, 3, axis=0), axis=-1), 95) * fps**3
        if jerk > MOST_JERK_M_S3:
            found.append(f"jerks by {jerk:.0f} m/s3")
    return ", ".join(found)
