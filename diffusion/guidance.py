"""Classifier-free guidance (Ho & Salimans, arXiv 2207.12598)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from diffusion.process import Denoise

ConditionalDenoise = Callable[..., Tensor]
"""(x (B, ...), t (B,), *condition (B, ...), dropped (B,) bool) -> prediction (B, ...).

Where `dropped` is true the network answers without its condition. `model.mdm.MDM` is one."""


def guided(predict: ConditionalDenoise, condition: Sequence[Tensor], scale: float) -> Denoise:
    """Return a denoiser: u + scale (c - u), c with and u without the condition.

    Both answers come from one forward pass of twice the batch. Scales 1 (no guidance, as in the
    published loop) and 0 (unconditional) need, and cost, a single pass.

    Args:
        predict: the conditional network.
        condition: its conditions, each (B, ...).
        scale: guidance scale s; the MNIST experiment's weight w is s = 1 + w.
    """
    if scale in (0.0, 1.0):
        return lambda x, t: predict(
            x, t, *condition, torch.full((len(x),), scale == 0.0, device=x.device)
        )
    doubled = [torch.cat([part, part]) for part in condition]

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        dropped = torch.arange(2 * len(x), device=x.device) >= len(x)
        both = predict(torch.cat([x, x]), torch.cat([t, t]), *doubled, dropped)
        conditional, unconditional = both.chunk(2)
        return torch.lerp(unconditional, conditional, scale)

    return denoise
