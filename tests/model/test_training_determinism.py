"""Twenty optimiser steps of the denoiser: equal seeds give equal bytes, with dropout and EMA."""

from __future__ import annotations

from pathlib import Path

import torch

from diffusion.process import Diffusion
from diffusion.schedules import cosine_betas
from model.checkpoint import save_checkpoint
from model.ema import EMA
from model.mdm import MDM, MDMConfig
from model.seeding import seeded

CONFIG = MDMConfig(
    features=263,
    text_dim=8,
    latent_dim=32,
    layers=2,
    heads=4,
    ff=64,
    dropout=0.1,
    max_frames=20,
    mask_padding=True,
)


def train(path: Path, seed: int) -> tuple[bytes, list[float]]:
    network = seeded(lambda: MDM(CONFIG), seed)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=True)
    ema, diffusion = EMA(network, 0.9), Diffusion(cosine_betas(50), "x0")
    rng = torch.Generator().manual_seed(seed)
    motions = torch.randn(8, 20, 263, generator=rng)
    text, lengths = torch.randn(8, 8, generator=rng), torch.arange(13, 21)
    valid = torch.arange(20) < lengths[:, None]
    losses = []
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        for _ in range(20):
            t = torch.randint(50, (8,), generator=rng)
            noise = torch.randn(motions.shape, generator=rng)
            loss = diffusion.training_loss(
                lambda x, t: network(x, t, text, lengths), motions, t, noise, valid
            ).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            ema.update(network)
            losses.append(loss.item())
    content = {
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "ema": ema.state_dict(),
    }
    save_checkpoint(path, content)
    return path.read_bytes(), losses


def test_equal_seeds_give_equal_bytes_after_twenty_steps(tmp_path: Path) -> None:
    first, losses = train(tmp_path / "a.pt", 4)
    assert train(tmp_path / "b.pt", 4)[0] == first
    assert train(tmp_path / "c.pt", 5)[0] != first
    assert losses[-1] < losses[0]
