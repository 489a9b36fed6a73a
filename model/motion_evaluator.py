"""The text-motion matching evaluator: motions and captions to points that lie close where they fit.

Architecture of Guo et al. (CVPR 2022, "Generating Diverse and Natural 3D Human Motions from Text"):
strided convolutions shorten a motion four times, a bidirectional GRU reads the result; another one
reads the tokens of the caption. Two differences:
- Token vectors are the hidden states of the frozen sentence encoder. The published ones (GloVe and
  a part-of-speech code) are a separate download.
- Padding is hidden at every layer and sequences are packed, so that an embedding does not depend on
  the batch that it was computed in.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

STRIDE = 4
"""Frames a movement token: two convolutions of stride two."""
CONTACTS = 4
"""Foot contacts at the end of a frame; the evaluator does not see them (published)."""


@dataclass(frozen=True)
class EvaluatorConfig:
    """Sizes of the evaluator; presets live in `domains.motion.evaluator.train`.

    Attributes:
        features: numbers a frame, with the contacts.
        token_dim: width of a token vector of a caption.
        movement: width of the convolutions.
        motion_hidden: width of the motion GRU.
        text_hidden: width of the text GRU.
        embedding: width of the motion embedding.
        told: numbers that the text embedding has beyond that.
        dropout: after each convolution, in training.
    """

    features: int
    token_dim: int
    movement: int
    motion_hidden: int
    text_hidden: int
    embedding: int
    dropout: float
    told: int = 0


class MotionEvaluator(nn.Module):
    """Both encoders. Build it through `model.seeding.seeded`."""

    def __init__(self, config: EvaluatorConfig) -> None:
        super().__init__()
        self.config = config
        self.movement = _MovementEncoder(config)
        self.motion = _SequenceEncoder(config.movement, config.motion_hidden, config.embedding)
        width = config.embedding + config.told
        self.text = _SequenceEncoder(config.token_dim, config.text_hidden, width)

    def embed_motions(self, motions: Tensor, lengths: Tensor) -> Tensor:
        """Embed motions (B, F, features), normalised, of lengths (B,) int64 >= 4: (B, embedding).

        Frames beyond the last multiple of four are not seen.
        """
        tokens, token_lengths = self.movement(motions, lengths)
        return self.motion(tokens, token_lengths)

    def embed_texts(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Embed token vectors (B, L, token_dim), lengths (B,) int64 >= 1: (B, embedding + told)."""
        return self.text(tokens, lengths)

    @torch.no_grad()
    def rescale(self, factor: float) -> None:
        """Multiply both embeddings by a factor, but for what texts tell beyond the motion's."""
        for encoder in (self.motion, self.text):
            last = encoder.head[-1]
            assert isinstance(last, nn.Linear)
            last.weight[: self.config.embedding] *= factor
            last.bias[: self.config.embedding] *= factor


class _MovementEncoder(nn.Module):
    """Two convolutions (kernel 4, stride 2, padding 1) and a linear layer."""

    def __init__(self, config: EvaluatorConfig) -> None:
        super().__init__()
        width = config.movement
        self.first = nn.Conv1d(config.features - CONTACTS, width, 4, stride=2, padding=1)
        self.second = nn.Conv1d(width, width, 4, stride=2, padding=1)
        self.out = nn.Linear(width, width)
        self.dropout = nn.Dropout(config.dropout)
        self.activation = nn.LeakyReLU(0.2)

    def forward(self, motions: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, F, features) and lengths (B,) to (B, F // 4, movement) and (B,).

        Zeros stand after the end of each motion at every layer, as the padding of the convolutions
        would put them there were the motion alone.
        """
        count = lengths // STRIDE
        frames = motions.shape[1] // STRIDE * STRIDE
        x = _cut(motions[:, :frames, :-CONTACTS], STRIDE * count).transpose(1, 2)
        x = self.activation(self.dropout(self.first(x))).transpose(1, 2)
        x = _cut(x, STRIDE // 2 * count).transpose(1, 2)
        x = self.activation(self.dropout(self.second(x))).transpose(1, 2)
        return self.out(x), count


class _SequenceEncoder(nn.Module):
    """Linear layer, bidirectional GRU with learned initial state, two-layer head."""

    def __init__(self, features: int, hidden: int, embedding: int) -> None:
        super().__init__()
        self.inward = nn.Linear(features, hidden)
        self.gru = nn.GRU(hidden, hidden, batch_first=True, bidirectional=True)
        self.initial = nn.Parameter(torch.randn(2, 1, hidden))
        self.head = nn.Sequential(
            nn.Linear(2 * hidden, hidden),
            nn.LayerNorm(hidden),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden, embedding),
        )

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Map (B, L, features) and lengths (B,) to (B, embedding)."""
        packed = pack_padded_sequence(
            self.inward(x), lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        initial = self.initial.expand(-1, len(x), -1).contiguous()
        _, last = self.gru(packed, initial)
        return self.head(torch.cat([last[0], last[1]], dim=1))


def _cut(x: Tensor, lengths: Tensor) -> Tensor:
    """Return `x` (B, L, D) with zeros from `lengths` (B,) on."""
    index = torch.arange(x.shape[1], device=x.device)
    return x.masked_fill((index >= lengths[:, None])[..., None], 0.0)
