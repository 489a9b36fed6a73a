"""HumanML3D's 263-number frame (Guo et al. 2022): joints <-> vectors.

``joints`` are (..., F, 22, 3) metres, y up, 20 fps. A vector at frame t holds, in the body's
heading frame:

    [0]        half the yaw from t to t + 1 (radians)      [193:259]  22 joint displacements
    [1:3]      root xz displacement from t to t + 1        [259:261]  left ankle, toe in contact
    [3]        root height                                 [261:263]  right ankle, toe in contact
    [4:67]     21 joint positions relative to the root's xz
    [67:193]   21 bone rotations, 6-D

A frame describes the step to the next one, so F joint frames give F - 1 vectors. Everything is
computed in float64 and returned as float32.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter1d

from body_models.skeleton import (
    JOINT_COUNT,
    KINEMATIC_CHAINS,
    MIRROR,
    PARENTS,
    Skeleton,
    check_frames,
    check_joints,
)
from loop.errors import InvalidMotionError
from translation.rotations import cont6d, qbetween, qinv, qmul, yaw_rotate

VECTOR_SIZE = 263
FPS = 20.0
CONTACT_THRESHOLD = 0.002  # squared metres a frame
HEADING_SIGMA = 20.0  # frames
LEFT_FOOT, RIGHT_FOOT = (7, 10), (8, 11)
LOWER_LEG = (5, 8)  # right knee and ankle: the bones whose lengths give the body's scale

_BONES = list(range(1, JOINT_COUNT))
_BONE_PARENTS = list(PARENTS[1:])

# HumanML3D's rest direction of the bone that ends in each joint (arms hang, head looks ahead).
RAW_DIRECTIONS = np.array(
    [
        [0, 0, 0], [1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, -1, 0], [0, 1, 0], [0, -1, 0],
        [0, -1, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1], [0, 1, 0], [1, 0, 0], [-1, 0, 0], [0, 0, 1],
        [0, -1, 0], [0, -1, 0], [0, -1, 0], [0, -1, 0], [0, -1, 0], [0, -1, 0],
    ],
    dtype=np.float64,
)  # fmt: skip


def _chain_predecessors() -> list[int]:
    """List for joints 1..21 the joint before in its chain; 0 starts every chain, the arms' too."""
    before = [0] * JOINT_COUNT
    for chain in KINEMATIC_CHAINS:
        for first, second in pairwise(chain[1:]):
            before[second] = first
    return before[1:]


_PREDECESSORS = _chain_predecessors()


def vectors_to_joints(vectors: ArrayLike, *, append_next: bool = False) -> NDArray[np.float32]:
    """Return joints (..., F, 22, 3) of vectors (..., F, 263), from their position part [4:67].

    ``append_next`` adds frame F + 1, to which the last vector leads: its root steps by [1:3], the
    other joints by their displacements beside the root's. With ``heading`` of the same vectors,
    ``joints_to_vectors`` then gives back root, yaw and positions of all F vectors, whoever made
    them.

    Raises:
        InvalidMotionError: wrong shape, no frame, or values that are not finite.
    """
    data = np.asarray(vectors, dtype=np.float64)
    if data.ndim < 2 or data.shape[-1] != VECTOR_SIZE:
        raise InvalidMotionError(
            "vectors have the wrong shape", found=data.shape, expected="(frames, 263)"
        )
    check_frames(data, data.shape[-2], 1, frame_axis=-2)
    half_yaw = heading(data)
    step = np.zeros((*half_yaw.shape, 3))
    step[..., 1:, 0], step[..., 1:, 2] = data[..., 1], data[..., 2]
    root = np.cumsum(yaw_rotate(-half_yaw, step), axis=-2)
    half_yaw, end, root = half_yaw[..., :-1], root[..., -1, :], root[..., :-1, :]
    joints = np.zeros((*data.shape[:-1], JOINT_COUNT, 3))
    joints[..., 1:, :] = data[..., 4:67].reshape(*data.shape[:-1], JOINT_COUNT - 1, 3)
    joints = yaw_rotate(-half_yaw[..., None], joints) + root[..., None, :]
    joints[..., 0, 1] = data[..., 3]
    if append_next:
        moved = data[..., -1, 193:259].reshape(*data.shape[:-2], JOINT_COUNT, 3)
        following = joints[..., -1, :, :] + yaw_rotate(-half_yaw[..., -1, None], moved)
        following[..., 0::2] += (end - following[..., 0, :])[..., None, 0::2]
        joints = np.concatenate([joints, following[..., None, :, :]], axis=-3)
    return joints.astype(np.float32)


