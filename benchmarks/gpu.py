"""How fast are training and sampling of the paper's network on a GPU? `python -m benchmarks.gpu`.

The plain way is float32, uncompiled, with batches prepared between the steps; ours is what
`domains.motion.training.fit` chooses on a GPU. Hours of the paper's arms follow by counted steps.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import torch
import tyro

from benchmarks.scale import batch
from dataset.batches import TrainingBatches
from domains.motion.denoiser import Denoiser, new_denoiser
from domains.motion.presets import CORRECTED, FAITHFUL, PRESETS, MotionPreset
from domains.motion.training import Way, fit, runs_half
from loop.errors import MissingAssetError
from loop.rng import Stream

SIZES = ("0064", "0128", "0256", "2794")


class _Constant:
    """A text encoder that costs nothing."""

    name, dim = "constant", 512

    def encode(self, texts) -> torch.Tensor:
        return torch.ones(len(texts), self.dim)


def paper_denoiser(preset: MotionPreset, device: torch.device, faithful: bool = False) -> Denoiser:
    """Build the paper's network with random weights."""
    statistics = np.zeros(263, np.float32), np.ones(263, np.float32)
    protocol = FAITHFUL if faithful else CORRECTED
    return new_denoiser(preset, protocol, _Constant(), statistics, 0, device)  # type: ignore[arg-type]


def seconds_a_step(denoiser: Denoiser, way: Way, steps: int, size: int) -> float:
    """Measure the seconds of a training step, after some that do not count."""
    items = batch(256, 0).items
    batches = TrainingBatches(items, denoiser.mean, denoiser.std, size, denoiser.max_frames, 0)
    optimizer = torch.optim.AdamW(denoiser.network.parameters(), lr=1e-4, fused=True)
    fit(denoiser, optimizer, batches, 3, 0.1, None, way=way)
    begin = time.perf_counter()
    fit(denoiser, optimizer, batches, steps, 0.1, None, way=way)
    if denoiser.device.type == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - begin) / steps


def seconds_a_motion(denoiser: Denoiser, count: int) -> float:
    """Measure the seconds to draw a motion."""
    for draw in (1, count):
        begin = time.perf_counter()
        denoiser.sample(["a person walks"] * draw, [196] * draw, Stream(0), "draw")
    return (time.perf_counter() - begin) / count


def hours(preset: MotionPreset, step_s: float, motion_s: float) -> float:
    """Count the hours of one arm with lambda = 1 by its steps and motions; correction not counted.

    A calculation: steps of all generations times the seconds of one, and the motions drawn for
    training and evaluation in each.
    """
    steps = preset.generation_0_steps + preset.generations * preset.steps_per_generation
    motions = preset.generations * (int(preset.name) + preset.eval_samples)
    return (steps * step_s + motions * motion_s) / 3600


def main(steps: int = 100, motions: int = 64, device: str = "cuda") -> None:
    """Print seconds of a training step and of a motion, and hours of the paper's arms.

    Args:
        steps: of training that are timed.
        motions: that are drawn.
        device: cuda; cpu to try the command out.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise MissingAssetError(
            "there is no GPU here", found="torch.cuda.is_available() is False",
            expected="a CUDA device", remedy="run it where there is one, or add --device cpu",
        )  # fmt: skip
    preset, place = PRESETS["0064"], torch.device(device)
    ways = {
        "plain": Way(),
        "ours": Way(half=runs_half(place), compiled=device == "cuda", ahead=device == "cuda"),
    }
    step_s = {
        name: seconds_a_step(paper_denoiser(preset, place), way, steps, preset.batch_size)
        for name, way in ways.items()
    }
    plain = paper_denoiser(preset, place, faithful=True)
    motion_s = {
        "plain": seconds_a_motion(replace(plain, guidance=2.5), motions),
        "ours": seconds_a_motion(paper_denoiser(preset, place), motions),
    }
    for name in ways:
        print(f"{name}: {1e3 * step_s[name]:.1f} ms a step, {motion_s[name]:.3f} s a motion")
        for size in SIZES:
            print(f"  {size}: {hours(PRESETS[size], step_s[name], motion_s[name]):.1f} h, counted")


if __name__ == "__main__":
    from loop.cli import command

    with command():
        tyro.cli(main)
