"""How fast is one step of the motion denoiser? `python -m benchmarks.mdm_step` beside plain torch.

The plain network is the published one written with `torch.nn.TransformerEncoder`: dropout .1,
AdamW as it comes, guidance in two passes. All variants take turns in one process; a figure is the
least processor time over the turns, so that a busy machine disturbs it little. Trust the ratios.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
import tyro
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
SIZES = {"demo": DEMO, "paper": PAPER}


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
    network: nn.Module, optimizer: torch.optim.Optimizer, data: Data, half: bool
) -> Callable[[], None]:
    """Return one optimiser step on `data`; `half` runs the network under bf16 autocast."""
    diffusion = Diffusion(cosine_betas(50), "x0")

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            return network(x, t, data.text, data.lengths, data.dropped).float()

    def step() -> None:
        network.train()
        loss = diffusion.training_loss(denoise, data.x, data.t, data.noise, data.valid).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    return step


def guided_step(network: nn.Module, data: Data, *, one_pass: bool, half: bool) -> Callable:
    """Return one denoising with guidance 2.5, in one pass of twice the batch or in two passes."""
    condition = (data.text, data.lengths)
    batched = guided(network, condition, 2.5)
    conditional, unconditional = (guided(network, condition, scale) for scale in (1.0, 0.0))

    @torch.no_grad()
    def step() -> None:
        network.eval()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            if one_pass:
                batched(data.x, data.t)
            else:
                torch.lerp(unconditional(data.x, data.t), conditional(data.x, data.t), 2.5)

    return step


def variants(config: MDMConfig, batch: int, samples: int) -> dict[str, dict[str, Callable]]:
    """Name steps to compare, by kind; the first of each kind is the plain one."""

    def ours() -> MDM:
        return seeded(lambda: MDM(config), 0)

    def plain(dropout: float) -> PlainMDM:
        return seeded(lambda: PlainMDM(replace(config, dropout=dropout)), 0)

    def adamw(network: nn.Module, **options: Any) -> torch.optim.Optimizer:
        return torch.optim.AdamW(network.parameters(), lr=1e-4, weight_decay=0.0, **options)

    def training(network: nn.Module, half: bool = False, **options: Any) -> Callable:
        return train_step(network, adamw(network, **options), data, half)

    data, few = Data.random(config, batch, 50), Data.random(config, samples, 50)
    return {
        f"train, batch {batch}": {
            "plain, dropout .1": training(plain(0.1)),
            "plain, no dropout": training(plain(0.0)),
            "ours": training(ours()),
            "ours, foreach AdamW": training(ours(), foreach=True),
            "ours, fused AdamW": training(ours(), fused=True),
            "ours, fused AdamW, bf16": training(ours(), half=True, fused=True),
        },
        f"guided step, {samples} samples": {
            "plain, two passes": guided_step(plain(0.0), few, one_pass=False, half=False),
            "ours, two passes": guided_step(ours(), few, one_pass=False, half=False),
            "ours, one pass": guided_step(ours(), few, one_pass=True, half=False),
            "ours, one pass, bf16": guided_step(ours(), few, one_pass=True, half=True),
        },
    }


def main(size: str = "demo", batch: int = 64, samples: int = 64, turns: int = 8) -> None:
    """Print milliseconds of processor time a step, and how many times faster than the plain one.

    Args:
        size: demo or paper.
        batch: motions of a training step.
        samples: motions of a sampling step.
        turns: how often each variant runs; the fastest turn counts.
    """
    print(f"{size}, {torch.get_num_threads()} thread(s)")
    for kind, steps in variants(SIZES[size], batch, samples).items():
        best = dict.fromkeys(steps, float("inf"))
        for _ in range(turns):
            for name, step in steps.items():
                start = time.process_time()
                step()
                best[name] = min(best[name], time.process_time() - start)
        first = next(iter(best.values()))
        print(kind)
        for name, seconds in best.items():
            print(f"  {name:26s} {1e3 * seconds:9.1f} ms {first / seconds:6.2f} x")


if __name__ == "__main__":
    tyro.cli(main)
