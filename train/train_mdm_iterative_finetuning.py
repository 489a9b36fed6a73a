"""Run one arm of the motion experiment: `python -m train.train_mdm_iterative_finetuning --help`.

One process makes every generation of the arm that does not exist yet. Stop it at any moment
(Ctrl-C, kill, a power cut) and repeat the command: it goes on where it was, to the same result.
"""

from __future__ import annotations

import dataclasses
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import tyro

from loop.command import command
from loop.cycle import LoopSettings, run_loop
from loop.errors import InvalidOptionError
from loop.rundir import RunDirectory
from loop.sweep import hand_over
from model.clip_encoder import TextEncoderName, text_encoder_named
from train.motion import MotionExperiment, build_domain, synthetic_count
from train.motion_evaluators import EvaluatorKind
from train.presets import CORRECTED, FAITHFUL, preset_named, with_changes

logger = logging.getLogger("scsc")


@dataclass(frozen=True)
class Arguments:
    """Fine-tune a motion diffusion model on its own samples, generation after generation."""

    save_dir: Path
    """folder of the arm, such as exp_outputs/dataset_0064/baseline; its name is the arm's name"""
    mini_dataset_dir: Path
    """data set in HumanML3D layout, such as dataset/HumanML3D_subset_0064 or dataset/demo"""
    preset: str = "0064"
    """row of the preset table (train/presets.py): smoke, demo, 0064, 0128, 0256, 2794"""
    start_from: Path | None = None
    """finished generation 0 to start from (its folder generation_0); default: train one"""
    num_generations: int | None = None
    """last generation to make; default: the preset's"""
    synthetic_augmentation_percent: float = 0.0
    """synthetic : real ratio lambda, as a fraction from 0 (the baseline) to 1"""
    augmentation_type: Literal["raw_mdm_output", "imitation_output"] = "raw_mdm_output"
    """train on samples as they are, or on what the correction function makes of them"""
    correction: Literal["kinematic", "refined", "simulated"] = "simulated"
    """the correction function of imitation_output: simulated = physics; kinematic = its control
    without physics; refined = made dynamically feasible, but not simulated"""
    mixing: str = "latest"
    """mixing policy: latest (published), accumulate, accumulate_subsample, triangular, replace"""
    faithful: bool = False
    """behave as the published code does, defects included (listed in train/presets.py)"""
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
    """optimiser steps of every later generation; default: the preset's"""
    batch_size: int | None = None
    """default: the preset's"""
    lr: float | None = None
    """learning rate; default: the preset's"""
    eval_num_samples: int | None = None
    """motions drawn to evaluate a generation; default: the preset's"""
    workers: int = os.cpu_count() or 1
    """processes of the correction; the result does not depend on it"""
    device: str = "cpu"
    """torch device of the networks, such as cpu or cuda"""


def run(arguments: Arguments) -> None:
    """Make all generations of the arm that do not exist yet.

    Raises:
        ScscError: bad options, missing or damaged files, another process on the same arm.
    """
    preset = with_changes(
        preset_named(arguments.preset),
        generation_0_steps=arguments.generation_0_steps,
        steps_per_generation=arguments.num_steps,
        batch_size=arguments.batch_size,
        learning_rate=arguments.lr,
        eval_samples=arguments.eval_num_samples,
    )
    corrects = arguments.augmentation_type == "imitation_output"
    experiment = MotionExperiment(
        dataset=arguments.mini_dataset_dir,
        cache=arguments.save_dir.parent / "cache",
        preset=preset,
        protocol=FAITHFUL if arguments.faithful else CORRECTED,
        correction=arguments.correction if corrects else "none",
        seed=arguments.seed,
        text_encoder=arguments.text_encoder,
        text_encoder_source=arguments.text_encoder_source,
        evaluator=arguments.evaluator,
        evaluator_root=arguments.evaluator_root,
    )
    with RunDirectory(arguments.save_dir, _settings(experiment, arguments)) as directory:
        if arguments.start_from is not None:
            hand_over(arguments.start_from, arguments.save_dir)
        domain = build_domain(experiment, arguments.workers, _device(arguments.device))
        generations = arguments.num_generations
        settings = LoopSettings(
            seed=arguments.seed,
            arm=arguments.save_dir.name,
            generations=preset.generations if generations is None else generations,
            synthetic_count=synthetic_count(arguments.synthetic_augmentation_percent, domain.real),
            mixing=arguments.mixing,
        )
        run_loop(domain, settings, directory)
    logger.info("finished: %s", arguments.save_dir)


def _settings(experiment: MotionExperiment, arguments: Arguments) -> dict[str, Any]:
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
        "text_encoder": {
            "kind": experiment.text_encoder,
            "source": experiment.text_encoder_source,
            "weights": encoder.name,
        },
        "evaluator": experiment.evaluator,
        "synthetic_augmentation_percent": arguments.synthetic_augmentation_percent,
        "mixing": arguments.mixing,
        "seed": arguments.seed,
    }


def _device(name: str) -> torch.device:
    """The device of that name, if it is there."""
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InvalidOptionError(
            "this device cannot be used", found=f"{name}: {error}", remedy="try --device cpu"
        ) from error
    return device


def main() -> None:
    """Command line."""
    arguments = tyro.cli(Arguments, prog="python -m train.train_mdm_iterative_finetuning")
    kept = f"stopped; finished work is kept in {arguments.save_dir}, the same command goes on"
    with command(interrupted=kept):
        run(arguments)


if __name__ == "__main__":
    main()
