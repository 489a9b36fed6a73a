"""A motion to film, and the speeds that films should reach at 480 x 480."""

from __future__ import annotations

import numpy as np

from body_models.skeleton import DEFAULT_SKELETON
from visualize.video.looks import Look

TARGETS: dict[Look, float] = {"skeleton": 20.0, "simulator": 10.0, "body": 10.0}
"""Frames a second of one core."""


def walking(frames: int) -> np.ndarray:
    """Make a body (F, 22, 3) that glides forward and swings arms and shins."""
    pose = DEFAULT_SKELETON.rest_joints - [0, DEFAULT_SKELETON.rest_joints[:, 1].min(), 0]
    joints = np.repeat(pose[None], frames, axis=0)
    swing = 0.1 * np.sin(np.arange(frames) / 3)
    joints[:, [20, 7, 10], 2] += swing[:, None]
    joints[:, [21, 8, 11], 2] -= swing[:, None]
    return joints + np.arange(frames)[:, None, None] * [0.0, 0.0, 0.05]
