"""The MNIST experiment: a diffusion model of digits, a correction and metrics, for the loop."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dataset.mnist import Digits, load_mnist
from domains.mnist.arguments import WITH_CORRECTION, Compile, MnistArguments, Precision
from domains.mnist.classifier import classifier_settings, train_or_load_classifier
from domains.mnist.corrections.methods import correction_named, write_centroids
from domains.mnist.evaluation import MnistEvaluation
from domains.mnist.experiment import MnistExperiment, experiment_of, numbers_of
from domains.mnist.files import LARGE_FILES, CorrectionFiles, SampleFiles
from domains.mnist.generator import MnistGenerator
from domains.mnist.real import real_and_reserve, synthetic_count
from loop.arm import RESOLVED, Built
from loop.interfaces import Correction, NoCorrection
from model.device import device_named


def build_domain(
    experiment: MnistExperiment, data: Path | None, classifier_folder: Path, arm: Path
) -> Built[Digits]:
    """Put together what the loop needs; trains the classifier where it is not there yet.

    Args:
        experiment: what decides the result.
        data: folder of the IDX files; default: see `dataset.mnist.load_mnist`.
        classifier_folder: keeps the classifier, shared by all arms.
        arm: folder of the arm; centroids are drawn there.

    Raises:
        ScscError: data are missing or unsound.
    """
    preset, protocol = experiment.preset, experiment.protocol
    train, test = load_mnist(data)
    real, reserve = real_and_reserve(train, preset, protocol, experiment.seed)
    classifier = train_or_load_classifier(
        classifier_folder, classifier_settings(preset, protocol), train, test
    )
    evaluation = MnistEvaluation(real, test, classifier, preset, protocol)
    correction = _correction(experiment, real)
    write_centroids(correction, arm)
    return Built(
        real=real,
        generator=MnistGenerator(
            preset,
            protocol,
            experiment.seed,
            device_named(experiment.device),
            half=experiment.half,
            compiled=experiment.compiled,
            fresh_at=experiment.fresh_at,
            measure=evaluation.published,
        ),
        correction=correction,
        evaluator=evaluation,
        samples=SampleFiles(),
        corrections=CorrectionFiles(),
        reserve=reserve,
        large=LARGE_FILES,
        synthetic_count=synthetic_count,
        later={"digits": {"train": len(train), "test": len(test)}},
    )


def digits(
    data: Path | None = None,
    preset: str = "demo",
    correction: str = "transport",
    classifier: Path = Path("exp_outputs/mnist"),
    precision: Precision = "auto",
    compile: Compile = "auto",
    seed: int = 42,
) -> Built[Digits]:
    """Build the domain for `python -m scsc --domain mnist`.

    Args:
        data: folder of the IDX files; default: see `dataset.mnist.load_mnist`.
        preset: row of the preset table (domains/mnist/presets.py).
        correction: the correction function, as in `--correction` of the published script.
        classifier: folder that keeps the classifier of the metrics.
        precision, compile: as of the published script.
        seed: fixes everything.
    """
    experiment = experiment_of(
        MnistArguments(
            WITH_CORRECTION, preset=preset, correction=correction, precision=precision,
            compile=compile, seed=seed,
        )
    )  # fmt: skip
    domain = build_domain(experiment, data, classifier, classifier)
    resolved = {
        "precision": "bf16" if experiment.half else "fp32",
        "compile": "yes" if experiment.compiled else "no",
    }
    later = {**domain.later, "numbers": numbers_of(experiment.preset), RESOLVED: resolved}
    return replace(domain, later=later)


def _correction(experiment: MnistExperiment, real: Digits) -> Correction[Digits]:
    if experiment.correction == "none":
        return NoCorrection()
    return correction_named(
        experiment.correction,
        real,
        experiment.preset.clusters,
        experiment.move,
        biased=experiment.protocol.biased_centroids,
        seed=experiment.seed,
    )
