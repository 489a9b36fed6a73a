"""A published MDM checkpoint as a denoiser of this project."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from diffusion.process import Diffusion
from diffusion.schedules import cosine_betas
from domains.motion.denoiser import Denoiser
from domains.motion.presets import SAMPLE_GUIDANCE, check_guidance
from loop.errors import InvalidOptionError
from model.cached_text_encoder import CachedTextEncoder
from model.clip_encoder import text_encoder_named
from model.published import MAX_FRAMES, load_published_mdm


def published_denoiser(
    path: Path | str,
    statistics: tuple[np.ndarray, np.ndarray],
    device: torch.device,
    guidance: float = SAMPLE_GUIDANCE,
    text_encoder: Path | str | None = None,
) -> Denoiser:
    """Load the denoiser in `model000475000.pt`.

    Args:
        path: checkpoint, with args.json beside it.
        statistics: mean and std (263,) of the full HumanML3D, on which it was trained.
        device: where the networks run.
        guidance: classifier-free guidance scale.
        text_encoder: folder or hub name of its text encoder, if not under the published hub name.

    Raises:
        MissingAssetError, CorruptFileError: a file is missing or damaged.
        InvalidOptionError: the checkpoint is of a kind that is not supported, was trained without
            hidden texts and shall be guided, or the text encoder is not its own.
        RunStateError: checkpoint and args.json do not fit together.
    """
    published = load_published_mdm(path, device)
    check_guidance(guidance, float(published.unconditional), Path(path))
    encoder = text_encoder_named(published.text_encoder, device, text_encoder)
    if encoder.dim != published.network.config.text_dim:
        raise InvalidOptionError(
            "the text encoder is not the one of this checkpoint",
            path=path,
            found=f"{encoder.name}, {encoder.dim} dimensions",
            expected=f"{published.text_encoder}, {published.network.config.text_dim} dimensions",
        )
    return Denoiser(
        network=published.network,
        ema=None,
        diffusion=Diffusion(
            cosine_betas(published.diffusion_steps), "x0", variance=published.variance
        ),
        encoder=CachedTextEncoder(encoder),
        mean=statistics[0],
        std=statistics[1],
        max_frames=MAX_FRAMES,
        guidance=guidance,
        device=device,
        words=published.text_encoder == "distilbert",
    )
