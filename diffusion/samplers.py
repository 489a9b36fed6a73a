"""Samplers: ancestral (DDPM), implicit (DDIM), second-order (DPM-Solver++), of all steps or some.

`diffusers` has the same three and is what they are tested against; importing it costs a command two
seconds and 150 MB, for some thirty lines.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from diffusion import SamplerName, check_steps
from diffusion.noise import NoiseSource
from diffusion.process import Denoise, Diffusion, respace, subsequence

LEAST_LOG_SNR = -6.0
"""Data of unit variance are then 1 / 20 of the noise's deviation."""


@dataclass(frozen=True)
class Sampling:
    """How samples are drawn.

    Attributes:
        sampler: ddpm is ancestral, with noise in every step (published); ddim and dpmpp follow the
            probability flow from their first noise on, so that they need fewer steps.
        steps: calls of the network, at most the length T of the chain; None walks all of it.
    """

    sampler: SamplerName = "ddpm"
    steps: int | None = None

    def chain(self, diffusion: Diffusion) -> Diffusion:
        """Return the steps of `diffusion` that are walked.

        ddpm and ddim spread them evenly over the chain (`respace`, published), dpmpp over its
        log SNR (`even_in_log_snr`).

        Raises:
            InvalidOptionError: fewer than one step, or more than the chain has.
        """
        if self.steps is None:
            return diffusion
        check_steps(self.steps, diffusion.steps)
        spread = even_in_log_snr if self.sampler == "dpmpp" else respace
        return spread(diffusion, self.steps)

    def draw(
        self,
        diffusion: Diffusion,
        denoise: Denoise,
        noise_source: NoiseSource,
        shape: tuple[int, ...],
    ) -> Tensor:
        """Draw (B, ...) samples; arguments as of `ddpm`."""
        sampler = {"ddpm": ddpm, "ddim": ddim, "dpmpp": dpmpp}[self.sampler]
        return sampler(self.chain(diffusion), denoise, noise_source, shape)


def even_in_log_snr(diffusion: Diffusion, steps: int) -> Diffusion:
    """Make a chain of `steps` steps of `diffusion`, its last one and others evenly in log SNR.

    What a sampler loses of the spread of the data it loses where a step is wide in log SNR: evenly
    in time, the steps next to the data are (results/samplers). At most LEAST_LOG_SNR, since all
    before it is noise.

    Args:
        diffusion: the full chain.
        steps: from 1 to as many as it has.
    """
    log_snr = np.log(diffusion.alpha_bars / (1 - diffusion.alpha_bars))  # falls with the index
    last = diffusion.steps - 1
    wanted = np.linspace(log_snr[0], max(log_snr[-1], LEAST_LOG_SNR), max(steps - 1, 1))
    near = np.append(np.interp(-wanted, -log_snr, np.arange(last + 1)).round(), last)[-steps:]
    order = np.arange(steps)  # where the chain is coarse, some would be taken twice
    rising = np.maximum.accumulate(near - order) + order
    kept = np.minimum(rising, last + 1 - steps + order).astype(int)
    return subsequence(diffusion, kept.tolist())


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
    """Draw by ancestral sampling (DDPM, arXiv 2006.11239, algorithm 2), one network call a step.

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
    """Draw by implicit sampling (DDIM, Song et al., arXiv 2010.02502, eq. 12 and 16).

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


@torch.no_grad()
def dpmpp(
    diffusion: Diffusion,
    denoise: Denoise,
    noise_source: NoiseSource,
    shape: tuple[int, ...],
    *,
    clip_denoised: bool = False,
) -> Tensor:
    """Draw by DPM-Solver++(2M), a two-step method (Lu et al., arXiv 2211.01095, algorithm 2).

    It follows the probability flow in log SNR; the first and last step are of first order (DDIM's).

    Args:
        diffusion: the chain, full or from `subsequence`.
        denoise: the network.
        noise_source: called once, for x_T.
        shape: (B, ...) of the samples.
        clip_denoised: clamp the estimate of the clean data to [-1, 1] (images; off for motion).

    Returns:
        (B, ...) samples, on the device of the noise.
    """
    signal, noise = np.sqrt(diffusion.alpha_bars), np.sqrt(1 - diffusion.alpha_bars)
    half_log_snr = np.log(signal / noise)

    def clean(x: Tensor, step: int) -> Tensor:
        t = torch.full((len(x),), step, device=x.device)
        return _clean(diffusion, denoise, x, t, clip_denoised)

    x, before = noise_source(shape), None
    for step in reversed(range(1, diffusion.steps)):
        x0 = towards = clean(x, step)
        width = half_log_snr[step - 1] - half_log_snr[step]
        if before is not None:
            ratio = width / (half_log_snr[step] - half_log_snr[step + 1])
            towards = x0 + float(0.5 * ratio) * (x0 - before)
        gain = float(-signal[step - 1] * np.expm1(-width))
        x = float(noise[step - 1] / noise[step]) * x + gain * towards
        before = x0
    return clean(x, 0)  # the limit of a step to no noise at all


def _clean(
    diffusion: Diffusion, denoise: Denoise, x: Tensor, t: Tensor, clip_denoised: bool
) -> Tensor:
    x0 = diffusion.predict_x0(denoise, x, t)
    return x0.clamp(-1, 1) if clip_denoised else x0
