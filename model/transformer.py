"""Post-norm transformer encoder layers on fused attention, and sinusoidal positions.

Parameters carry the names of `torch.nn.TransformerEncoderLayer`, so that its state dicts load.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from loop.errors import InvalidOptionError


def sinusoidal_table(positions: int, dim: int) -> Tensor:
    """Return position codes (positions, dim) float32 (Vaswani et al., arXiv 1706.03762, sec. 3.5).

    Even columns are sines, odd ones cosines of pos / 10000^(2 i / dim).
    """
    position = torch.arange(positions, dtype=torch.float64)[:, None]
    frequency = torch.exp(
        torch.arange(0, dim, 2, dtype=torch.float64) * (-math.log(10_000.0) / dim)
    )
    table = torch.empty(positions, dim, dtype=torch.float64)
    table[:, 0::2] = torch.sin(position * frequency)
    table[:, 1::2] = torch.cos(position * frequency)[:, : dim // 2]
    return table.float()


class SelfAttention(nn.Module):
    """Multi-head self-attention through `scaled_dot_product_attention`.

    Args:
        dim: width D of a token.
        heads: number of heads, a divisor of D.
        dropout: of the attention weights; above 0 it keeps the CPU off the fused kernel.

    Raises:
        InvalidOptionError: `heads` does not divide `dim`.
    """

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        if dim % heads:
            raise InvalidOptionError(
                "the number of heads must divide the width", found=f"{heads} heads, width {dim}"
            )
        self.heads = heads
        self.dropout = dropout
        self.in_proj_weight = nn.Parameter(torch.empty(3 * dim, dim))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * dim))
        self.out_proj = nn.Linear(dim, dim)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, x: Tensor, attended: Tensor | None) -> Tensor:
        """Attend within x (B, L, D) to tokens `attended` (B, 1, 1, L) bool: (B, L, D)."""
        batch, length, dim = x.shape
        projected = functional.linear(x, self.in_proj_weight, self.in_proj_bias)
        split = projected.view(batch, length, 3, self.heads, dim // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=attended,
            dropout_p=self.dropout if self.training else 0.0,
        )
        return self.out_proj(mixed.transpose(1, 2).reshape(batch, length, dim))


class EncoderLayer(nn.Module):
    """x = norm(x + attention(x)); x = norm(x + feed-forward(x)), with GELU (post-norm)."""

    def __init__(self, dim: int, heads: int, ff: int, dropout: float) -> None:
        super().__init__()
        self.self_attn = SelfAttention(dim, heads, dropout)
        self.linear1 = nn.Linear(dim, ff)
        self.linear2 = nn.Linear(ff, dim)
        self.norm1 = nn.LayerNorm(dim)
        self.norm2 = nn.LayerNorm(dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, attended: Tensor | None) -> Tensor:
        """Map x (B, L, D); `attended` (B, 1, 1, L) bool or None: (B, L, D)."""
        x = self.norm1(x + self.dropout(self.self_attn(x, attended)))
        hidden = self.dropout(functional.gelu(self.linear1(x)))
        return self.norm2(x + self.dropout(self.linear2(hidden)))


class Encoder(nn.Module):
    """A stack of encoder layers."""

    def __init__(self, layers: int, dim: int, heads: int, ff: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(EncoderLayer(dim, heads, ff, dropout) for _ in range(layers))

    def forward(self, x: Tensor, attended: Tensor | None) -> Tensor:
        """Map x (B, L, D); `attended` (B, 1, 1, L) bool or None: (B, L, D)."""
        for layer in self.layers:
            x = layer(x, attended)
        return x
