"""The motion experiment: MDM, physics correction and metrics, put together for the loop."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import cast, get_args

import torch

from dataset.humanml3d import MotionItem, MotionSet, load_split, read_ids
from dataset.pool import load_pool
from dataset.split_distance import report_split
from domains.motion.captioned import require_captioned
from domains.motion.checkpoints.generation_0 import starting_weights
from domains.motion.correction import MotionCorrection, body_of
from domains.motion.denoiser import new_denoiser
from domains.motion.distributed import TorchDistributed
from domains.motion.evaluation import MotionEvaluation, prompts_of
from domains.motion.evaluator.choice import EvaluatorKind, motion_evaluator, shared_evaluators
from domains.motion.evaluator.protocol import Evaluator as MotionEvaluator
from domains.motion.files import (
    LARGE_FILES,
    OWN_LARGE_FILES,
    CorrectionFiles,
    MotionBatch,
    SampleFiles,
)
from domains.motion.generator import MotionGenerator
from domains.motion.presets import CORRECTED, MotionPreset, Protocol, preset_named
from domains.motion.published_evaluation import PublishedEvaluation
from domains.motion.recorded import own_evaluators
from domains.motion.registries import CORRECTIONS, EVALUATORS, GENERATORS, MDM
from domains.motion.repeated_evaluation import RepeatedEvaluation
from loop.arm import Built
from loop.errors import InvalidOptionError
from loop.interfaces import Correction, Evaluator, LargeFiles, NoCorrection
from loop.registry import construct
from loop.rundir.files import make_folder
from model.cached_text_encoder import CachedTextEncoder
from model.clip_encoder import TextEncoderName, text_encoder_named
from model.ik import IK
from uhc.controllers.base import Controller
from uhc.controllers.tracker import Tracker
from uhc.options import CorrectionOptions, Method

FINGERPRINT = "evaluator_fingerprint"
"""Name in args.json of what the metrics stand on."""
DIVERGED = "diverged"
"""Folder beside the arms for the states of simulations that diverged, to look into."""


@dataclass(frozen=True)
class MotionExperiment:
    """What decides the result of an arm.

    Attributes:
        dataset: folder in HumanML3D layout.
        cache: where the caption embeddings are kept, shared by all arms.
        preset: sizes and numbers of steps.
        protocol: published or corrected behaviour.
        correction: `none` for the raw arms, else the correction function.
        seed: fixes everything.
        filters: the correction only decides which samples stay, as they were drawn.
        controller: the tracking controller of the simulation.
        fresh_data: another data set, whose training clips that `dataset` does not have are dealt
            out by the mixing policy `fresh_data`.
        ik: inverse kinematics of the correction.
        start: weights that come along as generation 0; None trains it.
        generator: the generative model.
        text_encoder: what the captions become vectors with.
        text_encoder_source: folder or hub name of a text encoder that the user brings.
        evaluator: what the metrics stand on.
        evaluator_root: where the files of the published evaluator lie.
        evaluators: folder of the trained evaluators, shared by all experiments.
    """

    dataset: Path
    cache: Path
    preset: MotionPreset
    protocol: Protocol
    correction: str
    seed: int
    text_encoder: TextEncoderName = "minilm"
    text_encoder_source: str | None = None
    evaluator: str = "trained"
    evaluator_root: Path = Path()
    evaluators: Path = field(default_factory=shared_evaluators)
    filters: bool = False
    controller: Controller = field(default_factory=Tracker)
    fresh_data: Path | None = None
    ik: IK = "analytic"
    start: Path | None = None
    generator: str = MDM


def build_domain(
    experiment: MotionExperiment,
    workers: int,
    device: torch.device,
    distributed: TorchDistributed | None = None,
) -> Built[MotionBatch]:
    """Put together what the loop needs; trains the evaluator where it is not cached yet.

    Args:
        experiment: what decides the result.
        workers: processes of the correction.
        device: where the networks run.
        distributed: the processes that train together; by default this one is alone.

    Raises:
        ScscError: the data set or an asset is missing or unsound.
    """
    preset, protocol = experiment.preset, experiment.protocol
    train, test = (
        load_split(experiment.dataset, split, skip_damaged=protocol.skip_damaged)
        for split in ("train", preset.eval_split)
    )
    report_split(train.items, test.items)
    make_folder(experiment.cache)
    reserve = None if experiment.fresh_data is None else _reserve(experiment.fresh_data, train)
    pool = None
    if experiment.evaluator == "trained" or experiment.start is not None:
        pool = load_pool(experiment.dataset, skip_damaged=protocol.skip_damaged)
    if experiment.generator == MDM:
        told = [*train.items, *_prompts(experiment, test)]
        told += () if reserve is None else reserve.items
        generator = _mdm(experiment, train, told, pool, device, distributed)
    else:
        own = GENERATORS.resolve(experiment.generator)
        generator = construct(
            own, real=MotionBatch(train.items), mean=train.mean, std=train.std, preset=preset,
            max_frames=preset.max_frames, seed=experiment.seed, device=device,
        )  # fmt: skip
    judge = _judge(experiment, test, pool, device)
    if judge is not None:
        require_captioned(generator)
    prompts = count_prompts(train, protocol)
    return Built(
        real=MotionBatch(train.items),
        generator=generator,
        correction=_correction(experiment, workers, train, judge),
        evaluator=RepeatedEvaluation(
            _evaluation(experiment, train, test, judge), preset.eval_repetitions
        ),
        samples=SampleFiles(),
        corrections=CorrectionFiles(
            experiment.controller.attempts if experiment.correction == "simulated" else ""
        ),
        reserve=reserve,
        large=large_files(experiment.generator),
        synthetic_count=lambda ratio, _: int(ratio * prompts),  # published rounding
        later={FINGERPRINT: getattr(judge, "fingerprint", experiment.evaluator)},
    )


def large_files(generator: str) -> LargeFiles:
    """Return the files of a generation that retention may remove."""
    return LARGE_FILES if generator == MDM else OWN_LARGE_FILES


def _mdm(
    experiment: MotionExperiment,
    train: MotionSet,
    told: Sequence[MotionItem],
    pool: MotionSet | None,
    device: torch.device,
    distributed: TorchDistributed | None,
) -> MotionGenerator:
    """Build the published model; `told`: all motions whose captions the arm will ask for."""
    preset, protocol = experiment.preset, experiment.protocol
    encoder = _caption_encoder(experiment, device)
    # Whoever comes next finds them in the cache, and need not load a language model, with seconds
    # and memory of its own.
    encoder.encode([caption.text for item in told for caption in item.captions])
    denoiser = new_denoiser(
        preset, protocol, encoder, (train.mean, train.std), experiment.seed, device
    )
    start = _starting_weights(experiment, train, pool, encoder.name)
    return MotionGenerator(
        denoiser, train, preset, protocol, experiment.seed, distributed, start,
        experiment.cache / "drawn",
    )  # fmt: skip


def count_prompts(train: MotionSet, protocol: Protocol) -> int:
    """Count the clips that lambda counts: those that can prompt, or all listed ones (published)."""
    if protocol.first_caption_only:
        return len(read_ids(train.root, train.split))
    return sum(item.name == item.id for item in train.items)


def _starting_weights(
    experiment: MotionExperiment, train: MotionSet, pool: MotionSet | None, encoder: str
) -> dict[str, torch.Tensor] | None:
    if experiment.start is None or pool is None:
        return None
    cache = experiment.evaluators if experiment.evaluator == "trained" else None
    preset, protocol = experiment.preset, experiment.protocol
    return starting_weights(experiment.start, train, pool, preset, protocol, encoder, cache)


def motions(
    dataset: Path,
    preset: str = "demo",
    correction: str = "simulated",
    workers: int = os.cpu_count() or 1,
    device: str = "cpu",
    seed: int = 42,
) -> Built[MotionBatch]:
    """Build the domain for `python -m scsc --domain motion`.

    Args:
        dataset: folder in HumanML3D layout.
        preset: row of the preset table (domains/motion/presets.py).
        correction: the correction function; `none` for the raw loop.
        workers: processes of the correction.
        device: where the networks run.
        seed: fixes everything.
    """
    experiment = MotionExperiment(
        dataset=dataset,
        cache=dataset / "cache",
        preset=preset_named(preset),
        protocol=CORRECTED,
        correction=correction,
        seed=seed,
    )
    domain = build_domain(experiment, workers, torch.device(device))
    numbers = {"preset": asdict(experiment.preset), "protocol": asdict(experiment.protocol)}
    return replace(domain, later={**domain.later, **numbers})


def _evaluation(
    experiment: MotionExperiment,
    train: MotionSet,
    test: MotionSet,
    judge: MotionEvaluator | None,
) -> Evaluator[MotionBatch]:
    samples, longest = experiment.preset.eval_samples, experiment.preset.max_frames
    if judge is None:
        own = EVALUATORS.resolve(experiment.evaluator)
        return construct(own, real=MotionBatch(train.items), test=MotionBatch(test.items))
    if experiment.protocol.two_passes:
        return PublishedEvaluation(longest, test, judge, samples, experiment.seed)
    return MotionEvaluation(longest, test, train, judge, samples)


def _judge(
    experiment: MotionExperiment, test: MotionSet, pool: MotionSet | None, device: torch.device
) -> MotionEvaluator | None:
    """Return what embeds motions and captions; None where the user brings the whole evaluation."""
    if experiment.evaluator not in EVALUATORS.names:
        return None
    return motion_evaluator(
        cast(EvaluatorKind, experiment.evaluator),
        trained_on=experiment.dataset,
        cache=experiment.evaluators,
        preset=experiment.preset.evaluator,
        root=experiment.evaluator_root,
        captions=(caption for item in _prompts(experiment, test) for caption in item.captions),
        device=device,
        skip_damaged=experiment.protocol.skip_damaged,
        own=own_evaluators(experiment.cache),
        pool=pool,
    )


def _prompts(experiment: MotionExperiment, test: MotionSet) -> Sequence[MotionItem]:
    """List the test motions whose captions the evaluation will ask for."""
    if experiment.protocol.two_passes:
        return test.items
    return prompts_of(test, experiment.preset.eval_samples)


def _reserve(dataset: Path, used: MotionSet) -> MotionBatch:
    """Return training motions of another data set whose clips are not in `used`."""
    ids = {item.id for item in used.items}
    return MotionBatch(tuple(i for i in load_split(dataset, "train").items if i.id not in ids))


def _caption_encoder(experiment: MotionExperiment, device: torch.device) -> CachedTextEncoder:
    """Build the text encoder with its own cache file: other encoders' arms share the folder."""
    encoder = text_encoder_named(experiment.text_encoder, device, experiment.text_encoder_source)
    file = experiment.cache / f"captions_{encoder.name.replace('/', '_')}.safetensors"
    return CachedTextEncoder(encoder, file)


