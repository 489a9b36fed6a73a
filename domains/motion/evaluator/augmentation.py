"""Generic corruptions of HumanML3D vectors, for an evaluator that has to tell how a motion is made.

They change vectors directly (the doses of `eval.metrics.doses` change joints, which are encoded
anew), each by a random amount, one kind a motion. None is the output of a correction.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from body_models.skeleton import MIRROR
from domains.motion.evaluator.body_statistics import (
    HEIGHT,
    POSITIONS,
    ROOT_STEP,
    ROTATIONS,
    VELOCITIES,
)

SMOOTHING_FRAMES = 9
LARGEST_NOISE = 0.7
"""Deviation of the noise, in standard deviations of each feature."""
LARGEST_SHIFT_M, LARGEST_DRIFT_M = 0.2, 0.05
"""Of the height, up or down; and of the root, a frame."""
LARGEST_SCALE, SLOWEST = 1.4, 0.25

Corrupt = Callable[[Tensor, Tensor, Tensor, torch.Generator], Tensor]


def corrupt(motions: Tensor, lengths: Tensor, std: Tensor, rng: torch.Generator) -> Tensor:
    """Corrupt each motion by one kind and a random amount.

    Args:
        motions: (B, F, 263), not normalised, of which the first `lengths` (B,) frames count.
        std: (263,) deviations of the features, for the noise.
        rng: draws kinds and amounts.

    Returns:
        (B, F, 263); frames beyond the lengths hold anything.
    """
    kinds = torch.randint(len(KINDS), (len(motions),), generator=rng)
    amounts = torch.rand(len(motions), 1, 1, generator=rng)
    result = motions.clone()
    for number, kind in enumerate(KINDS):
        rows = kinds == number
        if rows.any():
            result[rows] = kind(motions[rows], lengths[rows], amounts[rows], rng, std)
    return result


def _noise(
    motions: Tensor, lengths: Tensor, amount: Tensor, rng: torch.Generator, std: Tensor
) -> Tensor:
    # most of the draws are small, because a small fault is the harder one to see
    return motions + LARGEST_NOISE * amount**3 * std * torch.randn(motions.shape, generator=rng)


def _smooth(
    motions: Tensor, lengths: Tensor, amount: Tensor, rng: torch.Generator, std: Tensor
) -> Tensor:
    half = SMOOTHING_FRAMES // 2
    padded = functional.pad(motions.transpose(1, 2), (half, half), mode="replicate")
    smooth = functional.avg_pool1d(padded, SMOOTHING_FRAMES, 1).transpose(1, 2)
    return torch.lerp(motions, smooth, amount)


def _hold(
    motions: Tensor, lengths: Tensor, amount: Tensor, rng: torch.Generator, std: Tensor
) -> Tensor:
    """One frame for a stretch of the clip, without any velocity."""
    share = amount[..., 0, 0]
    held = (share * lengths).long()
    start = (torch.rand(len(motions), generator=rng) * (lengths - held)).long()
    frames = torch.arange(motions.shape[1]).expand(len(motions), -1)
    inside = (frames >= start[:, None]) & (frames < (start + held)[:, None])
    index = torch.where(inside, start[:, None], frames)
    result = motions.gather(1, index[..., None].expand_as(motions))
    moving = torch.zeros(motions.shape[2], dtype=torch.bool)
    moving[0], moving[ROOT_STEP], moving[VELOCITIES] = True, True, True
    return result.masked_fill(inside[..., None] & moving, 0.0)


def _shift(
    motions: Tensor, lengths: Tensor, amount: Tensor, rng: torch.Generator, std: Tensor
) -> Tensor:
    sign = torch.where(torch.rand(amount.shape, generator=rng) < 0.5, -1.0, 1.0)
    result = motions.clone()
    shift = LARGEST_SHIFT_M * sign * amount**2
    result[..., HEIGHT] += shift
    result[..., POSITIONS.start + 1 : POSITIONS.stop : 3] += shift
    return result


def _drift(
    motions: Tensor, lengths: Tensor, amount: Tensor, rng: torch.Generator, std: Tensor
) -> Tensor:
    angle = 2 * torch.pi * torch.rand(amount.shape, generator=rng)
    result = motions.clone()
    for axis, part in ((0, torch.cos(angle)), (2, torch.sin(angle))):
        drift = LARGEST_DRIFT_M * amount**2 * part
        result[..., VELOCITIES.start + axis : VELOCITIES.stop : 3] += drift
        result[..., ROOT_STEP.start + axis // 2 : ROOT_STEP.start + axis // 2 + 1] += drift
    return result


def _scale(
    motions: Tensor, lengths: Tensor, amount: Tensor, rng: torch.Generator, std: Tensor
) -> Tensor:
    """Each joint further from, or nearer to, the axis through the root, by a factor of its own."""
    result = motions.clone()
    low = torch.log(torch.tensor(LARGEST_SCALE)) * amount
    factors = torch.exp(low * (2 * torch.rand(len(motions), 1, 21, generator=rng) - 0.5))
    result[..., POSITIONS] *= factors.repeat_interleave(3, dim=-1)
    return result


def _slow(
    motions: Tensor, lengths: Tensor, amount: Tensor, rng: torch.Generator, std: Tensor
) -> Tensor:
    speed = 1 - (1 - SLOWEST) * amount
    at = speed[..., 0] * torch.arange(motions.shape[1])
    before = at.long()
    after = (before + 1).clamp(max=motions.shape[1] - 1)
    first, second = (
        motions.gather(1, index[..., None].expand_as(motions)) for index in (before, after)
    )
    result = torch.lerp(first, second, (at - before)[..., None])
    result[..., 0:3] *= speed
    result[..., VELOCITIES] *= speed
    return result


def _swap(
    motions: Tensor, lengths: Tensor, amount: Tensor, rng: torch.Generator, std: Tensor
) -> Tensor:
    """Left joints under the names of right ones, and the other way round."""
    joints = torch.tensor(MIRROR)
    below = joints[1:] - 1
    result = motions.clone()
    for part, width, order in (
        (POSITIONS, 3, below),
        (ROTATIONS, 6, below),
        (VELOCITIES, 3, joints),
    ):
        table = motions[..., part].unflatten(-1, (len(order), width))
        result[..., part] = table[..., order, :].flatten(-2)
    return result


KINDS = (_noise, _smooth, _hold, _shift, _drift, _scale, _slow, _swap)
