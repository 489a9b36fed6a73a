"""The published MNIST model written plainly with torch's own parts, to measure and test against.

float32, contiguous images, eager; guidance on a doubled batch; one Python step a diffusion step.
Written from the description of the protocol (layers, sizes, formulas), not from the library's code.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class Conv(nn.Module):
    """Two blocks of convolution, batch normalisation, GELU; the residual one sums, over 1.414."""

    def __init__(self, inward: int, outward: int, residual: bool = False) -> None:
        super().__init__()
        self.residual = residual
        self.a = nn.Sequential(
            nn.Conv2d(inward, outward, 3, 1, 1), nn.BatchNorm2d(outward), nn.GELU()
        )
        self.b = nn.Sequential(
            nn.Conv2d(outward, outward, 3, 1, 1), nn.BatchNorm2d(outward), nn.GELU()
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map features (B, inward, H, W) to (B, outward, H, W)."""
        first = self.a(x)
        second = self.b(first)
        return (first + second) / 1.414 if self.residual else second


class PlainUNet(nn.Module):
    """The published network; `mask` is 1 where the class is hidden, and a kept one enters as -1."""

    def __init__(self, n: int = 128) -> None:
        super().__init__()
        self.init = Conv(1, n, residual=True)
        self.down1, self.down2 = Conv(n, n), Conv(n, 2 * n)
        self.pool = nn.MaxPool2d(2)
        self.to_vec = nn.Sequential(nn.AvgPool2d(7), nn.GELU())
        self.time1, self.time2 = self._mlp(1, 2 * n), self._mlp(1, n)
        self.class1, self.class2 = self._mlp(10, 2 * n), self._mlp(10, n)
        self.up0 = nn.Sequential(
            nn.ConvTranspose2d(2 * n, 2 * n, 7, 7), nn.GroupNorm(8, 2 * n), nn.ReLU()
        )
        self.up1 = nn.Sequential(nn.ConvTranspose2d(4 * n, n, 2, 2), Conv(n, n), Conv(n, n))
        self.up2 = nn.Sequential(nn.ConvTranspose2d(2 * n, n, 2, 2), Conv(n, n), Conv(n, n))
        self.out = nn.Sequential(
            nn.Conv2d(2 * n, n, 3, 1, 1), nn.GroupNorm(8, n), nn.ReLU(), nn.Conv2d(n, 1, 3, 1, 1)
        )

    @staticmethod
    def _mlp(inward: int, width: int) -> nn.Sequential:
        return nn.Sequential(nn.Linear(inward, width), nn.GELU(), nn.Linear(width, width))

    def forward(self, x: Tensor, labels: Tensor, t: Tensor, mask: Tensor) -> Tensor:
        """Predict the noise in x (B, 1, 28, 28); t (B, 1) is the timestep over T."""
        x = self.init(x)
        down1 = self.pool(self.down1(x))
        down2 = self.pool(self.down2(down1))
        one_hot = nn.functional.one_hot(labels, 10).float() * -(1 - mask)[:, None]
        up = self.up0(self.to_vec(down2))
        up = self.class1(one_hot)[..., None, None] * up + self.time1(t)[..., None, None]
        up = self.up1(torch.cat([up, down2], 1))
        up = self.class2(one_hot)[..., None, None] * up + self.time2(t)[..., None, None]
        up = self.up2(torch.cat([up, down1], 1))
        return self.out(torch.cat([up, x], 1))


class PlainDDPM:
    """Training loss and ancestral sampling of the published model."""

    def __init__(self, network: nn.Module, steps: int = 400) -> None:
        self.network, self.steps = network, steps
        self.beta = 1e-4 + (0.02 - 1e-4) * torch.arange(steps + 1) / steps
        self.alpha_bar = torch.cumsum(torch.log(1 - self.beta), 0).exp()

    def loss(self, x: Tensor, labels: Tensor) -> Tensor:
        """Return the mean squared error of the noise; x (B, 1, 28, 28) in [0, 1]."""
        t = torch.randint(1, self.steps + 1, (len(x),))
        noise = torch.randn_like(x)
        level = self.alpha_bar[t].reshape(-1, 1, 1, 1)
        mask = torch.bernoulli(torch.full((len(x),), 0.1))
        noisy = level.sqrt() * x + (1 - level).sqrt() * noise
        return nn.functional.mse_loss(
            noise, self.network(noisy, labels, t[:, None] / self.steps, mask)
        )

    @torch.no_grad()
    def step(self, x: Tensor, labels: Tensor, t: int, w: float, z: Tensor | None) -> Tensor:
        """Take a step of ancestral sampling at timestep `t` with noise `z`, none at the last."""
        mask = torch.cat([torch.zeros(len(x)), torch.ones(len(x))])
        time = torch.full((2 * len(x), 1), t / self.steps)
        both = self.network(x.repeat(2, 1, 1, 1), labels.repeat(2), time, mask)
        kept, hidden = both[: len(x)], both[len(x) :]
        noise = (1 + w) * kept - w * hidden
        beta, left = self.beta[t].item(), 1 - self.alpha_bar[t].item()
        mean = (x - noise * beta / math.sqrt(left)) / math.sqrt(1 - beta)
        return mean if z is None else mean + math.sqrt(beta) * z
