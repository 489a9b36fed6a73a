"""What the options of an MNIST arm mean: its numbers, and what a resumed run has in common."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from domains.mnist.arguments import WITH_CORRECTION, MnistArguments
from domains.mnist.precision import compiles, runs_in_bfloat16
from domains.mnist.presets import (
    CORRECTED,
    FAITHFUL,
    MnistPreset,
    MnistProtocol,
    preset_named,
)
from loop.presets import with_changes
from loop.strength import recorded_gamma


@dataclass(frozen=True)
class MnistExperiment:
    """What decides the result of an arm, beside its name.

    Attributes:
        preset: sizes and numbers of steps.
        protocol: published or corrected behaviour.
        seed: fixes everything.
        correction: name of the correction function, "none" where there is none.
        move: its step, see `domains.mnist.corrections.methods.DigitCorrection`.
        half: the network runs in bfloat16.
        compiled: it is compiled to draw samples.
        fresh_at: generations that start with Adam's moments at zero.
        device: torch device of the network.
    """

    preset: MnistPreset
    protocol: MnistProtocol
    seed: int
    correction: str
    move: float
    half: bool
    compiled: bool
    fresh_at: tuple[int, ...]
    device: str = "cpu"


def preset_of(arguments: MnistArguments) -> MnistPreset:
    """Return the preset with the numbers that options change.

    Raises:
        InvalidOptionError: there is no such preset, or a number does not fit it.
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
    return preset


def experiment_of(arguments: MnistArguments) -> MnistExperiment:
    """Return the numbers that the options mean.

    Raises:
        InvalidOptionError: options that do not fit together.
    """
    preset = preset_of(arguments)
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
        move=arguments.move,
        half=runs_in_bfloat16(arguments.precision, arguments.device, arguments.faithful),
        compiled=compiles(arguments.compile, preset.n_feat, arguments.faithful),
        fresh_at=fresh,
        device=arguments.device,
    )


def numbers_of(preset: MnistPreset) -> dict[str, Any]:
    """Return the numbers that stay the same when a run goes on; it may be made longer."""
    numbers = dataclasses.asdict(preset)
    del numbers["generations"]
    return numbers


def settings_of(
    experiment: MnistExperiment, arguments: MnistArguments, ratio: float
) -> dict[str, Any]:
    """Return what a resumed run must share with its start (args.json), but the data.

    Keys that came later are there only where they matter, so that older runs go on.
    """
    protocol = dataclasses.asdict(experiment.protocol)
    if not experiment.protocol.epoch_evaluations:
        del protocol["epoch_evaluations"]
    compiled = {"compiled": True} if experiment.compiled else {}  # programs round differently
    start = {} if arguments.start_weights == "last" else {"start_weights": arguments.start_weights}
    return {
        **compiled,
        **start,
        "train_type": arguments.train_type,
        "preset": numbers_of(experiment.preset),
        "protocol": protocol,
        "faithful": arguments.faithful,
        "correction": experiment.correction,
        "move": experiment.move,
        **recorded_gamma(arguments.gamma),
        "synth_aug_percent": ratio,
        "mixing": arguments.mixing,
        "precision": "bf16" if experiment.half else "fp32",
        "seed": arguments.seed,
    }
