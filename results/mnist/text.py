"""The tables of the MNIST evidence as one Markdown file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from domains.mnist.presets import CORRECTED, FAITHFUL, MnistPreset, preset_named
from loop.rundir.files import write_bytes
from results.markdown import markdown
from results.mnist.corrected_sets import read_rows, table
from results.mnist.plan import MIXINGS
from results.mnist.tables import (
    Point,
    comparisons,
    difference_table,
    outcome_table,
    overview,
    rate_table,
)

HEAD = """# MNIST evidence: tables

Written by `python exp_scripts/mnist/evidence.py` from the runs; `arms.csv` has every number of
every seed. Means over seeds, ± half the 95 % interval (Student's t). FID is over {samples:,}
samples in the 84-d LeNet features, against the test digits.
"""


def write_tables(points: Sequence[Point], preset: MnistPreset, out: Path) -> None:
    """Write `tables.md` into `out`; corrected sets come from its `corrected_sets.csv`.

    Raises StorageError when the file cannot be written.
    """
    seeds = len({point.key.seed for point in points})
    parts = [HEAD.format(samples=preset.eval_samples), "## What was reduced\n"]
    parts.append(reduction_table(preset, seeds))
    if (out / "corrected_sets.csv").is_file():
        parts += [
            "\n## Corrected samples of generation 0, before any training\n",
            table(read_rows(out / "corrected_sets.csv")),
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
        rate_table(points),
    ]
    write_bytes(out / "tables.md", ("\n".join(parts) + "\n").encode())


def reduction_table(preset: MnistPreset, seeds: int) -> str:
    """Write in Markdown: the published protocol beside the one that was run."""
    published = preset_named("published")
    theirs, ours = _numbers(published), _numbers(preset)
    theirs |= {
        "samples behind FID": f"{published.published_samples}",
        "sampling steps": f"{published.diffusion_steps} (ancestral)",
        "normalisation": FAITHFUL.normalisation,
        "the network predicts": "noise",
        "optimiser steps of a generation": "grow with lambda",
        "mixing": "latest",
        "seeds": "1, not fixed",
    }
    ours |= {
        "samples behind FID": f"{preset.eval_samples:,} (and {preset.published_samples})",
        "sampling steps": f"{preset.ddim_steps} of {preset.diffusion_steps} (DDIM)",
        "normalisation": CORRECTED.normalisation,
        "the network predicts": "velocity",
        "optimiser steps of a generation": "equal in all arms",
        "mixing": ", ".join(MIXINGS),
        "seeds": f"{seeds}",
    }
    lines = [[name, theirs[name], ours[name]] for name in ours]
    return markdown(["", "published", "run here"], lines)


def _numbers(preset: MnistPreset) -> dict[str, str]:
    images = preset.real_images or int(preset.fraction * 60_000)
    return {
        "real images": f"{images:,}",
        "network": f"width {preset.n_feat}, {preset.patch} x {preset.patch} pixels a position",
        "generation 0": f"{preset.epochs} epochs of batch {preset.batch_size}, from "
        f"{preset.learning_rate:g}",
        "a later generation": f"{preset.generation_epochs} epochs at {preset.fine_tuning_rate():g}",
        "generations": f"{preset.generations}",
        "lambda": ", ".join(f"{ratio:g}" for ratio in preset.ratios),
    }
