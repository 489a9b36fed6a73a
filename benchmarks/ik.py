"""How fast and how close is the inverse kinematics? `python -m benchmarks.ik` beside scipy.

The yardstick solves each frame by itself with scipy.optimize.least_squares over the same 54
numbers (rotation vectors), started from the same closed-form guess, with the same pull to the rest
pose. Times are processor seconds of one thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from body_models.skeleton import DEFAULT_SKELETON, JOINT_COUNT, PARENTS, Skeleton
from translation.humanml import joints_to_vectors, vectors_to_joints
from translation.ik import IKSettings, forward_kinematics, solve_ik
from translation.ik_guess import guess_rotations

MOVING = sorted(set(PARENTS) - {-1})


@dataclass
class Options:
    joints: Path | None = None
    """A (F, 22, 3) .npy, metres, y up; without it a smooth random motion."""
    copies: int = 20
    """The clip is solved this many times."""
    scipy_frames: int = 10
    """Frames that scipy solves."""


def random_clip() -> np.ndarray:
    turns = gaussian_filter1d(
        np.random.default_rng(0).normal(size=(240, JOINT_COUNT, 3)), 6, axis=0
    )
    turns = 0.4 * turns[20:-20] / turns.std()
    quats = Rotation.from_rotvec(turns.reshape(-1, 3)).as_quat(scalar_first=True)
    return forward_kinematics(
        np.zeros((200, 3)), quats.reshape(200, JOINT_COUNT, 4), DEFAULT_SKELETON
    )


def scipy_frame(target: np.ndarray, skeleton: Skeleton, rest: float) -> np.ndarray:
    guess = guess_rotations(target[None], skeleton)[0]
    start = Rotation.from_quat(guess[MOVING], scalar_first=True).as_rotvec()
    local = np.tile([1.0, 0.0, 0.0, 0.0], (JOINT_COUNT, 1))

    def reach(numbers: np.ndarray) -> np.ndarray:
        turns = Rotation.from_rotvec(numbers[3:].reshape(-1, 3))
        local[MOVING] = turns.as_quat(scalar_first=True)
        return forward_kinematics(numbers[:3], local, skeleton)

    def residual(numbers: np.ndarray) -> np.ndarray:
        return np.concatenate([(reach(numbers) - target).ravel(), rest * numbers[6:]])

    return reach(least_squares(residual, np.concatenate([target[0], start.ravel()])).x)


def seconds(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def main(options: Options) -> None:
    clip = random_clip() if options.joints is None else np.load(options.joints).astype(np.float64)
    first = seconds(lambda: solve_ik([clip[:1]], threads=1))
    (result,) = solve_ik([clip], threads=1)
    frames = options.copies * len(clip)
    ours = frames / seconds(lambda: solve_ik([clip] * options.copies, threads=1))
    some = np.linspace(0, len(clip) - 1, options.scipy_frames).astype(int)
    reached: list[np.ndarray] = []
    rest = IKSettings().rest
    spent = seconds(
        lambda: reached.extend(scipy_frame(clip[f], result.skeleton, rest) for f in some)
    )
    error = 1000 * np.linalg.norm(np.array(reached) - clip[some], axis=-1)
    print(f"first call          {first:8.2f} s (compiles, or reads the compiled code)")
    print(
        f"solve_ik            {ours:8.0f} frames/s  mean {result.mean_error_mm:.2f} mm"
        f"  max {result.max_error_mm:.1f} mm"
    )
    print(
        f"least_squares       {len(some) / spent:8.1f} frames/s  mean {error.mean():.2f} mm"
        f"  max {error.max():.1f} mm"
    )
    vectors = joints_to_vectors(clip)
    encode = seconds(lambda: [joints_to_vectors(clip) for _ in range(options.copies)])
    decode = seconds(lambda: [vectors_to_joints(vectors) for _ in range(options.copies)])
    print(f"joints_to_vectors   {frames / encode:8.0f} frames/s")
    print(f"vectors_to_joints   {frames / decode:8.0f} frames/s")


if __name__ == "__main__":
    main(tyro.cli(Options))
