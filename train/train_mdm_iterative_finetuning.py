"""Run one arm of the motion experiment: `python -m train.train_mdm_iterative_finetuning --help`.

One process makes every generation of the arm that does not exist yet. Stop it at any moment
(Ctrl-C, kill, a power cut) and repeat the command: it goes on where it was, to the same result.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tyro

from domains.motion.distributed import TrainingTeam, device_named, joined_team
from domains.motion.domain import MotionExperiment, build_domain, synthetic_count
from domains.motion.evaluator.choice import EvaluatorKind
from domains.motion.files import MotionBatch
from domains.motion.presets import (
    CORRECTED,
    FAITHFUL,
    EvaluationSplit,
    MotionPreset,
    NoiseSchedule,
    Protocol,
    preset_named,
    with_changes,
)
from domains.motion.starting import check_finished, check_start
from loop.cli import command
from loop.cycle import LoopSettings, run_loop
from loop.errors import InvalidOptionError
from loop.loggers import SinkName, check_sinks, open_sinks
from loop.rundir.directory import RunDirectory
from loop.rundir.generation_0 import hand_over
from model.clip_encoder import TextEncoderName, text_encoder_named
from train.published_flags import translate
from uhc.controllers import registry as controllers
from uhc.request import Controller

logger = logging.getLogger("scsc")


@dataclass(frozen=True)
class Arguments:
    """Fine-tune a motion diffusion model on its own samples, generation after generation."""

    save_dir: Path
    """folder of the arm, such as exp_outputs/dataset_0064/baseline; its name is the arm's name"""
    mini_dataset_dir: Path
    """data set in HumanML3D layout, such as dataset/HumanML3D_subset_0064 or dataset/demo"""
    preset: str = "0064"
    """row of the preset table (domains/motion/presets.py), whose numbers the options below
    replace"""
    start_from: Path | None = None
    """finished generation 0 to start from (its folder generation_0); default: train one"""
    num_generations: int | None = None
    """last generation to make; default: the preset's"""
    start_at_generation: int = 0
    """refuse to start where an earlier generation is not finished"""
    synthetic_augmentation_percent: float = 0.0
    """synthetic : real ratio lambda, as a fraction from 0 (the baseline) to 1"""
    augmentation_type: Literal["raw_mdm_output", "imitation_output", "filter"] = "raw_mdm_output"
    """train on samples as they are, on what the correction function makes of them, or on those, as
    they are, that it succeeds with"""
    correction: Literal["kinematic", "refined", "simulated"] = "simulated"
    """the correction function of imitation_output and filter: simulated = physics; kinematic = its
    control without physics; refined = made dynamically feasible, but not simulated"""
    controller: controllers.Name | None = None
    """who follows a motion in simulation: tracker needs no weights; where it would need help,
    policy (learned by exp_scripts/train_uhc.sh) and search (slower) first try without; faithful is
    the published one, whose files you bring. Default: policy, and tracker with --faithful"""
    controller_weights: Path | None = None
    """default: the policy's that come along, or where prepare/download_uhc.sh puts the published"""
    mixing: str = "latest"
    """mixing policy: latest (published), accumulate, accumulate_subsample, triangular, replace,
    fresh_data"""
    fresh_data_dir: Path | None = None
    """data set whose other training clips --mixing fresh_data deals out, such as
    dataset/HumanML3D_subset_2794; each generation takes as many as mini_dataset_dir has"""
    start_weights: Literal["last", "scratch"] = "last"
    """fine-tune the last generation (published), or train each one as generation 0 was"""
    faithful: bool = False
    """behave as the published code does, defects included (listed in domains/motion/presets.py)"""
    text_encoder: TextEncoderName = "minilm"
    """what captions become vectors with: minilm comes along; clip (published) and distilbert are
    files that you bring"""
    text_encoder_source: str | None = None
    """folder or hub name of clip or distilbert; default: the published hub name, which has to be in
    the Hugging Face cache"""
    evaluator: EvaluatorKind = "trained"
    """what FID and matching stand on: trained on this data set, or the published one, whose files
    prepare/download_{t2m_evaluators,glove}.sh fetch"""
    evaluator_root: Path = Path()
    """folder that holds t2m/, glove/ and dataset/t2m_*.npy of the published evaluator"""
    seed: int = 42
    """fixes everything"""
    generation_0_steps: int | None = None
    """optimiser steps of generation 0; default: the preset's"""
    num_steps: int | None = None
    """optimiser steps of every later generation, or of generation 0 where --num_generations is 0;
    default: the preset's"""
    batch_size: int | None = None
    """default: the preset's"""
    lr: float | None = None
    """learning rate; default: the preset's"""
    lr_anneal_steps: int | None = None
    """let the learning rate fall linearly to 0 at this step of a generation; default: constant"""
    weight_decay: float | None = None
    """of AdamW; default: the preset's"""
    layers: int | None = None
    """of the transformer encoder; default: the preset's"""
    latent_dim: int | None = None
    """width of the transformer encoder; default: the preset's"""
    cond_mask_prob: float | None = None
    """share of the training texts that are hidden; default: the preset's"""
    diffusion_steps: int | None = None
    """length of the noising chain and of sampling; default: the preset's"""
    noise_schedule: NoiseSchedule | None = None
    """betas of the noising chain; default: the preset's"""
    guidance_param: float | None = None
    """classifier-free guidance scale of sampling; default: 2.5, --faithful: 1"""
    eval_num_samples: int | None = None
    """motions drawn to evaluate a generation; default: the preset's"""
    eval_rep_times: int | None = None
    """evaluate so often, metrics are means; default: the preset's"""
    eval_split: EvaluationSplit | None = None
    """evaluate with the captions and motions of this split; default: the preset's"""
    workers: int = os.cpu_count() or 1
    """processes of the correction; the result does not depend on it"""
    keep: str | None = None
    """generations before the newest that keep their checkpoints: last (none), every:N or all;
    default: the preset's. With last, a finished arm keeps only what one samples with: to make more
    generations later, choose another"""
    keep_samples: str | None = None
    """those that keep their synthetic motions, in the same words; all do where --mixing reads them;
    default: the preset's"""
    sinks: tuple[SinkName, ...] = ()
    """also send the metrics to tensorboard or wandb; a later run fills them from the beginning"""
    device: str = "auto"
    """where the networks run: auto (a GPU if there is one), cpu, cuda, or the number of a GPU"""


