"""An MDM denoiser and what belongs to it: its chain, its text encoder, its normalisation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dataset.humanml3d import MOTION_DIM
from diffusion import SamplerName
from diffusion.guidance import guided
from diffusion.noise import ItemNoise
from diffusion.process import Diffusion
from diffusion.samplers import Sampling
from diffusion.schedules import cosine_betas, linear_betas
from domains.motion.presets import MotionPreset, Protocol
from loop.progress import track
from loop.rng import Stream, item_seeds
from loop.rundir.partial_results import PartialResults
from model.checkpoint import load_state
from model.ema import EMA
from model.mdm import MDM, MDMConfig
from model.mdm_decoder import MDMDecoder
from model.seeding import seeded
from model.text_encoder import TextEncoder

UNIT = 4
"""Motion lengths are multiples of four frames (HumanML3D loader)."""
SAMPLE_BATCH = 64


@dataclass(frozen=True)
class Denoiser:
    """A text-to-motion diffusion model.

    Attributes:
        network: live weights, those that the optimiser moves.
        ema: their moving average, with which motions are drawn; None draws with the live weights.
        diffusion: the noising chain.
        encoder: frozen text encoder.
        mean, std: (263,) statistics of the training data.
        max_frames: longest motion, at 20 fps.
        guidance: classifier-free guidance scale.
        device: where the network is.
        words: a decoder network reads a vector a word, not one a text.
        sampling: by which sampler motions are drawn, and in how many steps.
    """

    network: MDM | MDMDecoder
    ema: EMA | None
    diffusion: Diffusion
    encoder: TextEncoder
    mean: np.ndarray
    std: np.ndarray
    max_frames: int
    guidance: float
    device: torch.device
    words: bool = False
    sampling: Sampling = field(default_factory=Sampling)

    def sample(
        self,
        captions: Sequence[str],
        frames: Sequence[int],
        stream: Stream,
        description: str,
        scratch: Path | None = None,
        unit: int = UNIT,
    ) -> list[np.ndarray]:
        """Draw one motion a caption: (F_i, 263) float32 at 20 fps, not normalised.

        F_i is `frames[i]` brought down to a multiple of `unit` that the network can draw. A motion
        depends on its caption, its length and its place in the list, not on its batch (up to
        rounding). Finished batches are kept in `scratch` for a repeated call.
        """
        lengths = [min(count, self.max_frames) // unit * unit for count in frames]
        seeds = item_seeds(stream, len(captions))
        order = sorted(range(len(captions)), key=lengths.__getitem__)  # batches need little padding
        motions: dict[int, np.ndarray] = {}
        done = PartialResults(scratch, f"{description}_by_length")
        with self._averaged_weights():
            for start in track(range(0, len(captions), SAMPLE_BATCH), description):
                chosen = order[start : start + SAMPLE_BATCH]
                if start not in done:
                    drawn = self._sample_batch(
                        [captions[i] for i in chosen],
                        [lengths[i] for i in chosen],
                        [seeds[i] for i in chosen],
                    )
                    done[start] = {f"{row:03d}": motion for row, motion in enumerate(drawn)}
                motions |= zip(chosen, done[start].values(), strict=True)
        return [motions[i] for i in range(len(captions))]

    def with_sampling(self, sampler: SamplerName | None, steps: int | None) -> Denoiser:
        """Return the same model drawn from in another way; None leaves what it has.

        Another sampler takes `steps`, or the whole chain.

        Raises:
            InvalidOptionError: fewer than one step, or more than the chain has.
        """
        kept = steps is None and sampler in (None, self.sampling.sampler)
        sampling = self.sampling if kept else Sampling(sampler or self.sampling.sampler, steps)
        sampling.chain(self.diffusion)
        return replace(self, sampling=sampling)

    def adopt(self, weights: Mapping[str, Tensor]) -> None:
        """Take weights as the live ones and as their average, which then counts no update.

        Raises:
            RunStateError: they are of a network of other sizes.
        """
        load_state(self.network, weights)
        if self.ema is not None:
            average = self.ema.state_dict()["average"]
            own = {name: weights[name].to(self.device) for name in average}
            self.ema.load_state_dict({"updates": 0, "average": own})

    def _sample_batch(
        self, captions: Sequence[str], lengths: Sequence[int], seeds: Sequence[int]
    ) -> list[np.ndarray]:
        condition = (
            *(part.to(self.device) for part in self._encoded(captions)),
            torch.as_tensor(lengths, device=self.device),
        )
        # A network that sees the padding (published) draws other motions with less of it.
        longest = max(lengths) if self.network.config.mask_padding else self.max_frames
        shape = (len(captions), longest, MOTION_DIM)
        denoise = guided(self.network, condition, self.guidance)
        noise = ItemNoise(seeds, self.device)
        drawn = self.sampling.draw(self.diffusion, denoise, noise, shape)
        vectors = drawn.cpu().numpy() * self.std + self.mean
        return [motion[:length] for motion, length in zip(vectors, lengths, strict=True)]

    def _encoded(self, captions: Sequence[str]) -> tuple[Tensor, ...]:
        """Encode captions as the network reads them: one vector, or one a word and their number."""
        if isinstance(self.network, MDM):
            return (self.encoder.encode(captions),)
        if self.words:
            return self.encoder.encode_tokens(captions)
        return self.encoder.encode(captions)[:, None], torch.ones(len(captions), dtype=torch.int64)

    @contextmanager
    def _averaged_weights(self) -> Iterator[None]:
        self.network.eval()
        if self.ema is None:
            yield
        else:
            with self.ema.applied_to(self.network):
                yield


def new_denoiser(
    preset: MotionPreset,
    protocol: Protocol,
    encoder: TextEncoder,
    statistics: tuple[np.ndarray, np.ndarray],
    seed: int,
    device: torch.device,
) -> Denoiser:
    """Build an untrained denoiser; `seed` fixes its weights, `statistics`: mean, std (263,)."""
    config = MDMConfig(
        features=MOTION_DIM,
        text_dim=encoder.dim,
        latent_dim=preset.latent_dim,
        layers=preset.layers,
        heads=preset.heads,
        ff=preset.ff_size,
        dropout=preset.dropout,
        max_frames=preset.max_frames,
        mask_padding=protocol.mask_padding,
    )
    network = seeded(lambda: MDM(config), seed).to(device)
    return Denoiser(
        network=network,
        ema=None if protocol.ema_decay is None else EMA(network, protocol.ema_decay),
        diffusion=Diffusion(betas(preset), "x0"),
        encoder=encoder,
        mean=statistics[0],
        std=statistics[1],
        max_frames=preset.max_frames,
        guidance=protocol.guidance,
        device=device,
        sampling=sampling_of(protocol, preset),
    )


def sampling_of(protocol: Protocol, preset: MotionPreset) -> Sampling:
    """Return how the loop draws; chains shorter than the protocol's steps are walked as a whole."""
    steps = protocol.sampling_steps
    return Sampling(protocol.sampler, steps and min(steps, preset.diffusion_steps))


def betas(preset: MotionPreset) -> np.ndarray:
    """Return (T,) variances of the noising chain; the linear ones are DDPM's, for any T as in MDM.

    Of T steps they are 1000 / T times those of 1,000 steps, 1e-4 to 0.02.
    """
    steps = preset.diffusion_steps
    if preset.noise_schedule == "cosine":
        return cosine_betas(steps)
    return linear_betas(steps, 1e-4 * 1000 / steps, 0.02 * 1000 / steps)
