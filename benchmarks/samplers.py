"""How few steps may sampling take? Metrics of one trained model, drawn in several ways.

`python -m benchmarks.samplers --model weights/cmu --dataset dataset/cmu_max --out
results/samplers/cmu.md` draws a motion for every test motion with each sampler, as the loop does
(guidance 1), several times over. Equal captions and first noise make the differences to the whole
ancestral chain paired; a star marks one that the draws resolve: its 95 % interval leaves out 0.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
import tyro

from dataset.humanml3d import MotionItem, load_split, read_statistics
from diffusion.samplers import Sampling
from domains.motion.denoiser import UNIT, Denoiser, new_denoiser
from domains.motion.distances import MotionReference, MotionTable
from domains.motion.evaluator.choice import motion_evaluator
from domains.motion.evaluator.protocol import Evaluator
from domains.motion.presets import CORRECTED, preset_named
from eval.metrics.statistics import mean_interval
from loop.rng import Stream
from loop.rundir.files import prepare_file, write_bytes
from model.clip_encoder import text_encoder_named
from sample.models import load_model

SHOWN = ("KID", "FID", "Recall", "Diversity", "Precision", "Coverage", "FID kinetic", "Phys-Err")
WAYS = (
    Sampling("ddpm"),
    *(Sampling("dpmpp", steps) for steps in (12, 8, 25)),
    *(Sampling("ddim", steps) for steps in (12, 25)),
    *(Sampling("ddpm", steps) for steps in (12, 25)),
)


@dataclass(frozen=True)
class Options:
    """Compare samplers on the same weights."""

    model: Path | None
    """folder of a finished generation or of weights; None: a network that nothing has trained"""
    dataset: Path
    """data set in HumanML3D layout, whose test motions are the reference"""
    out: Path | None = None
    """the table, Markdown; default: only print it"""
    evaluator: str = "cmu"
    """preset of the evaluator, trained on the pool of the data set if it is not in the cache"""
    cache: Path = Path("exp_outputs/evaluators")
    """folder of evaluators"""
    seeds: int = 5
    """draws with each sampler"""
    samples: int = 128
    """motions a draw, at most one a test motion"""
    frames: int | None = None
    """longest motion to draw; default: the network's"""
    preset: str = "0064"
    """sizes of the network that nothing has trained"""


def measured(
    denoiser: Denoiser,
    items: Sequence[MotionItem],
    evaluator: Evaluator,
    reference: MotionReference,
    seed: int,
) -> dict[str, float]:
    """Draw a motion for each item and compare them all with the reference."""
    rng = np.random.default_rng(seed)
    texts = [item.captions[rng.integers(len(item.captions))].text for item in items]
    motions = denoiser.sample(texts, [len(item.vectors) for item in items], Stream(seed), "draw")
    return reference.values(MotionTable.of(motions, [item.id for item in items], evaluator))


def table(options: Options) -> str:
    """Measure all ways and return the table."""
    device = torch.device("cpu")
    train, test = (load_split(options.dataset, split) for split in ("train", "test"))
    evaluator = motion_evaluator(
        "trained", trained_on=options.dataset, cache=options.cache, preset=options.evaluator,
        root=Path(), captions=(), device=device,
    )  # fmt: skip
    denoiser = _denoiser(options, device)
    longest = min(options.frames or denoiser.max_frames, denoiser.max_frames) // UNIT * UNIT

    def cut(items: Sequence[MotionItem]) -> list[MotionItem]:
        ends = [min(len(item.vectors) // UNIT * UNIT, longest) for item in items]
        return [
            replace(item, vectors=item.vectors[:end]) for item, end in zip(items, ends, strict=True)
        ]

    def embedded(items: Sequence[MotionItem]) -> MotionTable:
        motions, ids = [item.vectors for item in items], [item.id for item in items]
        return MotionTable.of(motions, ids, evaluator)

    reference = MotionReference(embedded(cut(test.items)))
    items = cut(test.items[: options.samples])
    real = reference.values(embedded(cut(train.items)))
    first: list[dict[str, float]] = []
    rows = [
        f"# Samplers on {options.model or f'the network of {options.preset}, not trained'}",
        "",
        f"Written by `{_command(options)}`: {len(items)} motions a draw against "
        f"{len(test.items)} test motions, {options.seeds} draws, guidance 1. Means, and below them "
        "the paired difference to the first row with its 95 % interval over the draws; * marks "
        "one that leaves out 0.",
        "",
        "| sampler | steps | CPU ms a motion | " + " | ".join(SHOWN) + " |",
        "|---|---" + "|---" * (1 + len(SHOWN)) + "|",
        "| real training motions | | | " + " | ".join(f"{real[n]:.3g}" for n in SHOWN) + " |",
    ]
    for way in WAYS:
        if (way.steps or 0) >= denoiser.diffusion.steps:
            continue
        drawn, start = replace(denoiser, sampling=way), time.process_time()
        found = [
            measured(drawn, items, evaluator, reference, seed) for seed in range(options.seeds)
        ]
        cost = _cost(drawn, items)
        first = first or found
        rows += _rows(way, found, first, cost, denoiser.diffusion.steps)
        print(f"{rows[-2]}\n{rows[-1]}  ({time.process_time() - start:.0f} CPU s)", flush=True)
    return "\n".join([*rows, ""])


def _denoiser(options: Options, device: torch.device) -> Denoiser:
    if options.model is not None:
        return load_model(options.model, device, guidance=1.0)
    text = text_encoder_named("minilm", device)
    statistics = read_statistics(options.dataset)
    return new_denoiser(
        preset_named(options.preset), CORRECTED, text, statistics, seed=0, device=device
    )


def _command(options: Options) -> str:
    """Return the command that makes this table."""
    command = "python -m benchmarks.samplers"
    for field in fields(options):
        value = getattr(options, field.name)
        if value != field.default:
            command += f" --{field.name} {value}"
    return command


def _cost(denoiser: Denoiser, items: Sequence[MotionItem]) -> float:
    """Measure the CPU milliseconds to draw a motion, of a batch of at most 64."""
    texts, frames = (
        [item.captions[0].text for item in items[:64]],
        [len(item.vectors) for item in items[:64]],
    )
    start = time.process_time()
    denoiser.sample(texts, frames, Stream(0), "draw")
    return 1e3 * (time.process_time() - start) / len(texts)


def _rows(
    way: Sampling,
    found: list[dict[str, float]],
    first: list[dict[str, float]],
    cost: float,
    whole: int,
) -> list[str]:
    """Return the line of means and the line of differences."""
    means, apart = [], []
    for name in SHOWN:
        means.append(f"{mean_interval([each[name] for each in found]).value:.3g}")
        pairs = zip(found, first, strict=True)
        change = mean_interval([ours[name] - theirs[name] for ours, theirs in pairs])
        star = "*" * (change.low > 0 or change.high < 0)
        # One draw tells nothing of how far draws lie apart.
        interval = f" ± {change.high - change.value:.2g}{star}" if len(found) > 1 else ""
        apart.append(f"{change.value:+.2g}{interval}" if found is not first else "")
    return [
        f"| {way.sampler} | {way.steps or whole} | {cost:.0f} | {' | '.join(means)} |",
        f"| | | | {' | '.join(apart)} |",
    ]


def main(options: Options) -> None:
    """Print the table, and write it."""
    if options.out is not None:
        prepare_file(options.out)
    text = table(options)
    print(text)
    if options.out is not None:
        write_bytes(options.out, text.encode())


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
