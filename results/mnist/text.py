"""The tables of the MNIST evidence as one Markdown file."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from domains.mnist.presets import CORRECTED, FAITHFUL, MnistPreset, preset_named
from eval.metrics.statistics import mean_interval
from loop.rundir.files import write_bytes
from results.mnist.corrected_sets import METRICS as SET_METRICS
from results.mnist.plan import MIXINGS
from results.mnist.rates import RatePoint, rate_table
from results.mnist.tables import (
    Point,
    comparisons,
    difference_table,
    outcome_table,
    overview,
)

HEAD = """# MNIST evidence: tables

Written by `python exp_scripts/mnist/evidence.py` from the runs; `arms.csv` has every number of
every seed, and `rates.csv` of those of the last section. Means over seeds, ± half the 95 % interval
(Student's t). FID is over {samples:,} samples in the 84-d LeNet features, against the test digits.
"""


def write_tables(
    points: Sequence[Point], rates: Sequence[RatePoint], preset: MnistPreset, out: Path
) -> None:
    """Write `tables.md` into `out`; corrected sets come from its `corrected_sets.csv`.

    Raises StorageError when the file cannot be written.
    """
    seeds = len({point.key.seed for point in points})
    parts = [HEAD.format(samples=preset.eval_samples), "## What was reduced\n"]
    parts.append(reduction_table(preset, seeds))
    if (out / "corrected_sets.csv").is_file():
        parts += [
            "\n## Corrected samples of generation 0, before any training\n",
            corrected_sets_table(out / "corrected_sets.csv"),
        ]
    parts += [
        "\n## After the last generation\n\nFID:\n",
        overview(points, "FID_all"),
        "\nFID over that of the raw arm of the same seed, geometric mean and 95 % interval:\n",
        overview(points, "FID_all", over="raw"),
        "\nRecall:\n",
        overview(points, "Recall"),
    ]
    for mixing, ratio in comparisons(points):
        parts += [f"\n## Mixing {mixing}, lambda = {ratio}\n", outcome_table(points, mixing, ratio)]
        parts += ["\nPaired by seed:\n", difference_table(points, mixing, ratio)]
    parts += [
        "\n## The published learning rate\n",
        "`latest`, lambda = 1, raw samples. Both arms of a seed draw with the same noise, and at\n"
        "rate 0 the weights stay as they are: what FID does there from generation to generation\n"
        "is drawing other samples; the paired difference is what training did.\n",
        rate_table(rates),
    ]
    write_bytes(out / "tables.md", ("\n".join(parts) + "\n").encode())


def reduction_table(preset: MnistPreset, seeds: int) -> str:
    """Write in Markdown: the published protocol beside the one that was run."""
    published = preset_named("published")

    def numbers(one: MnistPreset) -> list[str]:
        images = one.real_images or int(one.fraction * 60_000)
        return [
            f"{images:,}",
            f"width {one.n_feat}, {one.patch} x {one.patch} pixels a position",
            f"{one.epochs} epochs of batch {one.batch_size}, from {one.learning_rate:g}",
            f"{one.generation_epochs} epochs at {one.fine_tuning_rate():g}",
            f"{one.generations}",
            ", ".join(f"{ratio:g}" for ratio in one.ratios),
            f"{one.eval_samples:,} (and {one.published_samples})",
        ]

    def modes(steps: str, *choices: str) -> list[str]:
        return [steps, *choices]

    ours = numbers(preset) + modes(
        f"{preset.ddim_steps} of {preset.diffusion_steps} (DDIM)",
        CORRECTED.normalisation,
        "velocity",
        "equal in all arms",
    )
    theirs = numbers(published) + modes(
        f"{published.diffusion_steps} (ancestral)",
        FAITHFUL.normalisation,
        "noise",
        "grow with lambda",
    )
    theirs[6] = f"{published.published_samples}"
    names = (
        "real images", "network", "generation 0", "a later generation", "generations",
        "lambda", "samples behind FID", "sampling steps", "normalisation",
        "the network predicts", "optimiser steps of a generation",
    )  # fmt: skip
    lines = ["| | published | run here |", "|---|---|---|"]
    lines += [f"| {n} | {a} | {b} |" for n, a, b in zip(names, theirs, ours, strict=True)]
    lines += [f"| mixing | latest | {', '.join(MIXINGS)} |", f"| seeds | 1, not fixed | {seeds} |"]
    return "\n".join(lines)


def corrected_sets_table(path: Path) -> str:
    """Write in Markdown what `results.mnist.corrected_sets` wrote."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    lines = ["| corrected set | " + " | ".join(SET_METRICS) + " |"]
    lines.append("|---" * (1 + len(SET_METRICS)) + "|")
    for name in dict.fromkeys(row["correction"] for row in rows):
        cells = []
        for metric in SET_METRICS:
            found = mean_interval([float(r[metric]) for r in rows if r["correction"] == name])
            digits = 1 if metric == "FID" else 2
            half = f" ± {found.high - found.value:.{digits}f}" if found.count > 1 else ""
            cells.append(f"{found.value:.{digits}f}{half}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
