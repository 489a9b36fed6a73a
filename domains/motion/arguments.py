"""Options of the motion trainer: the published ones under their names, and ours."""

from __future__ import annotations

import dataclasses
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

from diffusion import SamplerName, check_steps
from domains.motion.presets import (
    CORRECTED,
    FAITHFUL,
    EvaluationSplit,
    MotionPreset,
    NoiseSchedule,
    Protocol,
    check_guidance,
    preset_named,
)
from domains.motion.registries import CORRECTIONS, EVALUATORS, GENERATORS, MDM
from loop.errors import InvalidOptionError
from loop.loggers import LoggerName
from loop.mixing import POLICIES
from loop.presets import with_changes
from loop.registry import Registry
from loop.rundir.layout import ARGUMENTS
from loop.rundir.read import read_settings
from model.clip_encoder import TextEncoderName
from model.ik import IK
from uhc.controllers.registry import CONTROLLERS

logger = logging.getLogger("scsc")


def _listed(what: str, registry: Registry) -> str:
    return f"{what}: {registry.help()}"


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
    generation_0_weights: Path | None = None
    """weights that come along, such as weights/demo, to be generation 0 instead of training it"""
    from_scratch: bool = False
    """train generation 0 here, whatever weights come along"""
    num_generations: int | None = None
    """last generation to make; default: the preset's"""
    start_at_generation: int = 0
    """refuse to start where an earlier generation is not finished"""
    synthetic_augmentation_percent: float = 0.0
    """synthetic : real ratio lambda, as a fraction from 0 (the baseline); above 1, with several
    motions a clip, not with --faithful"""
    augmentation_type: Literal["raw_mdm_output", "imitation_output", "filter"] = "raw_mdm_output"
    """train on samples as they are, on what the correction function makes of them, or on those, as
    they are, that it succeeds with"""
    generator: Annotated[str, arg(help=_listed("generative model", GENERATORS))] = MDM
    correction: Annotated[str, arg(help=_listed("correction function", CORRECTIONS))] = "simulated"
    controller: Annotated[
        str | None,
        arg(help=_listed("controller; default: policy, or tracker if faithful", CONTROLLERS)),
    ] = None
    controller_weights: Path | None = None
    """file of the controller's weights; default: the policy's that come along, or where
    prepare/download_uhc.sh puts the published"""
    gamma: float = float("inf")
    """strength of the correction: a sample is replaced by its corrected version with probability
    gamma / (1 + gamma); inf: always (published)"""
    ik: IK = "analytic"
    """inverse kinematics: analytic (ours), or vposer (published; needs its licensed file)"""
    mixing: Annotated[str, arg(help=_listed("mixing policy", POLICIES))] = "latest"
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
    evaluator: Annotated[str, arg(help=_listed("evaluator", EVALUATORS))] = "trained"
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
    """length of the noising chain; default: the preset's"""
    noise_schedule: NoiseSchedule | None = None
    """betas of the noising chain; default: the preset's"""
    guidance_param: float | None = None
    """classifier-free guidance scale of sampling; default: 1, as the published loop samples"""
    ema_decay: float | None = None
    """of the average of weights that one samples with; 0: none (published); default: 0.99"""
    carry_optimizer: bool | None = None
    """AdamW keeps its moments from generation to generation (published: no); default: True"""
    sampler: SamplerName | None = None
    """ddpm (published), ddim, or dpmpp (DPM-Solver++), which needs the fewest steps; default: dpmpp
    in 12 steps, --faithful: ddpm; an arm that goes on, or starts from a generation 0, samples as
    those did"""
    sampling_steps: int | None = None
    """calls of the network to draw a motion; default: 12 of dpmpp, else all of the chain"""
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
    discard_damaged: bool = False
    """set a damaged newest generation aside and compute it again from the one before"""
    loggers: tuple[LoggerName, ...] = ()
    """also send the metrics to tensorboard or wandb; a later run fills them from the beginning"""
    device: str = "auto"
    """where the networks run: auto (a GPU if there is one), cpu, cuda, or the number of a GPU"""

    def numbers(self) -> MotionPreset:
        """Return the row of the preset table, with the numbers that the user gave."""
        first, later = self.generation_0_steps, self.num_steps
        if self.num_generations == 0:  # published scripts train generation 0 with --num_steps
            first, later = later if first is None else first, None
        return with_changes(
            preset_named(self.preset),
            generation_0_steps=first,
            steps_per_generation=later,
            batch_size=self.batch_size,
            learning_rate=self.lr,
            generation_0_rate=self.lr,
            lr_anneal_steps=self.lr_anneal_steps,
            weight_decay=self.weight_decay,
            layers=self.layers,
            latent_dim=self.latent_dim,
            condition_dropout=self.cond_mask_prob,
            diffusion_steps=self.diffusion_steps,
            noise_schedule=self.noise_schedule,
            eval_samples=self.eval_num_samples,
            eval_repetitions=self.eval_rep_times,
            eval_split=self.eval_split,
        )

    def weights(self) -> Path | None:
        """Return the weights to be generation 0, None where it is trained or copied.

        Raises:
            InvalidOptionError: every generation shall be trained anew.
        """
        if self.from_scratch or self.start_from is not None or self.generation_0_weights is None:
            return None
        if self.start_weights == "scratch":
            raise InvalidOptionError(
                "where every generation is trained anew, weights cannot come along",
                found=f"--start_weights scratch --generation_0_weights {self.generation_0_weights}",
                remedy="add --from_scratch",
            )
        return self.generation_0_weights

    def protocol(self) -> Protocol:
        """Return published or corrected behaviour, with what the user chose of it.

        Raises:
            InvalidOptionError: guidance by a network that is never trained without a text, or more
                steps than the chain has.
        """
        protocol = FAITHFUL if self.faithful else CORRECTED
        chosen = {"guidance": self.guidance_param, "carry_optimizer": self.carry_optimizer}
        chosen = {name: value for name, value in chosen.items() if value is not None}
        if self.ema_decay is not None:
            chosen["ema_decay"] = self.ema_decay or None
        protocol = dataclasses.replace(protocol, **chosen)
        numbers = self.numbers()
        check_guidance(protocol.guidance, numbers.condition_dropout)
        sampler, steps = self.sampler or protocol.sampler, self.sampling_steps
        if steps is None and sampler == CORRECTED.sampler and CORRECTED.sampling_steps:
            steps = min(CORRECTED.sampling_steps, numbers.diffusion_steps)
        if steps is not None:
            check_steps(steps, numbers.diffusion_steps)
        return dataclasses.replace(protocol, sampler=sampler, sampling_steps=steps)

    def continued(self) -> Arguments:
        """Return the options with guidance and sampler of the run that goes on, or of generation 0.

        Where the user gave others, those stay. Older runs recorded no sampler: theirs was ddpm.
        """
        sources = [self.save_dir, *([] if self.start_from is None else [self.start_from.parent])]
        begun = next((folder for folder in sources if (folder / ARGUMENTS).is_file()), None)
        recorded = {} if begun is None else read_settings(begun).get("protocol", {})
        if "guidance" not in recorded:
            return self
        stored = {"sampler": "ddpm", "sampling_steps": None} | recorded
        guidance = stored["guidance"] if self.guidance_param is None else self.guidance_param
        kept = dataclasses.replace(self, guidance_param=guidance)
        if self.sampler is None and self.sampling_steps is None:
            kept = dataclasses.replace(
                kept, sampler=stored["sampler"], sampling_steps=stored["sampling_steps"]
            )
        if kept.protocol() != self.protocol():
            logger.info(
                "sampling as %s began: %s, %s steps, guidance %g", begun, kept.sampler,
                kept.sampling_steps or "all", guidance,
            )  # fmt: skip
        return kept