def _correction(
    experiment: MotionExperiment, workers: int, real: MotionSet, judge: MotionEvaluator | None
) -> Correction[MotionBatch]:
    if experiment.correction == "none":
        return NoCorrection()
    if experiment.correction not in get_args(Method):
        if experiment.filters:
            raise InvalidOptionError(
                "only physics tells which samples to filter out",
                found=f"--augmentation_type filter --correction {experiment.correction}",
                expected=f"--correction {' | '.join(get_args(Method))}",
            )
        build = CORRECTIONS.resolve(experiment.correction)
        return construct(
            build, real=MotionBatch(real.items), body=body_of(real), seed=experiment.seed,
            workers=workers, evaluator=judge, max_frames=experiment.preset.max_frames,
        )  # fmt: skip
    protocol = experiment.protocol
    options = CorrectionOptions(
        cast(Method, experiment.correction),
        experiment.controller,
        protocol.playback_rate,
        protocol.on_failure == "teleport",
        skeleton=body_of(real),
        dump_folder=experiment.cache.parent / DIVERGED,
        keep_heading=protocol.keep_heading,
        ik=experiment.ik,
    )
    return MotionCorrection(options, workers, protocol.on_failure, experiment.filters)


def check_ratio(ratio: float, protocol: Protocol) -> None:
    """Refuse a lambda that there are no prompts for.

    Raises:
        InvalidOptionError: lambda is negative, not finite, or above 1 where prompts are published.
    """
    most = 1.0 if protocol.first_caption_only else sys.float_info.max
    if not 0 <= ratio <= most:
        raise InvalidOptionError(
            "synthetic_augmentation_percent is a fraction",
            found=ratio,
            expected="0 to 1 with --faithful, else any number from 0",
        )
