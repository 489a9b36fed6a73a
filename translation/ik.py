"""Inverse kinematics: 22 joint positions -> root position and joint rotations, and back.

The body has 54 degrees of freedom: 3 of the root's position and a ball joint at the root and at
each of the 16 other joints that carry a bone. Frame: y up, metres; rest pose: the skeleton's T-pose
facing +z. Every frame is a damped least-squares problem, started from the frame before. Weak pulls
to the rest pose, to the frame before, to bends that a knee or elbow can make, and to level feet
decide what positions alone leave open (twist about straight limbs).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from body_models.arrays import Array
from body_models.skeleton import JOINT_COUNT, Skeleton, check_joints
from loop.errors import InvalidMotionError, InvalidOptionError
from translation.ik_guess import guess_rotations

KNEES, ANKLES, TOES, ELBOWS = (4, 5), (7, 8), (10, 11), (18, 19)


@dataclass(frozen=True)
class IKSettings:
    """Weights and limits; a weight of 1 values a radian like a metre of joint distance.

    Attributes:
        rest: pull of each joint to the rest pose.
        knee, ankle, elbow: factors on ``rest`` about the axes that are not the hinge's (the hinge
            is x at knee and ankle, y at the elbow).
        hinge: pull to zero of knees and elbows that bend the wrong way.
        warm: pull to the frame before.
        level_foot: pull of the ankles' x axis to the horizontal, for toes on the floor.
        level_height: height of a toe over the clip's lowest (m) at which that pull is down to 1/e.
        step_cap: largest turn of a joint in one iteration (rad).
        tolerance: iterations stop at smaller steps (rad).
        iterations: most iterations of a frame; four times as many from the closed-form guess.
        retry: where a frame stays farther off than this (m) and than the closed-form guess, it is
            solved again from that guess.
    """

    rest: float = 0.01
    knee: float = 6.0
    ankle: float = 2.0
    elbow: float = 3.0
    hinge: float = 0.1
    warm: float = 0.02
    level_foot: float = 0.05
    level_height: float = 0.1
    step_cap: float = 0.6
    tolerance: float = 1e-3
    iterations: int = 6
    retry: float = 0.03

    def __post_init__(self) -> None:
        """Refuse what the solver cannot work with."""
        positive = min(self.level_height, self.step_cap, self.iterations)
        if not (min(astuple(self)) >= 0 and positive > 0):
            raise InvalidOptionError(
                "inverse kinematics settings out of range",
                found=self,
                expected="nothing negative; level_height, step_cap and iterations above 0",
            )


@dataclass(frozen=True, eq=False)
class IKResult:
    """Rotations of one clip, y up.

    Attributes:
        root_position: (F, 3) metres.
        local_quat_wxyz: (F, 22, 4) unit quaternions relative to the parent; joint 0 is the root's
            orientation in the world, leaves are the identity. Signs are continuous in time.
        joints: (F, 22, 3) metres, the positions these rotations reach.
        mean_error_mm, max_error_mm: distance to the given joints over all frames and joints.
        skeleton: the body they belong to.
    """

    root_position: Array
    local_quat_wxyz: Array
    joints: Array
    mean_error_mm: float
    max_error_mm: float
    skeleton: Skeleton


def forward_kinematics(
    root_position: ArrayLike, local_quat_wxyz: ArrayLike, skeleton: Skeleton
) -> Array:
    """Compute joints (..., 22, 3) of roots (..., 3) and local unit quaternions (..., 22, 4).

    Raises:
        InvalidMotionError: shapes that do not belong together.
    """
    root = np.asarray(root_position, dtype=np.float64)
    local = np.asarray(local_quat_wxyz, dtype=np.float64)
    if root.shape[-1:] != (3,) or local.shape != (*root.shape[:-1], JOINT_COUNT, 4):
        raise InvalidMotionError(
            "root positions and rotations do not belong together",
            found=(root.shape, local.shape),
            expected="(..., 3) and (..., 22, 4)",
        )
    from translation.compiled import chain  # numba loads only where it is used

    joints, _ = chain(
        root.reshape(-1, 3), local.reshape(-1, JOINT_COUNT, 4), skeleton.parents, skeleton.offsets
    )
    return joints.reshape(*root.shape[:-1], JOINT_COUNT, 3)


def solve_ik(
    clips: Sequence[ArrayLike],
    skeleton: Skeleton | None = None,
    settings: IKSettings | None = None,
    threads: int | None = None,
) -> list[IKResult]:
    """Fit a body to each clip of joints (F, 22, 3) in metres, y up.

    Args:
        clips: the motions; they may differ in length.
        skeleton: the body of all clips; by default each clip gets its own, measured bone lengths
            (``Skeleton.from_joints``), so that the error tells of pose and not of size.
        settings: weights and limits.
        threads: clips solved at a time, by default one per processor. No effect on the results.

    Raises:
        InvalidMotionError: a clip with a wrong shape, no frame, or values that are not finite.
        InvalidOptionError: threads below 1.
    """
    chosen = settings or IKSettings()
    if threads is not None and threads < 1:
        raise InvalidOptionError("threads out of range", found=threads, expected="at least 1")
    motions = [check_joints(clip) for clip in clips]
    for number, motion in enumerate(motions):
        if motion.ndim != 3:
            raise InvalidMotionError(
                f"clip {number} is not one motion", found=motion.shape, expected="(frames, 22, 3)"
            )
    bodies = [skeleton or Skeleton.from_joints(motion) for motion in motions]
    with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
        return list(pool.map(_solve_one, motions, bodies, [chosen] * len(motions)))


def _solve_one(targets: Array, skeleton: Skeleton, settings: IKSettings) -> IKResult:
    from translation.ik_kernel import solve_clip  # numba loads only where it is used

    first, above = _unknowns(skeleton)
    rest, bend = _joint_weights(settings)
    root, quats = np.empty((len(targets), 3)), np.empty((len(targets), JOINT_COUNT, 4))
    reached = np.empty(targets.shape)
    limits = (settings.warm, settings.hinge, settings.step_cap, settings.tolerance, settings.retry)
    solve_clip(
        np.ascontiguousarray(targets),
        guess_rotations(targets, skeleton),
        np.array(skeleton.offsets),
        np.array(skeleton.parents),
        first,
        above,
        _level_weights(targets, settings),
        rest,
        bend,
        np.array(limits),
        settings.iterations,
        root,
        quats,
        reached,
    )
    distance_mm = 1000.0 * np.linalg.norm(reached - targets, axis=-1)
    mean_mm, max_mm = float(distance_mm.mean()), float(distance_mm.max())
    return IKResult(root, quats, reached, mean_mm, max_mm, skeleton)


def _unknowns(skeleton: Skeleton) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return each joint's first unknown (22,), -1: leaves, and the unknown above each (54,)."""
    first = np.full(JOINT_COUNT, -1)
    above = [-1, 0, 1]
    for joint, parent in enumerate(skeleton.parents):
        if joint in skeleton.parents:
            first[joint] = len(above)
            top = 2 if parent < 0 else int(first[parent]) + 2
            above += [top, len(above), len(above) + 1]
    return first, np.array(above)


def _joint_weights(settings: IKSettings) -> tuple[Array, Array]:
    """Return the rest pull (22, 3) about each axis, and the sign (22, 3) a hinge may bend to."""
    rest = np.full((JOINT_COUNT, 3), settings.rest)
    rest[0] = 0.0  # the root may face anywhere
    rest[np.ix_(KNEES, (1, 2))] *= settings.knee
    rest[np.ix_(ANKLES, (1, 2))] *= settings.ankle
    rest[np.ix_(ELBOWS, (0, 2))] *= settings.elbow
    bend = np.zeros((JOINT_COUNT, 3))
    bend[KNEES, 0] = 1.0
    bend[ELBOWS, 1] = -1.0, 1.0
    return rest, bend


def _level_weights(targets: Array, settings: IKSettings) -> Array:
    """Pull (F, 22) of the ankles' x axis to the horizontal, fading as the toe leaves the floor."""
    height = targets[:, TOES, 1] - targets[:, TOES, 1].min()
    weights = np.zeros(targets.shape[:2])
    weights[:, ANKLES] = settings.level_foot * np.exp(-((height / settings.level_height) ** 2))
    return weights
