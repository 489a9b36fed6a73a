"""Samplers: the ancestral one (DDPM) and the implicit one (DDIM), on full or respaced chains."""

from __future__ import annotations

import torch
from torch import Tensor

from diffusion.noise import NoiseSource
from diffusion.process import Denoise, Diffusion, respace


@torch.no_grad()
def ddpm(
    diffusion: Diffusion,
    denoise: Denoise,
    noise_source: NoiseSource,
    shape: tuple[int, ...],
    *,
    clip_denoised: bool = False,
    last: int = 0,
) -> Tensor:
    """Ancestral sampling (DDPM, arXiv 2006.11239, algorithm 2), one network call a step.

    Args:
        diffusion: the chain, full or from `respace`.
        denoise: the network.
        noise_source: called once for x_T and once a step but the last.
        shape: (B, ...) of the samples.
        clip_denoised: clamp the estimate of the clean data to [-1, 1] (images; off for motion).
        last: index of the last step taken, which adds no noise (the published MNIST sampler stops
            at 1 and so leaves the noise of beta_0 in).

    Returns:
        (B, ...) samples, on the device of the noise.
    """
    x = noise_source(shape)
    for step in reversed(range(last, diffusion.steps)):
        t = torch.full((len(x),), step, device=x.device)
        mean, _ = diffusion.posterior(_clean(diffusion, denoise, x, t, clip_denoised), x, t)
        x = mean
        if step > last:
            x = mean + diffusion.table("sigma", t, x) * noise_source(shape)
    return x


@torch.no_grad()
def ddim(
    diffusion: Diffusion,
    denoise: Denoise,
    noise_source: NoiseSource,
    shape: tuple[int, ...],
    steps: int | str | None = None,
    eta: float = 0.0,
    *,
    clip_denoised: bool = False,
) -> Tensor:
    """Implicit sampling (DDIM, Song et al., arXiv 2010.02502, eq. 12 and 16).

    Args:
        diffusion: the chain that the network was trained on (or a respaced one).
        denoise: the network.
        noise_source: called once for x_T and, where eta > 0, once a step but the last.
        shape: (B, ...) of the samples.
        steps: respace the chain to these first (see `respace`); all of them if left out.
        eta: 0 is deterministic given x_T, 1 has the variance of the ancestral sampler.
        clip_denoised: clamp the estimate of the clean data to [-1, 1] (images; off for motion).

    Returns:
        (B, ...) samples, on the device of the noise.
    """
    chain = diffusion if steps is None else respace(diffusion, steps)
    x = noise_source(shape)
    for step in reversed(range(chain.steps)):
        t = torch.full((len(x),), step, device=x.device)
        x0 = _clean(chain, denoise, x, t, clip_denoised)
        previous = chain.table("alpha_bar_previous", t, x)
        variance = eta**2 * chain.table("posterior_variance", t, x)
        # 1 - abar_prev - sigma^2 is zero at step 0 and can round below it.
        direction = (1 - previous - variance).clamp(min=0).sqrt()
        x = previous.sqrt() * x0 + direction * chain.eps_from_x0(x, t, x0)
        if eta > 0 and step > 0:
            x = x + variance.sqrt() * noise_source(shape)
    return x


def _clean(
    diffusion: Diffusion, denoise: Denoise, x: Tensor, t: Tensor, clip_denoised: bool
) -> Tensor:
    x0 = diffusion.predict_x0(denoise, x, t)
    return x0.clamp(-1, 1) if clip_denoised else x0
