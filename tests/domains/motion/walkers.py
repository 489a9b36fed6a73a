"""Made-up people on a floor: skeletons of human size that step, sway and swing their arms."""

from __future__ import annotations

import numpy as np

from body_models.skeleton import PARENTS
from translation.humanml import face_forward, joints_to_vectors, start_at_origin

REST = {
    1: (0.08, -0.06, 0), 2: (-0.08, -0.06, 0), 3: (0, 0.12, 0), 4: (0, -0.4, 0), 5: (0, -0.4, 0),
    6: (0, 0.13, 0), 7: (0, -0.42, 0), 8: (0, -0.42, 0), 9: (0, 0.06, 0), 10: (0, -0.06, 0.13),
    11: (0, -0.06, 0.13), 12: (0, 0.2, 0), 13: (0.08, 0.1, 0), 14: (-0.08, 0.1, 0),
    15: (0, 0.1, 0.05), 16: (0.12, 0, 0), 17: (-0.12, 0, 0), 18: (0.05, -0.25, 0),
    19: (-0.05, -0.25, 0), 20: (0, -0.25, 0.02), 21: (0, -0.25, 0.02),
}  # fmt: skip


def walking_joints(seed: int, frames: int) -> np.ndarray:
    """(frames + 1, 22, 3) metres, y up: the seed chooses speed, stride, sway and phase."""
    rng = np.random.default_rng(seed)
    time = np.arange(frames + 1) / 20
    pace, stride, swing = rng.uniform(0.7, 1.6), rng.uniform(0.2, 0.6), rng.uniform(0.2, 0.9)
    phase = 2 * np.pi * (pace * time + rng.random())
    angle = {4: stride, 5: -stride, 7: stride / 2, 8: -stride / 2, 18: -swing, 19: swing,
             20: -swing, 21: swing}  # fmt: skip
    joints = np.zeros((frames + 1, 22, 3))
    joints[:, 0, 0] = 0.03 * np.sin(phase)
    joints[:, 0, 2] = 2 * stride * pace * time
    for joint in range(1, 22):
        offset = np.tile(np.array(REST[joint], float), (frames + 1, 1))
        turn = angle.get(joint, 0.02) * np.sin(phase + 0.1 * joint)
        y, z = offset[:, 1].copy(), offset[:, 2].copy()
        offset[:, 1] = np.cos(turn) * y - np.sin(turn) * z
        offset[:, 2] = np.sin(turn) * y + np.cos(turn) * z
        joints[:, joint] = joints[:, PARENTS[joint]] + offset
    joints[..., 1] -= joints[..., 1].min(axis=1)[:, None]
    return joints + 0.001 * rng.normal(size=joints.shape)


def walker(seed: int, frames: int) -> np.ndarray:
    """(frames, 263) float32 HumanML3D vectors of `walking_joints`."""
    joints = face_forward(start_at_origin(walking_joints(seed, frames)))
    return joints_to_vectors(joints, placed=True)
