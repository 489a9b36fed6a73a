"""What a generation costs against its motions: `python -m benchmarks.generation_cost`.

Processor seconds of one thread, by stage, with lambda = 1: n motions of 3 s are drawn from the
weights that come along, corrected in the simulator, and put into a training set with n real ones.
Optimiser steps and evaluation do not grow with n: the preset fixes their number. A straight line is
laid through what was measured; where correcting would take too long, it stands in, and is marked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import tyro

from benchmarks.correction_turns import TEXTS
from benchmarks.mdm_step import DEMO, Data, train_step
from benchmarks.scale import batch
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
        """Lay the line through {n: seconds}; of a single point, through it and the origin."""
        if len(points) == 1:
            ((n, seconds),) = points.items()
            return cls(0.0, seconds / n, 0.0)
        sizes, spent = np.array(list(points)), np.array(list(points.values()))
        slope, start = np.polyfit(sizes, spent, 1, w=1 / spent)
        apart = np.abs(start + slope * sizes - spent) / spent
        return cls(float(start), float(slope), float(apart.max()))

    def at(self, n: int) -> float:
        """Return its seconds at n."""
        return self.start + self.slope * n


def measure(sizes: Sequence[int], corrected: int) -> dict[str, dict[int, float]]:
    """Measure each stage at each size: stage -> n -> processor seconds.

    `corrected`: sizes beyond it are not corrected.
    """
    from sample.models import SHIPPED, load_model

    denoiser = load_model(SHIPPED, torch.device("cpu"), 1.0).with_sampling(
        CORRECTED.sampler, CORRECTED.sampling_steps
    )
    motions = _draw(denoiser, 1)
    correct_motions(motions, workers=1)  # compiles
    found: dict[str, dict[int, float]] = {stage: {} for stage in STAGES}
    for n in sizes:
        drawn: list[list[np.ndarray]] = []
        found["synthesise"][n] = _spent(lambda n=n, drawn=drawn: drawn.append(_draw(denoiser, n)))
        if n <= corrected:
            found["correct"][n] = _spent(
                lambda drawn=drawn: correct_motions(drawn[0], CorrectionOptions(), workers=1)
            )
        found["mix"][n] = _spent(lambda n=n: _mix(n))
    return found


def seconds_of_fit(preset_name: str) -> float:
    """Measure the optimiser steps of a generation, with the network of the preset demo."""
    preset = preset_named(preset_name)
    data, model = Data.random(DEMO, preset.batch_size, 50), seeded(lambda: MDM(DEMO), 0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.0, fused=True)
    step = train_step(model, optimizer, data, half=False)
    step()
    return preset.steps_per_generation / 10 * _spent(lambda: [step() for _ in range(10)])


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


def table(found: Mapping[str, Mapping[int, float]], fit: float) -> list[str]:
    """Write Markdown: sizes down, stages across, the lines below; `*` marks a line's value."""
    lines = {stage: Line.through(points) for stage, points in found.items()}
    text = [f"| n | {' | '.join(STAGES)} | fit | CPU s a generation |", "|---|---|---|---|---|---|"]
    for n in found["synthesise"]:
        seconds = [found[stage].get(n, lines[stage].at(n)) for stage in STAGES]
        cells = [
            f"{value:.3g}{'' if n in found[stage] else ' *'}"
            for stage, value in zip(STAGES, seconds, strict=True)
        ]
        text.append(f"| {n:,} | {' | '.join(cells)} | {fit:.3g} | {sum(seconds) + fit:.3g} |")
    ends = [f"{1e3 * line.slope:.3g} ms" for line in lines.values()]
    text.append(f"| each more | {' | '.join(ends)} | 0 | |")
    worst = [f"{line.largest:.0%}" for line in lines.values()]
    text.append(f"| farthest from its line | {' | '.join(worst)} | | |")
    return text


def main(sizes: tuple[int, ...] = SIZES, corrected: int = 256, preset: str = "evidence") -> None:
    """Print a table in Markdown.

    Args:
        sizes: numbers of motions n.
        corrected: sizes beyond it are not corrected, because that takes minutes.
        preset: whose optimiser steps a generation has.
    """
    torch.set_num_threads(1)
    print("\n".join(table(measure(sizes, corrected), seconds_of_fit(preset))))


if __name__ == "__main__":
    tyro.cli(main, prog="python -m benchmarks.generation_cost")
