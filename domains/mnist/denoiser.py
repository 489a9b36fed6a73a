"""A denoiser of digits and what belongs to it: its chain, its sampler, its range of grey values."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dataset.mnist import DIGITS, Digits, concatenated, digits_from_unit
from diffusion.noise import ItemNoise
from diffusion.process import Diffusion, subsequence
from diffusion.samplers import ddim, ddpm
from diffusion.schedules import mnist_betas
from domains.mnist.presets import MnistPreset, MnistProtocol
from loop.progress import track
from loop.rng import Stream, item_seeds
from loop.rundir.partial_results import PartialResults
from model.compiled import Guided, frozen
from model.context_unet import SIDE, ContextUNet, ContextUNetConfig
from model.seeding import seeded

SAMPLE_BATCH, DEVICE_BATCH = 40, 1000
"""Images drawn together on a CPU, where maps of more images leave the caches, and elsewhere. The
last batch is filled up, so that a sample does not depend on how many are drawn."""
CHANNELS_LAST_FROM = 64
"""Width from which channels are kept last in memory: matrix units want it, narrow maps are slower
for it (`benchmarks/mnist_ddpm.py`)."""


@dataclass(frozen=True)
class DigitDenoiser:
    """A class-conditional diffusion model of digits.

    Attributes:
        network: predicts the noise, or the velocity.
        chain: the T + 1 noising steps, of which training and sampling walk 1 to T (published).
        guidance: scale s = 1 + w of u + s (c - u).
        ddim_steps: of the implicit sampler; None walks the whole chain with noise.
        signed: pixels span [-1, 1] and estimates are clamped to it, else [0, 1], unclamped.
        half: the network runs in bfloat16.
        compiled: it is compiled anew, weights and all, for every draw.
        device: where the network is.
    """

    network: ContextUNet
    chain: Diffusion
    guidance: float
    ddim_steps: int | None
    signed: bool
    half: bool
    compiled: bool
    device: torch.device

    def draw(
        self, count: int, stream: Stream, scratch: Path | None = None, *, first: int = 0
    ) -> Digits:
        """Draw digits `first` to `count` - 1 of an endless row, labels cycling 0 to 9 (published).

        Digit i depends on the weights, the stream and i alone. Batches that `scratch` holds from an
        interrupted call are not drawn again.
        """
        size = SAMPLE_BATCH if self.device.type == "cpu" else DEVICE_BATCH
        filled = -(-count // size) * size
        begin = first // size * size
        labels, seeds = np.arange(filled) % DIGITS, item_seeds(stream, filled)
        finished = PartialResults(scratch, f"draw_{size}")
        guided = self._guided()
        starts = range(begin, filled, size)
        for start in track([s for s in starts if s not in finished], "draw", total=len(starts)):
            chosen = slice(start, start + size)
            pixels = self.to_unit(self._draw_batch(guided, labels[chosen], seeds[chosen]))
            drawn = digits_from_unit(pixels, labels[chosen])
            finished[start] = {"images": drawn.images, "labels": drawn.labels}
        parts = [Digits(finished[start]["images"], finished[start]["labels"]) for start in starts]
        return concatenated(parts).take(slice(first - begin, count - begin))

    def _guided(self) -> Guided:
        self.network.eval()
        return frozen(deepcopy(self.network)) if self.compiled else self.network.guided

    def _draw_batch(self, guided: Guided, digits: np.ndarray, seeds: list[int]) -> Tensor:
        labels = torch.as_tensor(digits, device=self.device)

        def denoise(x: Tensor, t: Tensor) -> Tensor:
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
                return guided(x, t, labels, self.guidance).float()

        noise, shape = ItemNoise(seeds, self.device), (len(seeds), 1, SIDE, SIDE)
        if self.ddim_steps is None:
            return ddpm(self.chain, denoise, noise, shape, clip_denoised=self.signed, last=1)
        walked = subsequence(self.chain, range(1, self.chain.steps))
        return ddim(walked, denoise, noise, shape, self.ddim_steps, clip_denoised=self.signed)

    def from_images(self, images: np.ndarray) -> Tensor:
        """Scale (B, 28, 28) uint8 to (B, 1, 28, 28) float32 in the model's range."""
        unit = torch.from_numpy(images).to(self.device, torch.float32)[:, None] / 255
        return 2 * unit - 1 if self.signed else unit

    def to_unit(self, x: Tensor) -> np.ndarray:
        """Scale (B, 1, 28, 28) of the model to (B, 28, 28) grey values, black 0, white 1."""
        grey = x[:, 0].cpu().numpy()
        return (grey + 1) / 2 if self.signed else grey


def new_denoiser(
    preset: MnistPreset,
    protocol: MnistProtocol,
    seed: int,
    device: torch.device,
    *,
    half: bool = False,
    compiled: bool = False,
) -> DigitDenoiser:
    """Build an untrained denoiser; `seed` fixes its weights."""
    steps = preset.diffusion_steps
    config = ContextUNetConfig(
        steps=steps,
        n_feat=preset.n_feat,
        patch=preset.patch,
        normalisation=protocol.normalisation,
        negative_keep_mask=protocol.negative_keep_mask,
    )
    wide = preset.n_feat >= CHANNELS_LAST_FROM
    order = torch.channels_last if wide else torch.contiguous_format
    network = seeded(lambda: ContextUNet(config), seed).to(device)
    network.to(memory_format=order)  # type: ignore[call-overload]
    return DigitDenoiser(
        network=network,
        chain=Diffusion(
            mnist_betas(steps), "eps" if protocol.predicts_noise else "v", variance="large"
        ),
        guidance=1 + preset.guidance_weight,
        ddim_steps=None if protocol.ancestral else preset.ddim_steps,
        signed=protocol.signed_data,
        half=half,
        compiled=compiled,
        device=device,
    )
