"""The class-conditional U-Net of the MNIST experiment, as in Conditional_Diffusion_MNIST.

The published network is `ContextUNetConfig(n_feat=128, normalisation="batch",
negative_keep_mask=True)`. Two things may be cut to size: its width, and the square of pixels that
makes one position. With patches of 2 x 2 the maps are 14 and 7 wide instead of 28, 14 and 7, and a
map is pooled before it is convolved, a quarter of the work.

Time and class enter on the way up only. So the way down, and what the skip connections contribute
to the convolutions they enter, are the same for an image with and without its class: guidance
computes them once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from loop.errors import InvalidOptionError

SIDE = 28
CLASSES = 10
LOWEST = 7
"""Side of the coarsest map, which is pooled to one vector."""
GROUPS = 8
RESIDUAL_SCALE = 1 / 1.414


@dataclass(frozen=True)
class ContextUNetConfig:
    """Sizes and variants of the network.

    Attributes:
        steps: T, by which timesteps are divided.
        n_feat: width; a multiple of 8.
        patch: pixels along the side of one position: 1 (published) or 2.
        normalisation: of the convolution blocks; `batch` is published.
        negative_keep_mask: a kept class enters as -1 times its one-hot vector (published defect).
    """

    steps: int
    n_feat: int = 128
    patch: int = 1
    normalisation: Literal["batch", "group"] = "group"
    negative_keep_mask: bool = False

    def __post_init__(self) -> None:
        if self.n_feat < GROUPS or self.n_feat % GROUPS or self.patch not in (1, 2):
            raise InvalidOptionError(
                "this U-Net cannot be built",
                found=f"n_feat={self.n_feat}, patch={self.patch}",
                expected="n_feat a multiple of 8, patch 1 or 2",
            )


class ContextUNet(nn.Module):
    """Predicts the noise in an image of a digit, given its timestep and, perhaps, its class."""

    def __init__(self, config: ContextUNetConfig) -> None:
        super().__init__()
        self.config = config
        n, pixels, norm = config.n_feat, config.patch**2, config.normalisation
        self.inward = _ResConv(pixels, n, norm, residual=True)
        # Published: 28 -> 14 -> 7. Patches of two start at 14 and have the last of these only.
        downs = [(n, n), (n, 2 * n)][-2 // config.patch :]
        ups = [(4 * n, n), (2 * n, n)][: len(downs)]
        widths = [2 * n, n][: len(downs)]
        self.downs = nn.ModuleList(_ResConv(a, b, norm) for a, b in downs)
        self.expand = nn.Sequential(
            nn.ConvTranspose2d(2 * n, 2 * n, LOWEST, LOWEST), nn.GroupNorm(GROUPS, 2 * n), nn.ReLU()
        )
        self.time = nn.ModuleList(_embedding(1, width) for width in widths)
        self.context = nn.ModuleList(_embedding(CLASSES, width) for width in widths)
        self.enlarge = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, 2) for a, b in ups)
        self.ups = nn.ModuleList(
            nn.Sequential(_ResConv(b, b, norm), _ResConv(b, b, norm)) for _, b in ups
        )
        self.join = nn.Conv2d(2 * n, n, 3, padding=1)
        self.outward = nn.Sequential(
            nn.GroupNorm(GROUPS, n), nn.ReLU(), nn.Conv2d(n, pixels, 3, padding=1)
        )

    def forward(self, x: Tensor, t: Tensor, labels: Tensor, dropped: Tensor) -> Tensor:
        """Predict the noise in `x`.

        Args:
            x: (B, 1, 28, 28) noisy images.
            t: (B,) timesteps, 0 to T.
            labels: (B,) int64 digits.
            dropped: (B,) bool, true where the class is hidden.

        Returns:
            (B, 1, 28, 28).
        """
        return self._up(self._down(x), t, self._class_vectors(labels, dropped, x.dtype))

    def guided(self, x: Tensor, t: Tensor, labels: Tensor, scale: float) -> Tensor:
        """Predict u + scale (c - u), c the noise with, u without the class (`diffusion.guidance`).

        Arguments as in `forward`; the way down is walked once for both answers.
        """
        dropped = torch.arange(2 * len(x), device=x.device) >= len(x)
        context = self._class_vectors(labels.repeat(2), dropped, x.dtype)
        conditional, unconditional = self._up(self._down(x), t.repeat(2), context).chunk(2)
        return torch.lerp(unconditional, conditional, scale)

    def _class_vectors(self, labels: Tensor, dropped: Tensor, dtype: torch.dtype) -> Tensor:
        context = F.one_hot(labels, CLASSES).to(dtype) * (~dropped).to(dtype)[:, None]
        return -context if self.config.negative_keep_mask else context

    def _down(self, x: Tensor) -> list[Tensor]:
        """Compute features (B, n, side, side), finest map first; they depend on the image alone."""
        features = [self.inward(F.pixel_unshuffle(x, self.config.patch))]
        for down in self.downs:
            if self.config.patch == 1:
                features.append(F.max_pool2d(down(features[-1]), 2))
            else:
                features.append(down(F.max_pool2d(features[-1], 2)))
        return features

    def _up(self, features: list[Tensor], t: Tensor, context: Tensor) -> Tensor:
        """Predict noise (k B, 1, 28, 28), k conditions an image; `t`, `context` have k B rows."""
        time = (t.to(context.dtype) / self.config.steps)[:, None]
        skips = list(features)
        h = self.expand(F.gelu(F.avg_pool2d(skips[-1], LOWEST)))
        h = h.repeat(len(t) // len(h), 1, 1, 1)
        steps = zip(self.time, self.context, self.enlarge, self.ups, strict=True)
        for embed_time, embed_context, enlarge, up in steps:
            scale, shift = embed_context(context), embed_time(time)
            h = scale[:, :, None, None] * h + shift[:, :, None, None]
            h = up(_enlarge_both(enlarge, h, skips.pop()))
        h = self.outward(_join_both(self.join, h, skips.pop()))
        return F.pixel_shuffle(h, self.config.patch)


def _join_both(conv: nn.Conv2d, own: Tensor, shared: Tensor) -> Tensor:
    """Apply `conv` to the concatenation of `own` (k B, ...) with k copies of `shared` (B, ...).

    A convolution is linear: what it makes of `shared` is computed once.
    """
    width, pad = own.shape[1], conv.padding
    if len(own) == len(shared):
        return conv(torch.cat([own, shared], 1))
    mine = F.conv2d(own, conv.weight[:, :width], conv.bias, padding=pad)  # type: ignore[arg-type]
    common = F.conv2d(shared, conv.weight[:, width:], padding=pad)  # type: ignore[arg-type]
    return mine + common.repeat(len(own) // len(shared), 1, 1, 1)


def _enlarge_both(conv: nn.Module, own: Tensor, shared: Tensor) -> Tensor:
    """Apply, as `_join_both` does, the transposed convolution that doubles the side of a map."""
    assert isinstance(conv, nn.ConvTranspose2d)
    width = own.shape[1]
    if len(own) == len(shared):
        return conv(torch.cat([own, shared], 1))
    mine = F.conv_transpose2d(own, conv.weight[:width], conv.bias, stride=2)
    common = F.conv_transpose2d(shared, conv.weight[width:], stride=2)
    return mine + common.repeat(len(own) // len(shared), 1, 1, 1)


class _ResConv(nn.Module):
    """Two blocks of (3 x 3 convolution, normalisation, GELU); the residual one sums and scales."""

    def __init__(self, inward: int, outward: int, norm: str, *, residual: bool = False) -> None:
        super().__init__()
        self.residual = residual
        self.first = _block(inward, outward, norm)
        self.second = _block(outward, outward, norm)

    def forward(self, x: Tensor) -> Tensor:
        once = self.first(x)
        twice = self.second(once)
        return (once + twice) * RESIDUAL_SCALE if self.residual else twice


def _block(inward: int, outward: int, norm: str) -> nn.Sequential:
    layer = nn.BatchNorm2d(outward) if norm == "batch" else nn.GroupNorm(GROUPS, outward)
    return nn.Sequential(nn.Conv2d(inward, outward, 3, padding=1), layer, nn.GELU())


def _embedding(inward: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inward, width), nn.GELU(), nn.Linear(width, width))
