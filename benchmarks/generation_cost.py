"""What a generation costs against its motions, a part of `python -m benchmarks`.

Processor seconds of one thread, by stage, with lambda = 1: n motions of 3 s are drawn from the
weights that come along, corrected in the simulator, and put into a training set with n real ones.
Optimiser steps and evaluation do not grow with n: the preset fixes their number. A straight line is
laid through what was measured; where correcting would take too long, it stands in, and is marked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from benchmarks.mdm_step import DEMO, Data, train_step
from benchmarks.scale import batch
from benchmarks.turns import Row
from dataset.batches import TrainingBatches
from domains.motion.denoiser import Denoiser
from domains.motion.presets import CORRECTED, preset_named
from loop.rng import Stream
from model.mdm import MDM
from model.seeding import seeded
from uhc.correct import correct_motions
from uhc.options import CorrectionOptions

SIZES = (64, 128, 256, 1_000, 5_588)
"""The last is the paper's largest, with its mirror images."""
FRAMES = 60
STAGES = ("synthesise", "correct", "mix")
CORRECTED_SIZE = 256
"""Larger sets are not corrected, because that takes many minutes."""
TEXTS = ("a person walks", "a person jumps", "a person dances", "a person boxes")
PRESET = "evidence"
"""Whose optimiser steps a generation has; with the network of the demo, which is also its own."""


@dataclass(frozen=True)
class Line:
    """Seconds = start + slope * n, by least squares of the relative errors.

    Attributes:
        start, slope: of the line.
        largest: relative distance of the farthest measured point.
    """

    start: float
    slope: float
    largest: float

    @classmethod
    def through(cls, points: Mapping[int, float]) -> Line:
        """Lay the line through {n: seconds}."""
        sizes, spent = np.array(list(points)), np.array(list(points.values()))
        slope, start = np.polyfit(sizes, spent, 1, w=1 / spent)
        apart = np.abs(start + slope * sizes - spent) / spent
        return cls(float(start), float(slope), float(apart.max()))

    def at(self, n: int) -> float:
        """Return its seconds at n."""
        return self.start + self.slope * n


def measure() -> dict[str, dict[int, float]]:
    """Measure each stage at each size: stage -> n -> processor seconds."""
    from sample.models import SHIPPED, load_model

    denoiser = load_model(SHIPPED, torch.device("cpu"), 1.0).with_sampling(
        CORRECTED.sampler, CORRECTED.sampling_steps
    )
    motions = _draw(denoiser, 1)
    correct_motions(motions, workers=1)  # compiles
    found: dict[str, dict[int, float]] = {stage: {} for stage in STAGES}
    for n in SIZES:
        drawn: list[list[np.ndarray]] = []
        found["synthesise"][n] = _spent(lambda n=n, drawn=drawn: drawn.append(_draw(denoiser, n)))
        if n <= CORRECTED_SIZE:
            found["correct"][n] = _spent(
                lambda drawn=drawn: correct_motions(drawn[0], CorrectionOptions(), workers=1)
            )
        found["mix"][n] = _spent(lambda n=n: _mix(n))
    return found


def seconds_of_fit() -> float:
    """Measure the optimiser steps of a generation."""
    preset = preset_named(PRESET)
    data, model = Data.random(DEMO, preset.batch_size, 50), seeded(lambda: MDM(DEMO), 0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.0, fused=True)
    step = train_step(model, optimizer, data)
    step()
    return preset.steps_per_generation / 10 * _spent(lambda: [step() for _ in range(10)])


def rows() -> Iterator[Row]:
    """Yield a row for each size, whose note has its stages, and one for the lines.

    `*` marks a value that is that of its line.
    """
    found, fit = measure(), seconds_of_fit()
    lines = {stage: Line.through(points) for stage, points in found.items()}
    for n in SIZES:
        seconds = {stage: found[stage].get(n, lines[stage].at(n)) for stage in STAGES}
        told = [
            f"{stage} {cost:.3g}{'' if n in found[stage] else ' *'}"
            for stage, cost in seconds.items()
        ]
        note = f"{', '.join(told)}, fit {fit:.3g} s; without evaluation"
        note += "; * is the line's, not measured" * any(n not in found[stage] for stage in STAGES)
        spent = sum(seconds.values()) + fit
        yield Row(f"corrected generation, n = {n}", [], [spent], n, "motions", note=note)
    ends = ", ".join(f"{stage} {1e3 * line.slope:.3g} ms" for stage, line in lines.items())
    far = ", ".join(f"{stage} {line.largest:.0%}" for stage, line in lines.items())
    slope = sum(line.slope for line in lines.values())
    note = f"slopes of the lines: {ends}; farthest measured point from its line: {far}"
    yield Row("the same, each motion more", [], [slope], unit="motions", note=note)


def _draw(denoiser: Denoiser, count: int) -> list[np.ndarray]:
    texts = [TEXTS[i % len(TEXTS)] for i in range(count)]
    return denoiser.sample(texts, [FRAMES] * count, Stream(42), "draw")


def _mix(n: int) -> None:
    """Put a training set of n real and n synthetic motions together and draw 20 batches."""
    items = [*batch(n, 0).items, *batch(n, 1).items]
    batches = TrainingBatches(items, np.zeros(263), np.ones(263), 64, FRAMES, 0)
    for step in range(20):
        batches.batch(step)


def _spent(action: Callable[[], object]) -> float:
    begin = time.process_time()
    action()
    return time.process_time() - begin
