"""MDM as a transformer decoder: frames attend to the words of the caption, one by one.

The newer published checkpoints are of this kind (`arch trans_dec`, 50 steps, DistilBERT). The
timestep's code is added to every word. Modules carry the names of published checkpoints.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from model.mdm import InputProcess, MDMConfig, OutputProcess, Positions, TimestepEmbedder


class MDMDecoder(nn.Module):
    """Text-conditioned motion denoiser with cross-attention; see `MDMConfig` for its sizes."""

    def __init__(self, config: MDMConfig) -> None:
        super().__init__()
        self.config = config
        dim = config.latent_dim
        self.input_process = InputProcess(config.features, dim)
        self.sequence_pos_encoder = Positions(dim, config.dropout)
        layer = nn.TransformerDecoderLayer(
            dim, config.heads, config.ff, config.dropout, "gelu", batch_first=True
        )
        self.seqTransDecoder = nn.TransformerDecoder(layer, config.layers)
        self.embed_timestep = TimestepEmbedder(dim)
        self.embed_text = nn.Linear(config.text_dim, dim)
        self.output_process = OutputProcess(dim, config.features)

    def forward(
        self,
        x: Tensor,
        t: Tensor,
        words: Tensor,
        word_counts: Tensor,
        lengths: Tensor,
        text_dropped: Tensor | None = None,
    ) -> Tensor:
        """Predict the clean motion.

        Args:
            x: (B, F, features) noisy normalised frames, padded to F.
            t: (B,) int64 timesteps, 0 = least noise.
            words: (B, L, text_dim) token vectors of the captions, padded to L.
            word_counts: (B,) int64 tokens of each caption.
            lengths: (B,) int64 valid frames; read only where the config masks padding.
            text_dropped: (B,) bool, true where the words are replaced by zeros (unconditional).

        Returns:
            (B, F, features).
        """
        if text_dropped is not None:
            words = words.masked_fill(text_dropped[:, None, None], 0.0)
        time = self.embed_timestep(self.sequence_pos_encoder.pe[t])
        decoded = self.seqTransDecoder(
            self.sequence_pos_encoder(self.input_process(x)),
            self.embed_text(words) + time[:, None],
            tgt_key_padding_mask=_beyond(lengths, x.shape[1]) if self.config.mask_padding else None,
            memory_key_padding_mask=_beyond(word_counts, words.shape[1]),
        )
        return self.output_process(decoded)


def _beyond(lengths: Tensor, size: int) -> Tensor:
    """Mark what lies after each length, where nothing attends: (B, size) bool."""
    return torch.arange(size, device=lengths.device) >= lengths[:, None]