def run(arguments: Arguments) -> None:
    """Make all generations of the arm that do not exist yet.

    Raises:
        ScscError: bad options, missing or damaged files, another process on the same arm.
    """
    check_sinks(arguments.sinks)
    preset, protocol = _preset(arguments), _protocol(arguments)
    _check_guidance(preset, protocol)
    experiment = MotionExperiment(
        dataset=arguments.mini_dataset_dir,
        cache=arguments.save_dir.parent / "cache",
        preset=preset,
        protocol=protocol,
        correction="none"
        if arguments.augmentation_type == "raw_mdm_output"
        else arguments.correction,
        seed=arguments.seed,
        text_encoder=arguments.text_encoder,
        text_encoder_source=arguments.text_encoder_source,
        evaluator=arguments.evaluator,
        evaluator_root=arguments.evaluator_root,
        filters=arguments.augmentation_type == "filter",
        controller=_controller(arguments),
        fresh_data=arguments.fresh_data_dir,
    )
    with joined_team() as team:
        described = _settings(experiment, arguments, team)
        if arguments.start_from is not None:
            check_start(arguments.start_from, described)  # before anything of it is on the disk
        with RunDirectory(arguments.save_dir, described, team=team) as directory:
            _start(arguments, directory, team)
            _make_generations(arguments, experiment, directory, team)
    logger.info("finished: %s", arguments.save_dir)


def _start(arguments: Arguments, directory: RunDirectory[MotionBatch], team: TrainingTeam) -> None:
    """Hand generation 0 over where the user says from where."""
    with team.leader_first():
        if team.leads and arguments.start_from is not None:
            hand_over(arguments.start_from, arguments.save_dir)
    check_finished(directory.last(), arguments.start_at_generation, arguments.save_dir)


def _make_generations(
    arguments: Arguments,
    experiment: MotionExperiment,
    directory: RunDirectory[MotionBatch],
    team: TrainingTeam,
) -> None:
    device = device_named(arguments.device, team)
    with team.leader_first():  # which fills the caches
        domain = build_domain(experiment, arguments.workers, device, team)
    preset, generations = experiment.preset, arguments.num_generations
    settings = LoopSettings(
        seed=arguments.seed,
        arm=arguments.save_dir.name,
        generations=preset.generations if generations is None else generations,
        synthetic_count=synthetic_count(arguments.synthetic_augmentation_percent, domain.real),
        mixing=arguments.mixing,
        start_weights=arguments.start_weights,
        keep=arguments.keep or preset.keep,
        keep_samples=arguments.keep_samples or preset.keep_samples,
    )
    with open_sinks(arguments.sinks if team.leads else (), directory) as report:
        run_loop(domain, settings, directory, report)


