"""One arm of the motion experiment, from its options to the loop.

One process makes every generation of the arm that does not exist yet. Stop it at any moment
(Ctrl-C, kill, a power cut) and repeat the command: it goes on where it was, to the same result.
"""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path
from typing import Any

from domains.motion.arguments import Arguments
from domains.motion.checkpoints.shipped import WEIGHTS, digest
from domains.motion.distributed import TorchDistributed, joined_processes, own_device
from domains.motion.domain import (
    FINGERPRINT,
    MotionExperiment,
    build_domain,
    check_ratio,
    large_files,
)
from domains.motion.generator import read_checkpoints
from domains.motion.recorded import cache_of
from domains.motion.registries import MDM
from loop.arm import Arm, run_arm
from loop.cycle import LoopSettings
from loop.errors import InvalidOptionError
from loop.strength import recorded_gamma
from model.clip_encoder import text_encoder_named
from uhc.controllers.registry import create_controller, describe_controller, name_or_default
from uhc.controllers.tracker import Tracker

MODEL_SETTINGS = {
    "preset": (
        *("latent_dim", "layers", "heads", "ff_size", "max_frames"),
        *("diffusion_steps", "noise_schedule"),
    ),
    "protocol": ("mask_padding", "ema_decay", "guidance", "sampler", "sampling_steps"),
    "text_encoder": ("weights",),
    "evaluator": (),
    "generator": (),
}
"""Settings without which a model, or what its metrics stand on, is another one."""


def run(arguments: Arguments) -> None:
    """Make all generations of the arm that do not exist yet.

    Raises:
        ScscError: bad options, missing or damaged files, another process on the same arm.
    """
    arguments = arguments.continued()
    experiment = _experiment(arguments)
    check_ratio(arguments.synthetic_augmentation_percent, experiment.protocol)
    with joined_processes() as distributed:
        _check_generator(arguments, distributed)
        arm = Arm(
            folder=arguments.save_dir,
            settings=_settings(experiment, arguments, distributed),
            loop=_loop_settings(arguments, experiment),
            read_back=read_checkpoints if arguments.generator == MDM else _no_checkpoints,
            large=large_files(arguments.generator),
            later=(FINGERPRINT,),
            start_from=arguments.start_from,
            start_remedy=_how_to_start(arguments),
            model_settings=MODEL_SETTINGS,
            start_at=arguments.start_at_generation,
            discard_damaged=arguments.discard_damaged,
            loggers=arguments.loggers,
            distributed=distributed,
        )
        device = own_device(arguments.device, distributed)
        run_arm(arm, lambda: build_domain(experiment, arguments.workers, device, distributed))


def _check_generator(arguments: Arguments, distributed: TorchDistributed) -> None:
    """Refuse what only the published model can do.

    Raises:
        InvalidOptionError: an option means nothing to a generator of one's own.
    """
    if arguments.generator == MDM:
        return
    for found, remedy in (
        ("--faithful" if arguments.faithful else "", "leave it out"),
        ("--generation_0_weights" if arguments.weights() else "", "add --from_scratch"),
        (f"{distributed.size} processes" if distributed.size > 1 else "", "start one process"),
    ):
        if found:
            raise InvalidOptionError(
                "only the published model can do that",
                found=f"{found} with --generator {arguments.generator}",
                expected=f"--generator {MDM}",
                remedy=remedy,
            )


def _no_checkpoints(folder: Path, training: bool) -> None:
    """Read nothing back: what a generator of one's own wrote, its `load` alone can read."""


def _how_to_start(arguments: Arguments) -> str:
    """Return the command that makes the generation 0 to start from."""
    if arguments.start_from is None:
        return ""
    folder, data = (
        shlex.quote(str(path)) for path in (arguments.start_from.parent, arguments.mini_dataset_dir)
    )
    return (
        f"python -m train.train_mdm_iterative_finetuning --save_dir {folder} --mini_dataset_dir "
        f"{data} --preset {arguments.preset} --num_generations 0, with the sizes of this arm"
    )


def _experiment(arguments: Arguments) -> MotionExperiment:
    name = _controller_name(arguments)
    controller = Tracker()
    if name is not None:
        controller = create_controller(name, arguments.controller_weights)
    raw = arguments.augmentation_type == "raw_mdm_output"
    return MotionExperiment(
        dataset=arguments.mini_dataset_dir,
        cache=cache_of(arguments.save_dir),
        preset=arguments.numbers(),
        protocol=arguments.protocol(),
        correction="none" if raw else arguments.correction,
        seed=arguments.seed,
        text_encoder=arguments.text_encoder,
        text_encoder_source=arguments.text_encoder_source,
        evaluator=arguments.evaluator,
        evaluator_root=arguments.evaluator_root,
        filters=arguments.augmentation_type == "filter",
        controller=controller,
        fresh_data=arguments.fresh_data_dir,
        ik=arguments.ik,
        start=arguments.weights(),
        generator=arguments.generator,
    )


def _loop_settings(arguments: Arguments, experiment: MotionExperiment) -> LoopSettings:
    preset, generations = experiment.preset, arguments.num_generations
    return LoopSettings(
        seed=arguments.seed,
        arm=arguments.save_dir.name,
        generations=preset.generations if generations is None else generations,
        ratio=arguments.synthetic_augmentation_percent,
        mixing=arguments.mixing,
        start_weights=arguments.start_weights,
        gamma=arguments.gamma,
        keep=arguments.keep or preset.keep,
        keep_samples=arguments.keep_samples or preset.keep_samples,
    )


def _settings(
    experiment: MotionExperiment, arguments: Arguments, distributed: TorchDistributed
) -> dict[str, Any]:
    """Return what a resumed run must have in common with the one that started (args.json)."""
    encoder = text_encoder_named(
        experiment.text_encoder, source=experiment.text_encoder_source
    )  # its name tells the weights
    return {
        "dataset": str(experiment.dataset),
        "preset": dataclasses.asdict(experiment.preset),
        "protocol": dataclasses.asdict(experiment.protocol),
        "faithful": arguments.faithful,
        "correction": experiment.correction,
        **recorded_gamma(arguments.gamma),
        **_described_controller(arguments),
        "text_encoder": {
            "kind": experiment.text_encoder,
            "source": experiment.text_encoder_source,
            "weights": encoder.name,
        },
        "evaluator": experiment.evaluator,
        **({} if experiment.start is None else {"weights": digest(experiment.start / WEIGHTS)}),
        **({} if experiment.generator == MDM else {"generator": experiment.generator}),
        **({} if experiment.ik == "analytic" else {"ik": experiment.ik}),
        "synthetic_augmentation_percent": arguments.synthetic_augmentation_percent,
        "filters": experiment.filters,
        "mixing": arguments.mixing,
        "fresh_data": None if experiment.fresh_data is None else str(experiment.fresh_data),
        "start_weights": arguments.start_weights,
        "processes": distributed.size,  # sums are rounded differently by another number of them
        "seed": arguments.seed,
    }


def _controller_name(arguments: Arguments) -> str | None:
    """Return who tracks motions in simulation; None where nothing is simulated."""
    if arguments.augmentation_type == "raw_mdm_output" or arguments.correction != "simulated":
        return None
    return name_or_default(arguments.controller, arguments.faithful)


def _described_controller(arguments: Arguments) -> dict[str, str]:
    """Return which weights track motions; nothing for the tracker, so that older runs go on."""
    name = _controller_name(arguments)
    if name is None or name == "tracker":
        return {}
    return {"controller": describe_controller(name, arguments.controller_weights)}
