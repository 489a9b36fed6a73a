"""What a motion says about the body and the ground, read off HumanML3D vectors: (B, F, 263) torch.

Layout of a vector: yaw rate [0], root velocity x z [1:3], root height [3], positions of joints 1 to
21 seen from the root, heights absolute [4:67], rotations [67:193], velocities of all 22 joints
[193:259] (m a frame), contacts [259:263].
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from body_models.skeleton import PARENTS

ROOT_STEP, HEIGHT, POSITIONS, ROTATIONS, VELOCITIES = (
    slice(1, 3),
    slice(3, 4),
    slice(4, 67),
    slice(67, 193),
    slice(193, 259),
)
TOES = (10, 11)
STANDS_M, STILL_M = 0.03, 0.005
"""A toe so low stands, by half; a body whose fastest joint moves so little in a frame rests."""
SMALL_M = 1e-3
"""Added to movements (m a frame) before their logarithm."""

GROUPS: Mapping[str, tuple[int, float]] = {
    "heights": (2, 0.01),
    "sliding": (1, 0.002),
    "stillness": (1, 0.03),
    "bones": (21, 0.02),
    "wobble": (21, 0.2),
    "speeds": (44, 0.2),
    "accelerations": (21, 0.1),
    "jerks": (21, 0.1),
}
"""Statistics by what they are about: how many, and the least deviation that they are measured in
(metres, metres a frame, a share, or a logarithm). Groups count the same in the objective."""


def joint_positions(motions: Tensor) -> Tensor:
    """Read positions (B, F, 22, 3) as they stand in the vectors, the root above the origin."""
    batch, frames = motions.shape[:2]
    root = motions.new_zeros(batch, frames, 1, 3)
    root[..., 0, 1] = motions[..., 3]
    return torch.cat([root, motions[..., POSITIONS].unflatten(-1, (21, 3))], dim=2)


def body_statistics(motions: Tensor, valid: Tensor) -> list[Tensor]:
    """Measure how a motion stands, slides, rests and moves; one tensor for each of GROUPS.

    Heights are of the lowest joint: mean and least. Sliding is the speed of standing toes. Bones
    are mean lengths, wobble the logarithm of their deviation over time. Speeds (horizontal,
    vertical) are logarithms; accelerations are over speeds and jerks over accelerations, because
    these ratios hardly vary between real motions, whatever they show.

    Args:
        motions: (B, F, 263), not normalised.
        valid: (B, F) bool, the frames of each motion: at least 4, the first ones.

    Returns:
        Tensors (B, width of the group).
    """
    joints = joint_positions(motions)
    velocities = motions[..., VELOCITIES].unflatten(-1, (22, 3))
    toes, toe_steps = joints[..., TOES, 1], velocities[:, :, TOES][..., (0, 2)].norm(dim=-1)
    stands = torch.exp2(-((toes.abs() / STANDS_M) ** 2))
    steps = joints[:, 1:] - joints[:, :-1]
    bends = steps[:, 1:] - steps[:, :-1]
    jerks = bends[:, 1:] - bends[:, :-1]
    bones = (joints[:, :, 1:] - joints[:, :, PARENTS[1:]]).norm(dim=-1)
    lowest = joints[..., 1].amin(dim=2)
    still = torch.exp2(-steps.norm(dim=-1).amax(dim=2) / STILL_M)
    length = _mean(bones, valid)
    wobble = _mean((bones - length[:, None]) ** 2, valid)
    step, bend, jerk = (
        _log(_mean(part[:, :, 1:].norm(dim=-1), valid[:, late:]))
        for late, part in enumerate((steps, bends, jerks), start=1)
    )
    heights = (
        _mean(lowest[..., None], valid),
        lowest.masked_fill(~valid, torch.inf).amin(1)[:, None],
    )
    horizontal = _mean(velocities[..., (0, 2)].square().sum(-1), valid)
    vertical = _mean(velocities[..., 1].square(), valid)
    return [
        torch.cat(heights, dim=1),
        _mean((stands * toe_steps).amax(dim=2)[..., None], valid),
        _mean(still[..., None], valid[:, 1:]),
        length,
        _log(wobble.sqrt()),
        torch.cat([_log(horizontal.sqrt()), _log(vertical.sqrt())], dim=1),
        bend - step,
        jerk - bend,
    ]


def _log(movement: Tensor) -> Tensor:
    return torch.log(movement + SMALL_M)


def _mean(values: Tensor, valid: Tensor) -> Tensor:
    """Mean over the valid frames of values (B, F, N): (B, N)."""
    weights = valid[..., None].to(values.dtype)
    return (values * weights).sum(1) / weights.sum(1)
