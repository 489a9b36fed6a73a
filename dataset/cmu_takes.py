"""Takes of CMU's motion capture database as joints: BVH of two conversions, and ASF/AMC.

What lies there both as BVH and as AMC is read from its AMC, the original.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dataset.cmu_captions import Take, read_index, reason_to_exclude
from dataset.frame_rates import Rate, decide_rate
from loop.errors import InvalidMotionError, MissingAssetError
from translation.asf_amc import FPS as AMC_FPS
from translation.asf_amc import Asf, bone_ends, read_asf
from translation.bvh import read_bvh
from translation.cmu import (
    FASTEST_M_S,
    check_speed,
    cmu_joints,
    is_motionbuilder,
    motionbuilder_joints,
    top_speeds,
)
from translation.daz import REST_POSE_S, daz_joints
from translation.floor import level_floor
from translation.humanml import FPS, face_forward, start_at_origin
from translation.resample import resample_joints
from translation.units import TO_Y_UP, Axis, check_body

DEEPEST_M = 0.3
"""A joint this far below the resting feet means that the root of the take is broken."""
INDEX = "CMU-INDEX.txt"
logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class ReadTake:
    """What became of a take.

    Attributes:
        take: its line in the index.
        joints: (F, 22, 3) float32 metres at 20 fps, y up, floor at 0, from the origin, facing +z;
            None where it is left out.
        reason: why it is left out, else empty.
        rate: what was decided about its rate, once it was read.
        first: frames at 20 fps of the capture that lie before the first of `joints`.
        jumps: frames of `joints` at which a joint is faster than any person's.
    """

    take: Take
    joints: NDArray[np.float32] | None = None
    reason: str = ""
    rate: Rate | None = None
    first: int = 0
    jumps: tuple[int, ...] = ()


def read_takes(
    bvh_dir: Path,
    fps: float | None = None,
    up: Axis = "y",
    exclude: Callable[[Take], str | None] = reason_to_exclude,
    *,
    on_the_clock: bool = False,
    only: Path | None = None,
) -> Iterator[ReadTake]:
    """Read every take of a folder in order of name, or the reason why it is left out.

    Args:
        bvh_dir: folder with the files, at any depth, and the index.
        fps: rate of all takes; by default decided for each.
        up: axis of the files that points up.
        exclude: says of a take why it need not be read, or None.
        on_the_clock: for parts of takes: frames at 20 fps lie where they lie in the capture as
            published, whatever the conversion put before it, and a take with a jump is not left
            out, but tells where; else the first frame is the first after the rest pose.
        only: list of takes, a name a line; all others are passed over.

    Raises:
        MissingAssetError: no motion file, no skeleton for one, or no index; a take of the list, or
            the list itself, is not there.
        CorruptFileError: a file cannot be read.
    """
    paths = _motion_files(bvh_dir)
    if only is not None:
        paths = _listed(paths, bvh_dir, only)
    index = read_index(next(iter(sorted(bvh_dir.rglob(INDEX))), bvh_dir / INDEX))
    skeletons = {path.name.split(".")[0]: path for path in sorted(bvh_dir.rglob("*.asf*"))}
    read = lru_cache(maxsize=1)(read_asf)  # takes of a subject follow each other
    for name in sorted(paths):
        take = index.get(name, Take(name, 0, "", ""))
        if reason := exclude(take):
            yield ReadTake(take, reason=reason)
            continue
        skeleton = None
        if ".amc" in paths[name].suffixes:
            subject = name.split("_")[0]
            if subject not in skeletons:
                raise MissingAssetError(
                    "The skeleton of a take is missing.",
                    path=paths[name],
                    expected=f"{subject}.asf in the same folder",
                )
            skeleton = read(skeletons[subject])
        yield read_take(paths[name], take, fps, up, skeleton, on_the_clock=on_the_clock)


def _listed(paths: dict[str, Path], bvh_dir: Path, only: Path) -> dict[str, Path]:
    """Pick the takes of a list."""
    try:
        names = only.read_text().split()
    except FileNotFoundError:
        raise MissingAssetError(
            "there is no such list of takes", path=only, expected="a name a line, such as 13_29"
        ) from None
    if missing := [name for name in names if name not in paths]:
        raise MissingAssetError(
            "takes of the list are missing",
            path=bvh_dir,
            found=f"{len(names) - len(missing)} of {len(names)}; not {', '.join(missing[:5])}",
            expected=f"all takes of {only}",
            remedy="bash prepare/download_cmu.sh fetches them; without --takes all that are there "
            "are taken",
        )
    return {name: paths[name] for name in names}


def _motion_files(bvh_dir: Path) -> dict[str, Path]:
    paths = {
        path.name.split(".")[0]: path
        for pattern in ("*.bvh", "*.bvh.gz", "*.amc", "*.amc.gz")
        for path in sorted(bvh_dir.rglob(pattern))
    }
    if not paths:
        raise MissingAssetError(
            "There are no motion capture files.",
            path=bvh_dir,
            expected="files such as 13_29.bvh(.gz), or 13_29.amc(.gz) with 13.asf(.gz)",
            remedy="bash prepare/download_cmu.sh, then --bvh_dir dataset/cmu_bvh",
        )
    return paths


def read_take(
    path: Path,
    take: Take,
    given: float | None,
    up: Axis,
    skeleton: Asf | None = None,
    *,
    on_the_clock: bool = False,
) -> ReadTake:
    """Read one take; arguments as in `read_takes`, `given` is the rate.

    Raises:
        CorruptFileError: the file cannot be read.
    """
    rate = None
    try:
        fps, raw, before = _raw_joints(path, skeleton)
        raw = raw @ TO_Y_UP[up].T
        check_body(raw, path)
        rate = decide_rate(take.name, raw, fps, given)
        _log_rate(take.name, rate, fps)
        first, jumps = 0, np.empty(0)
        if on_the_clock:
            first = int(np.ceil(before * FPS / rate.fps - 1e-6))
            raw = raw[round(first * rate.fps / FPS) - before :]
            jumps = np.flatnonzero(top_speeds(raw, rate.fps) > FASTEST_M_S) * FPS / rate.fps
        else:
            check_speed(raw, rate.fps)
        joints = level_floor(resample_joints(raw, rate.fps, FPS), FPS)
    except InvalidMotionError as error:
        return ReadTake(take, reason=str(error).replace("\n", ","), rate=rate)
    if (lowest := float(joints[..., 1].min())) < -DEEPEST_M:
        reason = f"the root of the capture is broken: a joint is {-lowest:.1f} m below the floor"
        return ReadTake(take, reason=reason, rate=rate)
    placed = face_forward(start_at_origin(joints)).astype(np.float32)
    return ReadTake(
        take, placed, rate=rate, first=first, jumps=tuple(np.unique(jumps.astype(int)).tolist())
    )


def _raw_joints(path: Path, skeleton: Asf | None) -> tuple[float, NDArray[np.float64], int]:
    """Read a file: its rate, its joints, and how many frames of the capture are lost at the start.

    Both conversions put a rest pose before the capture; the Daz-friendly one smeared it over its
    beginning, too.
    """
    if skeleton is not None:
        return AMC_FPS, cmu_joints(bone_ends(path, skeleton)), 0
    bvh = read_bvh(path)
    if is_motionbuilder(bvh):
        return bvh.fps, motionbuilder_joints(bvh), 0
    return bvh.fps, daz_joints(bvh), max(round(REST_POSE_S * bvh.fps) - 1, 0)


def _log_rate(name: str, rate: Rate, fps: float) -> None:
    if rate.source not in ("header", "option"):
        logger.info("%s: %.4g fps (%s), not %.4g", name, rate.fps, rate.source, fps)
    if rate.doubt:
        hint = f"--fps gives its rate; {fps / 2:.4g} reads it at half the speed"
        logger.warning("%s at %.4g fps %s: %s", name, rate.fps, rate.doubt, hint)
