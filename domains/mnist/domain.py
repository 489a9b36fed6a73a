"""The MNIST experiment: one arm of it, put together for the loop.

One process makes every generation of the arm that does not exist yet. Stop it at any moment
(Ctrl-C, kill, a power cut) and repeat the command: it goes on where it was, to the same result.
"""

from __future__ import annotations

import dataclasses
import logging
from functools import partial
from typing import Any

import torch

from dataset.mnist import Digits, load_mnist
from domains.mnist.arguments import BASELINES, MnistArguments
from domains.mnist.classifier import classifier_settings, train_or_load_classifier
from domains.mnist.corrections.methods import correction_named, write_centroids
from domains.mnist.damage import set_damage_aside
from domains.mnist.evaluation import MnistEvaluation
from domains.mnist.experiment import MnistExperiment, experiment_of, settings_of
from domains.mnist.files import LARGE_FILES, CorrectionFiles, SampleFiles
from domains.mnist.generator import Measure, MnistGenerator
from domains.mnist.memory import keep_freed_memory
from domains.mnist.precision import device_named, threads_of
from domains.mnist.real import real_and_reserve, synthetic_count
from domains.mnist.starting import (
    check_resumption,
    is_finished,
    mnist_layout,
    require_generation_0,
)
from domains.motion.evaluator.training import threads
from loop.cycle import LoopSettings, run_loop
from loop.interfaces import Correction, Domain, LargeFiles, NoCorrection
from loop.mixing import fresh_data
from loop.rundir.directory import RunDirectory
from loop.rundir.generation_0 import hand_over

logger = logging.getLogger("scsc")


def run_arm(arguments: MnistArguments) -> None:
    """Make all generations of the arm that do not exist yet.

    Raises:
        ScscError: bad options, missing or damaged files, another process on the same arm.
    """
    keep_freed_memory()
    experiment = experiment_of(arguments)
    ratio = 0.0 if arguments.train_type in BASELINES else arguments.ratio()
    folder = arguments.folder(experiment.preset)
    settings = settings_of(experiment, arguments, ratio)
    loop, large = _loop_settings(arguments, experiment), _large_files(arguments)
    device = device_named(arguments.device)
    if is_finished(folder, settings, loop, large, partial(new_generator, experiment, device)):
        check_resumption(loop.generations, arguments.resume_starting_at_generation)
        logger.info("nothing to do: %s has generation %d, the last one", folder, loop.generations)
        return
    with threads(threads_of(experiment.preset.n_feat)):
        _make_generations(arguments, experiment, settings, loop, large)
    logger.info("finished: %s", folder)


def _make_generations(
    arguments: MnistArguments,
    experiment: MnistExperiment,
    settings: dict[str, Any],
    loop: LoopSettings,
    large: LargeFiles,
) -> None:
    folder, start = arguments.folder(experiment.preset), arguments.generation_0(experiment.preset)
    starts_elsewhere = arguments.train_type != "baseline" or arguments.start_from is not None
    if starts_elsewhere:
        require_generation_0(start)
    train, test = load_mnist(arguments.data_dir)
    real, reserve = real_and_reserve(train, experiment.preset, experiment.protocol, experiment.seed)
    loop = dataclasses.replace(
        loop, synthetic_count=synthetic_count(settings["synth_aug_percent"], real)
    )
    settings = {**settings, "digits": {"train": len(train), "test": len(test)}}
    with RunDirectory(folder, settings, mnist_layout()) as directory:
        classifier = train_or_load_classifier(
            arguments.classifier_dir or arguments.save_dir_parent,
            classifier_settings(experiment.preset, experiment.protocol),
            train,
            test,
        )
        evaluation = MnistEvaluation(real, test, classifier, experiment.preset, experiment.protocol)
        generator = new_generator(experiment, device_named(arguments.device), evaluation.published)
        set_damage_aside(directory, generator, discard=arguments.discard_damaged)
        if starts_elsewhere:
            hand_over(start, folder)
        check_resumption(directory.last(), arguments.resume_starting_at_generation)
        correction = _correction(experiment, real)
        write_centroids(correction, folder)
        domain = Domain(
            real=real,
            generator=generator,
            correction=correction,
            evaluator=evaluation,
            samples=SampleFiles(),
            corrections=CorrectionFiles(),
            reserve=reserve if loop.mixing == fresh_data.__name__ else None,
            large=large,
        )
        run_loop(domain, loop, directory)


def new_generator(
    experiment: MnistExperiment, device: torch.device, measure: Measure | None = None
) -> MnistGenerator:
    """An untrained generator; `measure` is for the epochs of generation 0."""
    return MnistGenerator(
        experiment.preset,
        experiment.protocol,
        experiment.seed,
        device,
        half=experiment.half,
        compiled=experiment.compiled,
        fresh_at=experiment.fresh_at,
        measure=measure,
    )


def _correction(experiment: MnistExperiment, real: Digits) -> Correction[Digits]:
    if experiment.correction == "none":
        return NoCorrection()
    return correction_named(
        experiment.correction,
        real,
        experiment.preset.clusters,
        experiment.gamma,
        biased=experiment.protocol.biased_centroids,
    )


def _loop_settings(arguments: MnistArguments, experiment: MnistExperiment) -> LoopSettings:
    """All but the number of samples, which takes the data to know."""
    return LoopSettings(
        seed=experiment.seed,
        arm=arguments.folder(experiment.preset).name,
        generations=experiment.preset.generations,
        synthetic_count=0,
        mixing=arguments.mixing,
        keep=arguments.keep,
        keep_samples=arguments.keep,
    )


def _large_files(arguments: MnistArguments) -> LargeFiles:
    """Every arm starts from generation 0 of the baseline, which therefore keeps it."""
    return dataclasses.replace(LARGE_FILES, first=1 if arguments.train_type == "baseline" else 0)