def heading(vectors: ArrayLike) -> NDArray[np.float64]:
    """Return half the angle (..., F + 1) about +y that turns frames of vectors (..., F, 263) to +z.

    The sum of the yaw [0] so far: 0 at frame 0, and one more frame than there are vectors.
    """
    turns = np.asarray(vectors, dtype=np.float64)[..., 0]
    return np.concatenate([np.zeros_like(turns[..., :1]), np.cumsum(turns, axis=-1)], axis=-1)


def joints_to_vectors(
    joints: ArrayLike,
    *,
    target: Skeleton | None = None,
    placed: bool = False,
    half_yaw: NDArray[np.float64] | None = None,
) -> NDArray[np.float32]:
    """Return HumanML3D vectors (..., F - 1, 263) of joints (..., F, 22, 3) at 20 fps.

    Args:
        joints: metres, y up.
        target: retarget to this skeleton first, as HumanML3D does (``uniform_skeleton``).
        placed: the joints already stand where they should; otherwise ``place`` is applied first.
        half_yaw: heading (..., F) to encode in (``heading`` of the vectors that the joints came
            from); by default ``smoothed_half_yaw`` of the joints, which bends and leans can turn by
            tens of degrees.

    Two details of the published encoder shape its numbers and are kept: frame 0 counts as facing
    +z whatever its smoothed heading, and the heading is smoothed over +-80 frames, so that the last
    80 vectors of a clip change a little when its end is cut. One is repaired: where the heading
    passes straight backwards the published code gives that step's yaw [0] the wrong sign.

    Raises:
        InvalidMotionError: wrong shape, fewer than 2 frames, values that are not finite, a bone of
            no length, no heading, or a heading of other frames.
    """
    positions = check_joints(joints, minimum_frames=2)
    if half_yaw is not None and half_yaw.shape != positions.shape[:-2]:
        raise InvalidMotionError(
            "the heading belongs to other frames",
            found=half_yaw.shape,
            expected=positions.shape[:-2],
        )
    if target is not None:
        positions = uniform_skeleton(positions, target)
    if not placed:
        positions = place(positions)
    given = half_yaw is not None
    half_yaw = half_yaw if half_yaw is not None else smoothed_half_yaw(positions)
    displacement = positions[..., 1:, :, :] - positions[..., :-1, :, :]
    squared = np.sum(displacement[..., LEFT_FOOT + RIGHT_FOOT, :] ** 2, axis=-1)
    turn = half_yaw[..., 1:] - half_yaw[..., :-1]
    if not given:
        turn -= np.pi * np.round(turn / np.pi)  # half angles: a whole turn is pi
    travel = yaw_rotate(half_yaw[..., 1:], displacement[..., 0, :])
    local = positions - positions[..., :1, :] * np.array([1.0, 0.0, 1.0])
    local = yaw_rotate(half_yaw[..., :-1, None], local[..., :-1, 1:, :])
    moved = yaw_rotate(half_yaw[..., :-1, None], displacement)
    rotation = bone_rotations(positions[..., :-1, :, :], half_yaw[..., :-1])
    rows = turn.shape
    return np.concatenate(
        [
            turn[..., None],
            travel[..., 0::2],
            positions[..., :-1, 0, 1:2],
            local.reshape(*rows, 63),
            rotation.reshape(*rows, 126),
            moved.reshape(*rows, 66),
            squared < CONTACT_THRESHOLD,
        ],
        axis=-1,
        dtype=np.float32,
    )


