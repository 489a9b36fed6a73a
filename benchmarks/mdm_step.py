"""One step of the motion denoiser, and of the published one written with torch's own parts.

The plain network is `torch.nn.TransformerEncoder` with dropout .1, AdamW as it comes, and guidance
in two passes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from diffusion.guidance import guided
from diffusion.process import Diffusion
from diffusion.schedules import cosine_betas
from model.mdm import MDM, POSITIONS, MDMConfig
from model.seeding import seeded
from model.transformer import sinusoidal_table

DEMO = MDMConfig(
    features=263,
    text_dim=384,
    latent_dim=128,
    layers=4,
    heads=4,
    ff=256,
    dropout=0.0,
    max_frames=60,
    mask_padding=True,
)
PAPER = replace(DEMO, latent_dim=512, layers=8, ff=1024, max_frames=196)


class PlainMDM(nn.Module):
    """The same network from torch's own parts."""

    def __init__(self, config: MDMConfig) -> None:
        super().__init__()
        dim = config.latent_dim
        self.inward, self.outward = nn.Linear(config.features, dim), nn.Linear(dim, config.features)
        self.time = nn.Sequential(nn.Linear(dim, dim), nn.SiLU(), nn.Linear(dim, dim))
        self.text = nn.Linear(config.text_dim, dim)
        self.positions: Tensor
        self.register_buffer("positions", sinusoidal_table(POSITIONS, dim))
        layer = nn.TransformerEncoderLayer(
            dim, config.heads, config.ff, config.dropout, "gelu", batch_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, config.layers, enable_nested_tensor=False)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, t: Tensor, text: Tensor, lengths: Tensor, dropped: Tensor):
        """Predict the clean motion; arguments as in `MDM.forward`."""
        text = text * ~dropped[:, None]
        token = self.time(self.positions[t]) + self.text(text)
        tokens = torch.cat([token[:, None], self.inward(x)], dim=1)
        padding = torch.arange(tokens.shape[1]) > lengths[:, None]
        tokens = self.dropout(tokens + self.positions[: tokens.shape[1]])
        return self.outward(self.encoder(tokens, src_key_padding_mask=padding)[:, 1:])


@dataclass(frozen=True)
class Data:
    """One batch of the right shapes, lengths between two thirds and all of the frames."""

    x: Tensor
    t: Tensor
    noise: Tensor
    text: Tensor
    lengths: Tensor
    valid: Tensor
    dropped: Tensor

    @classmethod
    def random(cls, config: MDMConfig, batch: int, steps: int) -> Data:
        rng = torch.Generator().manual_seed(0)
        frames = config.max_frames
        lengths = torch.randint(2 * frames // 3, frames + 1, (batch,), generator=rng)
        return cls(
            torch.randn(batch, frames, config.features, generator=rng),
            torch.randint(steps, (batch,), generator=rng),
            torch.randn(batch, frames, config.features, generator=rng),
            torch.randn(batch, config.text_dim, generator=rng),
            lengths,
            torch.arange(frames) < lengths[:, None],
            torch.rand(batch, generator=rng) < 0.1,
        )


def train_step(
    network: nn.Module, optimizer: torch.optim.Optimizer, data: Data
) -> Callable[[], None]:
    """Return one optimiser step on `data`."""
    diffusion = Diffusion(cosine_betas(50), "x0")

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        return network(x, t, data.text, data.lengths, data.dropped)

    def step() -> None:
        network.train()
        loss = diffusion.training_loss(denoise, data.x, data.t, data.noise, data.valid).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    return step


def guided_step(network: nn.Module, data: Data, *, one_pass: bool) -> Callable[[], None]:
    """Return one denoising with guidance 2.5, in one pass of twice the batch or in two passes."""
    condition = (data.text, data.lengths)
    batched = guided(network, condition, 2.5)
    conditional, unconditional = (guided(network, condition, scale) for scale in (1.0, 0.0))

    @torch.no_grad()
    def step() -> None:
        network.eval()
        if one_pass:
            batched(data.x, data.t)
        else:
            torch.lerp(unconditional(data.x, data.t), conditional(data.x, data.t), 2.5)

    return step


def pairs(config: MDMConfig, batch: int) -> dict[str, dict[str, Callable[[], None]]]:
    """Return both ways of a training step and of a guided step of sampling."""
    data = Data.random(config, batch, 50)
    ours = seeded(lambda: MDM(config), 0)
    plain = seeded(lambda: PlainMDM(replace(config, dropout=0.1)), 0)

    def training(network: nn.Module, fused: bool | None = None) -> Callable[[], None]:
        parameters = network.parameters()
        adamw = torch.optim.AdamW(parameters, lr=1e-4, weight_decay=0.0, fused=fused)
        return train_step(network, adamw, data)

    return {
        f"train, batch {batch}": {"plain": training(plain), "ours": training(ours, fused=True)},
        f"guided step, {batch} samples": {
            "plain": guided_step(plain, data, one_pass=False),
            "ours": guided_step(ours, data, one_pass=True),
        },
    }
