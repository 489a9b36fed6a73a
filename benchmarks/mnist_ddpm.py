"""How fast is the diffusion model of digits? `python -m benchmarks.mnist_ddpm` beside plain torch.

The plain model (`benchmarks/mnist_plain.py`) is the published one: float32, contiguous, eager,
guidance on a doubled batch. Ours shares the way down between the two halves of guidance, runs in
bfloat16, and may be compiled. All variants take turns in one process; a figure is the least
processor time over the turns, so that a busy machine disturbs it little. Trust the ratios.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from types import ModuleType

import torch
import tyro
from torch import nn

from domains.mnist.denoiser import CHANNELS_LAST_FROM
from model.compiled import frozen
from model.context_unet import ContextUNet, ContextUNetConfig
from model.precision import bfloat16_pays
from model.seeding import seeded

STEPS, GUIDANCE_WEIGHT = 400, 0.5
DDIM_STEPS = 50
Step = Callable[[], object]


def plain_module() -> ModuleType:
    """Import `benchmarks/mnist_plain.py`, which is no part of the library."""
    path = Path(__file__).with_name("mnist_plain.py")
    specification = importlib.util.spec_from_file_location("mnist_plain", path)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def network(width: int, *, channels_last: bool = False) -> ContextUNet:
    """Build the published network, or a narrower one."""
    config = ContextUNetConfig(STEPS, width, normalisation="batch", negative_keep_mask=True)
    made = seeded(lambda: ContextUNet(config), 0)
    if channels_last:
        made.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return made


def sampling(width: int, images: int, compile_too: bool) -> dict[str, Step]:
    """Return one guided denoising step of `images` images, by variant."""
    plain = plain_module()
    x, z = torch.randn(2, images, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    labels, t = torch.arange(images) % 10, torch.full((images,), STEPS // 2)
    reference = plain.PlainDDPM(seeded(lambda: plain.PlainUNet(width), 0).eval(), STEPS)

    def ours(made: ContextUNet, half: bool, compiled: bool = False) -> Step:
        guided = made.eval().guided
        if compiled:
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=half):
                guided = frozen(deepcopy(made))
                guided(x, t, labels, 1 + GUIDANCE_WEIGHT)

        def step() -> None:
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=half):
                guided(x, t, labels, 1 + GUIDANCE_WEIGHT)

        return step

    variants: dict[str, Step] = {
        "plain": lambda: reference.step(x, labels, STEPS // 2, GUIDANCE_WEIGHT, z),
        "shared way down": ours(network(width), False),
        "  + bfloat16": ours(network(width), True),
        "  + bfloat16, channels last": ours(network(width, channels_last=True), True),
    }
    if compile_too:
        last = width >= CHANNELS_LAST_FROM
        variants["  + bfloat16, compiled"] = ours(network(width, channels_last=last), True, True)
    return variants


def training(width: int, batch: int) -> dict[str, Step]:
    """Return one optimiser step, by variant."""
    plain = plain_module()
    x = torch.rand(batch, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(batch) % 10

    def step_of(loss: Callable[[], torch.Tensor], made: nn.Module, fused: bool) -> Step:
        optimizer = torch.optim.Adam(made.parameters(), lr=1e-4, fused=fused)

        def step() -> None:
            optimizer.zero_grad(set_to_none=True)
            loss().backward()
            optimizer.step()

        return step

    def ours(made: ContextUNet, half: bool) -> Step:
        level = torch.linspace(0.99, 0.1, batch)[:, None, None, None]
        t, dropped = torch.arange(batch) % STEPS + 1, torch.arange(batch) % 10 == 0

        def loss() -> torch.Tensor:
            noise = torch.randn_like(x)
            noisy = level.sqrt() * x + (1 - level).sqrt() * noise
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                found = made(noisy, t, labels, dropped)
            return nn.functional.mse_loss(found.float(), noise)

        return step_of(loss, made, fused=True)

    first = seeded(lambda: plain.PlainUNet(width), 0)
    reference = plain.PlainDDPM(first, STEPS)
    return {
        "plain": step_of(lambda: reference.loss(x, labels), first, fused=False),
        "ours, float32": ours(network(width), False),
        "ours, bfloat16": ours(network(width), True),
        "ours, bfloat16, channels last": ours(network(width, channels_last=True), True),
    }


def least_seconds(variants: Mapping[str, Step], turns: int) -> dict[str, float]:
    """Measure the processor time of the fastest turn of each variant, a first one not counted."""
    best = dict.fromkeys(variants, float("inf"))
    for turn in range(turns + 1):
        for name, step in variants.items():
            start = time.process_time()
            step()
            if turn:
                best[name] = min(best[name], time.process_time() - start)
    return best


def products() -> dict[str, Step]:
    """Multiply matrices in both precisions: what bfloat16 can give at most on this machine."""
    a, b = torch.randn(2, 1024, 1024, generator=torch.Generator().manual_seed(0))
    c, d = a.bfloat16(), b.bfloat16()
    return {"float32": lambda: a @ b, "bfloat16": lambda: c @ d}


def show(title: str, seconds: Mapping[str, float], images: int) -> None:
    """Print milliseconds an image, and how many times faster than the plain one."""
    print(title)
    first = next(iter(seconds.values()))
    for name, value in seconds.items():
        print(f"  {name:30s} {1e3 * value / images:9.2f} ms/image {first / value:6.2f} x")


def main(
    width: int = 128,
    images: int = 10,
    batch: int = 16,
    turns: int = 3,
    compile: bool = True,
    threads: int = 1,
) -> None:
    """Print what a step of sampling and of training costs.

    Args:
        width: n_feat; 128 is published.
        images: sampled together.
        batch: digits of a training step.
        turns: how often each variant runs; the fastest turn counts.
        compile: also the compiled network (a minute more; needs a C++ compiler).
        threads: of the processor.
    """
    torch.set_num_threads(threads)
    native = "pays" if bfloat16_pays("cpu") else "does not pay"
    matrices = least_seconds(products(), 5 * turns)
    ceiling = matrices["float32"] / matrices["bfloat16"]
    print(
        f"n_feat {width}, {threads} thread(s), bfloat16 is {native} here: "
        f"products of matrices {ceiling:.1f} x faster than in float32, "
        f"{2e-9 * 1024**3 / matrices['float32']:.0f} GFLOP/s"
    )
    seconds = least_seconds(sampling(width, images, compile), turns)
    show(f"guided sampling, one step of {images} images", seconds, images)
    plain, best = seconds["plain"] * STEPS / images, min(seconds.values()) / images
    print(f"  a whole image: plain, {STEPS} steps {plain:.1f} s; ours {best * STEPS:.1f} s;")
    print(
        f"  ours, DDIM with {DDIM_STEPS} steps {best * DDIM_STEPS:.2f} s "
        f"({plain / (best * DDIM_STEPS):.0f} x plain)"
    )
    show(f"training, one step of {batch}", least_seconds(training(width, batch), turns), batch)


if __name__ == "__main__":
    tyro.cli(main)
