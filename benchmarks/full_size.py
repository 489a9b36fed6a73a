"""What would the published experiments take? `python -m benchmarks.full_size` counts and measures.

Counted from the preset tables: optimiser steps of all arms, and passes of the network to draw what
they train on and are measured by, in batches of the published size. Measured here: one of each at
the published size, after one that does not count. On a GPU (`--device cuda`) the hours are by its
clock, on the processor they are of one core.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import fields
from math import ceil
from typing import NamedTuple

import torch
import tyro

from benchmarks.mdm_step import PAPER, Data, train_step
from benchmarks.mnist_ddpm import network
from domains.mnist.presets import preset_named as mnist_preset
from domains.motion.experiments import PUBLISHED_SIZES
from domains.motion.presets import preset_named as motion_preset
from model.mdm import MDM
from model.seeding import seeded

PART = 8
"""Samples of a step on the processor, which takes so long that a part has to do."""


class Work(NamedTuple):
    """What an experiment does, all arms together.

    Attributes:
        name: of the experiment.
        training: optimiser steps (of the published batch; larger by lambda where arms are).
        drawing: passes over a batch of samples.
        corrected: samples that are corrected.
    """

    name: str
    training: int
    drawing: int
    corrected: int


def motion_work(size: str) -> Work:
    """Count a size of the motion experiment: baseline, and each lambda raw and corrected."""
    preset, n = motion_preset(size), int(size)
    arms, samples = 1 + 2 * len(preset.ratios), [int(r * n) for r in preset.ratios]
    generations = arms * preset.generations
    batches = ceil(preset.eval_samples / preset.batch_size) * (generations + 1)
    batches += 2 * preset.generations * sum(ceil(s / preset.batch_size) for s in samples)
    return Work(
        f"motion {size}",
        preset.generation_0_steps + generations * preset.steps_per_generation,
        batches * preset.diffusion_steps,
        preset.generations * sum(samples),
    )


def mnist_work(ratio: float) -> Work:
    """Count one lambda of MNIST: generation 0, the baseline, and the arms raw and corrected."""
    preset = mnist_preset("published")
    n, synthetic = int(preset.fraction * 60_000), int(ratio * preset.fraction * 60_000)
    epoch, longer = ceil(n / preset.batch_size), ceil((n + synthetic) / preset.batch_size)
    evaluated = ceil(preset.published_samples / preset.sheet) * (3 * preset.generations + 1)
    drawn = 2 * preset.generations * ceil(synthetic / preset.sheet)
    return Work(
        f"MNIST, lambda {ratio:g}",
        epoch * (preset.epochs + preset.generations) + 2 * longer * preset.generations,
        (evaluated + drawn) * preset.diffusion_steps,
        preset.generations * synthetic,
    )


def motion_costs(device: torch.device) -> tuple[float, float]:
    """Return seconds of an optimiser step and of a pass of drawing (guidance 1), 64 motions."""
    part = 64 if device.type == "cuda" else PART
    data = _to(Data.random(PAPER, part, 50), device)
    model = seeded(lambda: MDM(PAPER), 0).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.0, fused=True)
    train = seconds_of(train_step(model, optimizer, data), device)
    condition = (data.text, data.lengths, data.dropped)
    draw = seconds_of(_without_gradients(model, data.x, data.t, *condition), device)
    return train * 64 / part, draw * 64 / part


def mnist_costs(device: torch.device) -> tuple[float, float]:
    """Return seconds of a training step of 256 digits, and of a guided pass of drawing 40.

    Guidance is as published: a doubled batch.
    """
    preset = mnist_preset("published")
    part = preset.sheet if device.type == "cuda" else PART
    model = network(preset.n_feat).to(device)
    x, noise = torch.randn(2, part, 1, 28, 28, device=device)
    t = torch.arange(part, device=device) % preset.diffusion_steps + 1
    labels, kept = t % 10, torch.zeros(part, dtype=torch.bool, device=device)
    optimizer = torch.optim.Adam(model.parameters(), lr=preset.learning_rate, fused=True)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        torch.nn.functional.mse_loss(model(x, t, labels, kept), noise).backward()
        optimizer.step()

    train = seconds_of(step, device) * preset.batch_size / part
    draw = seconds_of(_without_gradients(model, x, t, labels, kept), device)
    return train, draw * 2 * preset.sheet / part


def seconds_of(step: Callable[[], object], device: torch.device, turns: int = 2) -> float:
    """Return the least time of a step: by the clock on a GPU, else of the processor."""
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    best = float("inf")
    for turn in range(turns + 1):
        start = clock()
        step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        best = min(best, clock() - start) if turn else best
    return best


def works() -> Iterator[tuple[Work, str]]:
    """Yield all experiments, each with the name of its costs."""
    for size in PUBLISHED_SIZES:
        yield motion_work(size), "motion"
    for ratio in mnist_preset("published").ratios:
        yield mnist_work(ratio), "mnist"


def _without_gradients(model: torch.nn.Module, *inputs: torch.Tensor) -> Callable[[], object]:
    def step() -> None:
        model.eval()
        with torch.no_grad():
            model(*inputs)

    return step


def _to(data: Data, device: torch.device) -> Data:
    return Data(*(getattr(data, field.name).to(device) for field in fields(data)))


def main(device: str = "cpu") -> None:
    """Print a table in Markdown.

    Args:
        device: cpu or cuda.
    """
    torch.set_num_threads(1)
    place = torch.device(device)
    costs = {"motion": motion_costs(place), "mnist": mnist_costs(place)}
    for name, (train, draw) in costs.items():
        print(f"{name}: {train:.3g} s an optimiser step, {draw:.3g} s a pass of drawing")
    print("| experiment | optimiser steps | passes | hours of both | samples to correct |")
    print("|---|---|---|---|---|")
    for work, kind in works():
        train, draw = costs[kind]
        hours = (work.training * train + work.drawing * draw) / 3600
        print(
            f"| {work.name} | {work.training:,} | {work.drawing:,} | {hours:,.0f} "
            f"| {work.corrected:,} |"
        )


if __name__ == "__main__":
    tyro.cli(main, prog="python -m benchmarks.full_size")
