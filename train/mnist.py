"""The MNIST experiment: one arm of it, put together for the loop.

One process makes every generation of the arm that does not exist yet. Stop it at any moment
(Ctrl-C, kill, a power cut) and repeat the command: it goes on where it was, to the same result.
"""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dataset.mnist import DIGITS, Digits, load_mnist
from loop.cycle import LoopSettings, run_loop
from loop.errors import InvalidOptionError, MissingAssetError
from loop.hand_over import hand_over
from loop.interfaces import Correction, Domain, LargeFiles, NoCorrection
from loop.layout import EVALUATION, Layout
from loop.rundir import RunDirectory
from train.mnist_arguments import BASELINES, WITH_CORRECTION, MnistArguments
from train.mnist_classifier import classifier_settings, train_or_load_classifier
from train.mnist_corrections import correction_named, write_centroids
from train.mnist_damage import set_damage_aside
from train.mnist_evaluation import MnistEvaluation
from train.mnist_files import CORRECTED as CORRECTED_FILE
from train.mnist_files import SAMPLES, SYNTHETIC, CorrectionFiles, SampleFiles
from train.mnist_generator import TRAINING, Measure, MnistGenerator
from train.mnist_memory import keep_freed_memory
from train.mnist_precision import compiles, runs_in_bfloat16
from train.mnist_presets import (
    CORRECTED,
    FAITHFUL,
    MnistPreset,
    MnistProtocol,
    preset_named,
    with_changes,
)

logger = logging.getLogger("scsc")


@dataclass(frozen=True)
class MnistExperiment:
    """What decides the result of an arm, beside its name.

    Attributes:
        preset: sizes and numbers of steps.
        protocol: published or corrected behaviour.
        seed: fixes everything.
        correction: name of the correction function, "none" where there is none.
        gamma: its strength.
        half: the network runs in bfloat16.
        compiled: it is compiled to draw samples.
        fresh_at: generations that start with Adam's moments at zero.
    """

    preset: MnistPreset
    protocol: MnistProtocol
    seed: int
    correction: str
    gamma: float
    half: bool
    compiled: bool
    fresh_at: tuple[int, ...]


def run_arm(arguments: MnistArguments) -> None:
    """Make all generations of the arm that do not exist yet.

    Raises:
        ScscError: bad options, missing or damaged files, another process on the same arm.
    """
    keep_freed_memory()
    experiment = experiment_of(arguments)
    ratio = 0.0 if arguments.train_type in BASELINES else arguments.ratio()
    folder = arguments.folder(experiment.preset)
    starts_elsewhere = arguments.train_type != "baseline" or arguments.start_from is not None
    if starts_elsewhere:
        _require_generation_0(arguments.generation_0(experiment.preset))
    train, test = load_mnist(arguments.data_dir)
    real = real_subset(train, experiment.preset, experiment.protocol, experiment.seed)
    settings = _settings(experiment, arguments, ratio, (len(train), len(test)))
    with RunDirectory(folder, settings, mnist_layout()) as directory:
        if starts_elsewhere:
            hand_over(arguments.generation_0(experiment.preset), folder)
        classifier = train_or_load_classifier(
            arguments.classifier_dir or arguments.save_dir_parent,
            classifier_settings(experiment.preset, experiment.protocol),
            train,
            test,
        )
        evaluation = MnistEvaluation(real, test, classifier, experiment.preset, experiment.protocol)
        device = torch.device(arguments.device)
        generator = new_generator(experiment, device, evaluation.published)
        set_damage_aside(directory, generator, discard=arguments.discard_damaged)
        _check_resumption(directory.last(), arguments.resume_starting_at_generation)
        correction = _correction(experiment, real)
        write_centroids(correction, folder)
        domain = Domain(
            real=real,
            generator=generator,
            correction=correction,
            evaluator=evaluation,
            samples=SampleFiles(),
            corrections=CorrectionFiles(),
            large=LargeFiles((TRAINING,), ("model_*.pth",), (SAMPLES, SYNTHETIC, CORRECTED_FILE)),
        )
        run_loop(domain, _loop_settings(arguments, experiment, folder.name, ratio, real), directory)
    logger.info("finished: %s", folder)


