"""The denoiser of the Human Motion Diffusion Model, MDM (Tevet et al., arXiv 2209.14916).

One condition token (timestep + text) stands before the frames of a motion; a post-norm transformer
encoder reads all of them; each frame token gives a frame back. Modules carry the names of published
checkpoints, so that `published_state` is all that loading one takes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from loop.errors import InvalidOptionError
from model.transformer import Encoder, sinusoidal_table

POSITIONS = 5000
"""Rows of the position table, for frames and for diffusion timesteps alike (published size)."""


@dataclass(frozen=True)
class MDMConfig:
    """Sizes of the denoiser; presets live in `domains.motion.presets`.

    Attributes:
        features: numbers a frame.
        text_dim: width of a text embedding.
        latent_dim: width of a token.
        layers: encoder layers.
        heads: attention heads, a divisor of `latent_dim`.
        ff: hidden width of the feed-forward blocks.
        dropout: after the position codes and inside the encoder layers.
        max_frames: longest motion that is accepted.
        mask_padding: hide padded frames from attention; the published network shows them (False).
    """

    features: int
    text_dim: int
    latent_dim: int
    layers: int
    heads: int
    ff: int
    dropout: float
    max_frames: int
    mask_padding: bool


class MDM(nn.Module):
    """Text-conditioned motion denoiser.

    Weights are drawn from torch's global generator: build it through `model.seeding.seeded`.

    Raises:
        InvalidOptionError: heads do not divide the width, or max_frames is beyond the table.
    """

    def __init__(self, config: MDMConfig) -> None:
        super().__init__()
        if config.max_frames >= POSITIONS:
            raise InvalidOptionError(
                "too many frames", found=config.max_frames, expected=f"below {POSITIONS}"
            )
        self.config = config
        dim = config.latent_dim
        self.input_process = InputProcess(config.features, dim)
        self.sequence_pos_encoder = Positions(dim, config.dropout)
        self.seqTransEncoder = Encoder(config.layers, dim, config.heads, config.ff, config.dropout)
        self.embed_timestep = TimestepEmbedder(dim)
        self.embed_text = nn.Linear(config.text_dim, dim)
        self.output_process = OutputProcess(dim, config.features)

    def forward(
        self,
        x: Tensor,
        t: Tensor,
        text: Tensor,
        lengths: Tensor,
        text_dropped: Tensor | None = None,
    ) -> Tensor:
        """Predict the clean motion.

        Args:
            x: (B, F, features) noisy normalised frames, padded to F.
            t: (B,) int64 timesteps, 0 = least noise.
            text: (B, text_dim) text embeddings.
            lengths: (B,) int64 valid frames; read only where the config masks padding.
            text_dropped: (B,) bool, true where the text is replaced by zeros (unconditional).

        Returns:
            (B, F, features). With `mask_padding`, valid frames do not depend on the padding, and
            padded frames hold nothing of use.

        Raises:
            InvalidOptionError: more than `max_frames` frames.
        """
        frames = x.shape[1]
        if frames > self.config.max_frames:
            raise InvalidOptionError(
                "motion is longer than the network allows",
                found=f"{frames} frames",
                expected=f"at most {self.config.max_frames}",
            )
        if text_dropped is not None:
            text = text.masked_fill(text_dropped[:, None], 0.0)
        condition = self.embed_timestep(self.sequence_pos_encoder.pe[t]) + self.embed_text(text)
        tokens = torch.cat([condition[:, None], self.input_process(x)], dim=1)
        attended = self._attended(lengths, frames) if self.config.mask_padding else None
        encoded = self.seqTransEncoder(self.sequence_pos_encoder(tokens), attended)
        return self.output_process(encoded[:, 1:])

    @staticmethod
    def _attended(lengths: Tensor, frames: int) -> Tensor:
        """Mark the condition token and the valid frames, (B, 1, 1, 1 + F) bool."""
        index = torch.arange(frames + 1, device=lengths.device)
        return (index <= lengths[:, None])[:, None, None, :]


class InputProcess(nn.Module):
    """Frames (B, F, features) to tokens (B, F, dim)."""

    def __init__(self, features: int, dim: int) -> None:
        super().__init__()
        self.poseEmbedding = nn.Linear(features, dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.poseEmbedding(x)


class OutputProcess(nn.Module):
    """Tokens (B, F, dim) to frames (B, F, features)."""

    def __init__(self, dim: int, features: int) -> None:
        super().__init__()
        self.poseFinal = nn.Linear(dim, features)

    def forward(self, x: Tensor) -> Tensor:
        return self.poseFinal(x)


class Positions(nn.Module):
    """Adds the code of its position to each token; timesteps look their code up in `pe`."""

    pe: Tensor

    def __init__(self, dim: int, dropout: float) -> None:
        super().__init__()
        self.register_buffer("pe", sinusoidal_table(POSITIONS, dim), persistent=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.dropout(tokens + self.pe[: tokens.shape[1]])


class TimestepEmbedder(nn.Module):
    """A timestep's position code (B, dim) to its share of the condition (B, dim)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.time_embed = nn.Sequential(nn.Linear(dim, dim), nn.SiLU(), nn.Linear(dim, dim))

    def forward(self, position_code: Tensor) -> Tensor:
        return self.time_embed(position_code)


def published_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Pick what `MDM.load_state_dict` needs of a published MDM checkpoint.

    Such a checkpoint may also hold the frozen CLIP network and copies of the position table, which
    is a formula here; wrappers (DataParallel, torch.compile, averaging) put a prefix before names.
    """
    plain = {
        re.sub(r"^(?:module\.|_orig_mod\.)+", "", name): value for name, value in state.items()
    }
    return {
        name: value
        for name, value in plain.items()
        if not name.startswith("clip_model.")
        and not name.endswith("pos_encoder.pe")
        and name != "n_averaged"
    }