def _preset(arguments: Arguments) -> MotionPreset:
    """The row of the table, with the numbers that the user gave."""
    first, later = arguments.generation_0_steps, arguments.num_steps
    if arguments.num_generations == 0:  # published scripts train generation 0 with --num_steps
        first, later = later if first is None else first, None
    return with_changes(
        preset_named(arguments.preset),
        generation_0_steps=first,
        steps_per_generation=later,
        batch_size=arguments.batch_size,
        learning_rate=arguments.lr,
        lr_anneal_steps=arguments.lr_anneal_steps,
        weight_decay=arguments.weight_decay,
        layers=arguments.layers,
        latent_dim=arguments.latent_dim,
        condition_dropout=arguments.cond_mask_prob,
        diffusion_steps=arguments.diffusion_steps,
        noise_schedule=arguments.noise_schedule,
        eval_samples=arguments.eval_num_samples,
        eval_repetitions=arguments.eval_rep_times,
        eval_split=arguments.eval_split,
    )


def _protocol(arguments: Arguments) -> Protocol:
    """Published or corrected behaviour, with the guidance that the user gave."""
    protocol = FAITHFUL if arguments.faithful else CORRECTED
    guidance = arguments.guidance_param
    return protocol if guidance is None else dataclasses.replace(protocol, guidance=guidance)


def _check_guidance(preset: MotionPreset, protocol: Protocol) -> None:
    """Raise InvalidOptionError for guidance by a network that never draws without a text."""
    if preset.condition_dropout <= 0 and protocol.guidance != 1:
        raise InvalidOptionError(
            "guidance needs a network that is also trained without texts",
            found=f"--cond_mask_prob {preset.condition_dropout:g}, guidance {protocol.guidance:g}",
            expected="--cond_mask_prob above 0 (published: 0.1), or no guidance",
            remedy="add --guidance_param 1, or leave --cond_mask_prob out",
        )


def _settings(
    experiment: MotionExperiment, arguments: Arguments, team: TrainingTeam
) -> dict[str, Any]:
    """What a resumed run must have in common with the one that started (args.json)."""
    encoder = text_encoder_named(
        experiment.text_encoder, source=experiment.text_encoder_source
    )  # its name tells the weights
    return {
        "dataset": str(experiment.dataset),
        "preset": dataclasses.asdict(experiment.preset),
        "protocol": dataclasses.asdict(experiment.protocol),
        "faithful": arguments.faithful,
        "correction": experiment.correction,
        **_described_controller(arguments),
        "text_encoder": {
            "kind": experiment.text_encoder,
            "source": experiment.text_encoder_source,
            "weights": encoder.name,
        },
        "evaluator": experiment.evaluator,
        "synthetic_augmentation_percent": arguments.synthetic_augmentation_percent,
        "filters": experiment.filters,
        "mixing": arguments.mixing,
        "fresh_data": None if experiment.fresh_data is None else str(experiment.fresh_data),
        "start_weights": arguments.start_weights,
        "processes": team.size,  # sums are rounded differently by another number of them
        "seed": arguments.seed,
    }


def _follower(arguments: Arguments) -> controllers.Name | None:
    """Who follows motions in simulation; None where nothing is simulated."""
    if arguments.augmentation_type == "raw_mdm_output" or arguments.correction != "simulated":
        return None
    return controllers.or_default(arguments.controller, arguments.faithful)


def _controller(arguments: Arguments) -> Controller | None:
    name = _follower(arguments)
    if name is None:
        return None
    return controllers.controller_named(name, arguments.controller_weights)


def _described_controller(arguments: Arguments) -> dict[str, str]:
    """Which weights follow motions; nothing for the tracker, so that older runs go on."""
    name = _follower(arguments)
    if name is None or name == "tracker":
        return {}
    return {"controller": controllers.described(name, arguments.controller_weights)}


def main() -> None:
    """Command line."""
    with command():
        said = translate(sys.argv[1:])
    arguments = tyro.cli(
        Arguments,
        prog="python -m train.train_mdm_iterative_finetuning",
        description=f"{Arguments.__doc__} What became of published options that are not listed "
        "here: `python -m train.published_flags`.",
        args=said,
        use_underscores=True,
    )
    kept = f"stopped; finished work is kept in {arguments.save_dir}, the same command goes on"
    with command(interrupted=kept):
        run(arguments)


if __name__ == "__main__":
    main()