def experiment_of(arguments: MnistArguments) -> MnistExperiment:
    """The numbers that the options mean.

    Raises:
        InvalidOptionError: options that do not fit together.
    """
    preset = with_changes(
        preset_named(arguments.preset),
        epochs=arguments.n_epoch_for_training_from_scratch,
        fraction=arguments.fraction_of_train_set_to_train_on,
        clusters=arguments.n_clusters_per_digit,
        lr_divisor=arguments.lr_divisor,
        fine_tune_rate=arguments.fine_tune_rate,
        learning_rate=arguments.learning_rate,
        real_images=arguments.real_images,
        ddim_steps=arguments.ddim_steps,
        eval_samples=arguments.eval_samples,
        generations=arguments.num_generations,
    )
    if arguments.lr_divisor is not None and arguments.fine_tune_rate is None:
        preset = dataclasses.replace(preset, fine_tune_rate=None)
    if arguments.fraction_of_train_set_to_train_on is not None and arguments.real_images is None:
        preset = dataclasses.replace(preset, real_images=None)
    protocol = FAITHFUL if arguments.faithful else CORRECTED
    fresh: tuple[int, ...] = ()
    if protocol.fresh_optimizer:
        copied = () if arguments.train_type == "baseline" else (1,)
        resumed = arguments.resume_starting_at_generation
        fresh = (*copied, *((resumed,) if resumed > 0 else ()))
    corrects = arguments.train_type == WITH_CORRECTION
    return MnistExperiment(
        preset=preset,
        protocol=protocol,
        seed=arguments.seed,
        correction=arguments.correction if corrects else "none",
        gamma=arguments.gamma,
        half=runs_in_bfloat16(arguments.precision, arguments.device, arguments.faithful),
        compiled=compiles(arguments.compile, preset.n_feat, arguments.faithful),
        fresh_at=fresh,
    )


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


def real_subset(train: Digits, preset: MnistPreset, protocol: MnistProtocol, seed: int) -> Digits:
    """The images that an arm trains on.

    Raises:
        InvalidOptionError: there are not that many.
    """
    count = preset.real_images
    if count is None:
        count = int(preset.fraction * len(train))
    if not 1 <= count <= len(train):
        raise InvalidOptionError(
            "cannot train on so many images", found=count, expected=f"1 to {len(train)}"
        )
    if protocol.first_images_only:
        return train.take(slice(count))
    rng = np.random.default_rng([seed, 0])
    order = rng.permutation(len(train))
    rank = np.empty(len(train), dtype=np.int64)  # place among the images of the same digit
    for digit in range(DIGITS):
        same = order[train.labels[order] == digit]
        rank[same] = np.arange(len(same))
    # As equal shares as the data allow; which digits get one more is drawn too.
    chosen = order[np.argsort(rank[order], kind="stable")][:count]
    return train.take(chosen)


def mnist_layout() -> Layout:
    """Published names: <gg>/, metrics under "0", in generation 0 under "0" and the epoch."""

    def keys(generation: int, checkpoint: str) -> Sequence[str]:
        epoch = checkpoint.removeprefix("model_").removesuffix(".pth")
        return ("0",) if generation else ("0", epoch)

    return Layout(prefix="", digits=2, keys=keys)


def synthetic_count(ratio: float, real: Digits) -> int:
    """ceil(lambda n) (published rounding).

    Raises:
        InvalidOptionError: lambda is negative or not finite.
    """
    if not 0 <= ratio < math.inf:
        raise InvalidOptionError("synth_aug_percent is a fraction", found=ratio, expected=">= 0")
    # 0.2 * 12000 is a little more than 2400 in floating point.
    return math.ceil(round(ratio * len(real), 6))


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


def _loop_settings(
    arguments: MnistArguments, experiment: MnistExperiment, arm: str, ratio: float, real: Digits
) -> LoopSettings:
    return LoopSettings(
        seed=experiment.seed,
        arm=arm,
        generations=experiment.preset.generations,
        synthetic_count=synthetic_count(ratio, real),
        mixing=arguments.mixing,
        keep=arguments.keep,
        keep_samples=arguments.keep,
    )


def _settings(
    experiment: MnistExperiment, arguments: MnistArguments, ratio: float, data: tuple[int, int]
) -> dict[str, Any]:
    """What a resumed run must have in common with the one that started (args.json)."""
    preset = dataclasses.asdict(experiment.preset)
    del preset["generations"]  # a finished run may be made longer
    # Compiled programs round differently; the key is there only where it matters.
    compiled = {"compiled": True} if experiment.compiled else {}
    return {
        **compiled,
        "train_type": arguments.train_type,
        "preset": preset,
        "protocol": dataclasses.asdict(experiment.protocol),
        "faithful": arguments.faithful,
        "correction": experiment.correction,
        "gamma": experiment.gamma,
        "synth_aug_percent": ratio,
        "mixing": arguments.mixing,
        "precision": "bf16" if experiment.half else "fp32",
        "digits": {"train": data[0], "test": data[1]},
        "seed": arguments.seed,
    }


def _require_generation_0(folder: Path) -> None:
    if not (folder / EVALUATION).is_file():
        raise MissingAssetError(
            "generation 0 is not finished; every arm starts from the baseline's",
            path=folder,
            expected=EVALUATION,
            remedy="run --train_type baseline first, with the same other options, or name another "
            "generation 0 with --start_from",
        )


def _check_resumption(last: int | None, first: int) -> None:
    if first > 0 and (last is None or last < first - 1):
        raise InvalidOptionError(
            "cannot resume where nothing led to",
            found=f"--resume_starting_at_generation {first}, but the last generation is {last}",
            expected=f"generation {first - 1} in the folder of the arm",
            remedy="leave the option out: a run goes on where it was by itself",
        )
