"""One step of the diffusion model of digits, and of the published one (`benchmarks.mnist_plain`).

Ours shares the way down between the two halves of guidance, runs in bfloat16, and may be compiled;
the plain one is float32, contiguous, eager, with guidance on a doubled batch.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from benchmarks.mnist_plain import PlainDDPM, PlainUNet
from model.compiled import frozen
from model.context_unet import ContextUNet, ContextUNetConfig
from model.seeding import seeded

STEPS, GUIDANCE_WEIGHT = 400, 0.5
Step = Callable[[], object]


def network(width: int, *, channels_last: bool = False) -> ContextUNet:
    """Build the published network, or a narrower one."""
    config = ContextUNetConfig(STEPS, width, normalisation="batch", negative_keep_mask=True)
    made = seeded(lambda: ContextUNet(config), 0)
    if channels_last:
        made.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return made


def sampling(width: int, images: int, half: bool, compiled: bool) -> dict[str, Step]:
    """Return one guided denoising step: plain, ours in float32, ours as it is drawn here."""
    x, z = torch.randn(2, images, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    labels, t = torch.arange(images) % 10, torch.full((images,), STEPS // 2)
    reference = PlainDDPM(seeded(lambda: PlainUNet(width), 0).eval(), STEPS)

    def ours(half: bool, compiled: bool) -> Step:
        made = network(width, channels_last=half).eval()
        guided = frozen(made) if compiled else made.guided

        @torch.no_grad()
        def step() -> None:
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                guided(x, t, labels, 1 + GUIDANCE_WEIGHT)

        return step

    return {
        "plain": lambda: reference.step(x, labels, STEPS // 2, GUIDANCE_WEIGHT, z),
        "float32": ours(False, False),
        "ours": ours(half, half and compiled),
    }


def training(width: int, batch: int, half: bool) -> dict[str, Step]:
    """Return one optimiser step: plain, ours in float32, ours as it is trained here."""
    x = torch.rand(batch, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(batch) % 10

    def step_of(loss: Callable[[], torch.Tensor], made: nn.Module, fused: bool) -> Step:
        optimizer = torch.optim.Adam(made.parameters(), lr=1e-4, fused=fused)

        def step() -> None:
            optimizer.zero_grad(set_to_none=True)
            loss().backward()
            optimizer.step()

        return step

    def ours(half: bool) -> Step:
        made = network(width, channels_last=half)
        level = torch.linspace(0.99, 0.1, batch)[:, None, None, None]
        t, dropped = torch.arange(batch) % STEPS + 1, torch.arange(batch) % 10 == 0

        def loss() -> torch.Tensor:
            noise = torch.randn_like(x)
            noisy = level.sqrt() * x + (1 - level).sqrt() * noise
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                found = made(noisy, t, labels, dropped)
            return nn.functional.mse_loss(found.float(), noise)

        return step_of(loss, made, fused=True)

    first = seeded(lambda: PlainUNet(width), 0)
    reference = PlainDDPM(first, STEPS)
    return {
        "plain": step_of(lambda: reference.loss(x, labels), first, fused=False),
        "float32": ours(False),
        "ours": ours(half),
    }


def products() -> dict[str, Step]:
    """Multiply matrices in both precisions: what bfloat16 can give at most on this machine."""
    a, b = torch.randn(2, 1024, 1024, generator=torch.Generator().manual_seed(0))
    c, d = a.bfloat16(), b.bfloat16()
    return {"float32": lambda: a @ b, "bfloat16": lambda: c @ d}