def smoothed_half_yaw(joints: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return half the angle (..., F) about +y from smoothed headings to +z; 0 at frame 0.

    The published encoder names its four joints in another order here than when it places a clip, so
    that the across vector is shoulders *minus* hips. The stored vectors hold this heading, so we
    keep it.
    """
    shoulders = joints[..., 17, :] - joints[..., 16, :]
    hips = joints[..., 2, :] - joints[..., 1, :]
    forward = _forward(shoulders - hips)
    forward = gaussian_filter1d(forward, HEADING_SIGMA, axis=-2, mode="nearest")
    half_yaw = -0.5 * np.arctan2(forward[..., 0], forward[..., 2])
    half_yaw[..., 0] = 0.0
    return half_yaw


def bone_rotations(
    joints: NDArray[np.float64], half_yaw: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the 6-D rotation (..., F, 21, 6) of each bone relative to the one before in its chain.

    HumanML3D's inverse kinematics: bone j has the shortest rotation from its raw direction to where
    it points; chains start from the rotation that turns the heading to +z.
    """
    bones = joints[..., _BONES, :] - joints[..., _BONE_PARENTS, :]
    length = np.linalg.norm(bones, axis=-1, keepdims=True)
    if (length < 1e-9).any():
        frame, bone = np.argwhere(length[..., 0] < 1e-9)[0, -2:]
        raise InvalidMotionError(
            f"bone to joint {bone + 1} has no length in frame {frame}", found=joints.shape
        )
    whole = np.zeros((*joints.shape[:-1], 4))
    whole[..., 0, 0], whole[..., 0, 2] = np.cos(half_yaw), np.sin(half_yaw)
    whole[..., 1:, :] = qbetween(RAW_DIRECTIONS[1:], bones / length)
    return cont6d(qmul(qinv(whole[..., _PREDECESSORS, :]), whole[..., 1:, :]))


def uniform_skeleton(joints: ArrayLike, target: Skeleton) -> NDArray[np.float64]:
    """Give joints (..., F, 22, 3) the bone lengths of ``target``; the bone directions stay.

    The root path scales by the ratio of the right lower-leg lengths (joints 5, 8) in frame 0.
    HumanML3D goes through rotations and back, which leaves exactly the directions.

    Raises:
        InvalidMotionError: bad joints, or a bone of no length.
    """
    source = check_joints(joints)
    bones = source[..., _BONES, :] - source[..., _BONE_PARENTS, :]
    length = np.linalg.norm(bones, axis=-1, keepdims=True)
    if (length < 1e-9).any():
        raise InvalidMotionError("a bone has no length", found=source.shape)
    legs = [joint - 1 for joint in LOWER_LEG]
    source_leg = length[..., 0, legs, 0].sum(axis=-1)
    scale = target.lengths[list(LOWER_LEG)].sum() / source_leg
    bones *= target.lengths[1:, None] / length
    result = np.empty_like(source)
    result[..., 0, :] = source[..., 0, :] * scale[..., None, None]
    for joint in _BONES:
        result[..., joint, :] = result[..., PARENTS[joint], :] + bones[..., joint - 1, :]
    return result


def place(joints: ArrayLike) -> NDArray[np.float64]:
    """Place joints (..., F, 22, 3) on the floor, at the xz origin and facing +z in frame 0."""
    return face_forward(start_at_origin(put_on_floor(joints)))


def put_on_floor(joints: ArrayLike) -> NDArray[np.float64]:
    """Shift each clip in y so that its lowest joint of all frames lies at 0."""
    positions = check_joints(joints)
    lowest = positions[..., 1].min(axis=(-2, -1))
    return positions - lowest[..., None, None, None] * np.array([0.0, 1.0, 0.0])


def start_at_origin(joints: ArrayLike) -> NDArray[np.float64]:
    """Shift each clip in x and z so that the root starts at the origin."""
    positions = check_joints(joints)
    return positions - positions[..., :1, :1, :] * np.array([1.0, 0.0, 1.0])


def face_forward(joints: ArrayLike) -> NDArray[np.float64]:
    """Turn each clip about +y (through the origin) so that frame 0 faces +z."""
    positions = check_joints(joints)
    first = positions[..., 0, :, :]
    across = first[..., 2, :] - first[..., 1, :] + first[..., 17, :] - first[..., 16, :]
    forward = _forward(across[..., None, :])
    half_yaw = -0.5 * np.arctan2(forward[..., 0], forward[..., 2])
    return yaw_rotate(half_yaw[..., None], positions)


def mirror_joints(joints: ArrayLike) -> NDArray[np.float64]:
    """Mirror joints (..., F, 22, 3) in the plane x = 0, with left and right swapped."""
    return check_joints(joints)[..., MIRROR, :] * np.array([-1.0, 1.0, 1.0])


def _forward(across: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return forward vectors (..., F, 3), horizontal, of vectors to the body's right."""
    norm = np.linalg.norm(across, axis=-1, keepdims=True)
    flat = np.hypot(across[..., 0], across[..., 2])
    if (flat < 1e-9).any():
        frame = int(np.argwhere(flat < 1e-9)[0, -1])
        raise InvalidMotionError(f"the body has no heading in frame {frame}", found=across.shape)
    unit = across / norm
    return np.stack([unit[..., 2], np.zeros_like(flat), -unit[..., 0]], axis=-1)
