"""One arm of the MNIST experiment, from its options to the loop.

One process makes every generation of the arm that does not exist yet. Stop it at any moment
(Ctrl-C, kill, a power cut) and repeat the command: it goes on where it was, to the same result.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from domains.mnist.arguments import BASELINES, MnistArguments
from domains.mnist.domain import build_domain
from domains.mnist.experiment import MnistExperiment, experiment_of, preset_of, settings_of
from domains.mnist.files import LARGE_FILES
from domains.mnist.generator import read_checkpoints
from domains.mnist.precision import threads_of
from loop.arm import Arm, run_arm
from loop.cycle import LoopSettings
from loop.interfaces import LargeFiles
from loop.rundir.layout import NUMBERED, Layout
from model.threads import threads

MODEL_NUMBERS = (
    *("real_images", "epochs", "batch_size", "learning_rate", "class_dropout"),
    *("diffusion_steps", "n_feat", "patch", "ddim_steps", "guidance_weight"),
    *("published_samples", "eval_samples"),
    *("classifier_epochs", "classifier_rate", "classifier_batch"),
)
"""Numbers of a preset that decide generation 0 and its metrics."""


def mnist_layout() -> Layout:
    """Return the published names: <gg>/, metrics under "0", of generation 0 "0" and the epoch."""

    def keys(generation: int, checkpoint: str) -> Sequence[str]:
        epoch = checkpoint.removeprefix("model_").removesuffix(".pth")
        return ("0",) if generation else ("0", epoch)

    return dataclasses.replace(NUMBERED, keys=keys)


def run(arguments: MnistArguments) -> None:
    """Make all generations of the arm that do not exist yet.

    Raises:
        ScscError: bad options, missing or damaged files, another process on the same arm.
    """
    arguments = arguments.continued(preset_of(arguments))
    experiment = experiment_of(arguments)
    folder, parent = arguments.folder(experiment.preset), arguments.save_dir_parent
    ratio = 0.0 if arguments.train_type in BASELINES else arguments.ratio()
    own_start = arguments.train_type == "baseline" and arguments.start_from is None
    arm = Arm(
        folder=folder,
        settings=settings_of(experiment, arguments, ratio),
        loop=_loop_settings(arguments, experiment, ratio),
        read_back=read_checkpoints,
        layout=mnist_layout(),
        large=_large_files(arguments),
        later=("digits",),
        renamed={"gamma": "move"},
        start_from=None if own_start else arguments.generation_0(experiment.preset),
        start_remedy="run --train_type baseline first, with the same other options, or name "
        "another generation 0 with --start_from",
        model_settings=_model_settings(experiment),
        start_at=arguments.resume_starting_at_generation,
        discard_damaged=arguments.discard_damaged,
        loggers=arguments.loggers,
    )
    classifier = arguments.classifier_dir or parent
    with threads(threads_of(experiment.preset.n_feat)):
        run_arm(
            arm,
            lambda: dataclasses.replace(
                build_domain(experiment, arguments.data_dir, classifier, folder), large=arm.large
            ),
        )


def _loop_settings(
    arguments: MnistArguments, experiment: MnistExperiment, ratio: float
) -> LoopSettings:
    return LoopSettings(
        seed=experiment.seed,
        arm=arguments.folder(experiment.preset).name,
        generations=experiment.preset.generations,
        ratio=ratio,
        mixing=arguments.mixing,
        start_weights=arguments.start_weights,
        gamma=arguments.gamma,
        keep=arguments.keep,
        keep_samples=arguments.keep,
    )


def _model_settings(experiment: MnistExperiment) -> dict[str, Sequence[str]]:
    """Return the settings without which a model, or what its metrics stand on, is another one.

    Arms may differ in how they correct and fine-tune, and in how networks are computed. The real
    images follow from the seed, but for the published ones, which are always the first.
    """
    preset = experiment.preset
    images = ("fraction",) if preset.real_images is None else ()
    seed: dict[str, Sequence[str]] = {} if experiment.protocol.first_images_only else {"seed": ()}
    return {"preset": (*MODEL_NUMBERS, *images), "faithful": (), **seed}


def _large_files(arguments: MnistArguments) -> LargeFiles:
    """Return the large files; every arm starts from generation 0 of the baseline, which stays."""
    return dataclasses.replace(LARGE_FILES, first=1 if arguments.train_type == "baseline" else 0)
