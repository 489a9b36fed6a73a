"""Rendered frames a second and core of each look, at 480 x 480: `python benchmarks/render.py`.

Counts processor time of this process, so that other work on the machine matters less. Targets: 20
for the skeleton, 10 for the simulator. Encoding is measured on its own; ffmpeg is another process.
"""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import tyro

from body_models.skeleton import DEFAULT_SKELETON
from loop.cli import command
from loop.errors import MissingAssetError
from visualize.video.encode import write_video
from visualize.video.looks import Look, look_frames
from visualize.video.sheet import Clip

TARGETS: dict[Look, float] = {"skeleton": 20.0, "simulator": 10.0, "body": 10.0}


def walking(frames: int) -> np.ndarray:
    """Make a body (F, 22, 3) that glides forward and swings arms and shins."""
    pose = DEFAULT_SKELETON.rest_joints - [0, DEFAULT_SKELETON.rest_joints[:, 1].min(), 0]
    joints = np.repeat(pose[None], frames, axis=0)
    swing = 0.1 * np.sin(np.arange(frames) / 3)
    joints[:, [20, 7, 10], 2] += swing[:, None]
    joints[:, [21, 8, 11], 2] -= swing[:, None]
    return joints + np.arange(frames)[:, None, None] * [0.0, 0.0, 0.05]


@command()
def main(frames: int = 60) -> None:
    """Measure each look.

    Args:
        frames: of the motion.
    """
    clip = Clip("benchmark", walking(frames))
    for look, target in TARGETS.items():
        try:
            pictures = look_frames([clip], look)
            next(pictures)  # set-up is not counted
        except MissingAssetError as error:
            print(f"{look:10} not measured: {error}")
            continue
        cpu, wall = time.process_time(), time.perf_counter()
        drawn = list(pictures)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        print(
            f"{look:10} {len(drawn) / cpu:6.1f} frames a second of one core "
            f"({len(drawn) / wall:.1f} by the clock), target {target:.0f}"
        )
        with TemporaryDirectory() as folder:
            for ending in ("mp4", "gif"):
                start = time.perf_counter()
                write_video(drawn, Path(folder) / f"x.{ending}", 20.0)
                print(
                    f"{'':10} {ending}: {len(drawn) / (time.perf_counter() - start):.0f} a second"
                )


if __name__ == "__main__":
    tyro.cli(main, prog="python benchmarks/render.py")
