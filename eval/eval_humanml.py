"""Evaluate a text-to-motion model: `python -m eval.eval_humanml --model_path ...`.

A published checkpoint (`.pt`, args.json beside it) is judged by the published evaluator unless told
otherwise, a finished generation of our own (a folder) by the evaluator that its arm was measured
with.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import tyro

from dataset.humanml3d import MotionSet, load_split
from diffusion import SamplerName
from domains.motion.checkpoints.published import published_denoiser
from domains.motion.checkpoints.stored import load_denoiser
from domains.motion.denoiser import Denoiser
from domains.motion.evaluator.choice import EvaluatorKind, motion_evaluator, shared_evaluators
from domains.motion.evaluator.protocol import (
    PROTOCOLS,
    Estimate,
    EvaluationProtocol,
    as_json,
    check_protocol,
    evaluate,
    motions_drawn,
)
from domains.motion.presets import SAMPLE_GUIDANCE
from domains.motion.recorded import RecordedArm, cache_of, own_evaluators
from loop.cli import command
from loop.errors import InvalidOptionError
from loop.rng import Stream
from loop.rundir.files import prepare_file, write_json
from loop.rundir.layout import ARGUMENTS
from model.device import device_named

logger = logging.getLogger("scsc")


@dataclass(frozen=True)
class Arguments:
    """Evaluate a model with repetitions and 95 % intervals."""

    model_path: Path
    """published checkpoint such as save/humanml_trans_enc_512/model000475000.pt, or the folder of a
    finished generation"""
    data_dir: Path | None = None
    """data set in HumanML3D layout; default: dataset/HumanML3D, or what the arm was trained on"""
    eval_split: str = "test"
    """its split with the real motions"""
    eval_mode: Literal["standard", "wo_mm", "mm_short", "debug", "in_loop"] = "wo_mm"
    """standard: 20 repetitions with multimodality; the others:
    domains/motion/evaluator/protocol.py"""
    repetitions: int | None = None
    """default: the mode's"""
    samples: int | None = None
    """motions drawn in a repetition; default: the mode's"""
    diversity_pairs: int | None = None
    """default: the mode's, at most one a motion"""
    multimodal_texts: int | None = None
    """texts of the multimodality metric, 0 for none; default: the mode's"""
    guidance_param: float | None = None
    """classifier-free guidance scale; default: 2.5, or the arm's"""
    sampler: SamplerName | None = None
    """ddpm, ddim or dpmpp (the fewest steps); default: ddpm, or the arm's"""
    sampling_steps: int | None = None
    """calls of the network to draw a motion; default: all of the chain, or the arm's"""
    evaluator: EvaluatorKind | None = None
    """published: comparable with published tables; trained: ours; default: published for published
    checkpoints, else the arm's"""
    evaluator_root: Path = Path()
    """folder that holds t2m/, glove/ and dataset/t2m_*.npy of the published evaluator"""
    evaluator_preset: str = "paper"
    """size of a trained evaluator (domains/motion/evaluator/training.py), for published
    checkpoints"""
    evaluator_cache: Path = field(default_factory=shared_evaluators)
    """folder that keeps the trained evaluators"""
    text_encoder: Path | None = None
    """folder of the model's text encoder; default: the arm's, or the Hugging Face cache"""
    out: Path = Path("exp_outputs/eval_humanml.json")
    """where the result goes"""
    seed: int = 10
    """fixes everything"""
    device: str = "cpu"
    """torch device"""


def run(arguments: Arguments) -> dict[str, Estimate]:
    """Evaluate, write the result, and return it.

    Raises:
        ScscError: bad options, files missing or damaged, a test set that is too small.
    """
    prepare_file(arguments.out)
    if not arguments.model_path.exists():
        raise InvalidOptionError(
            "there is no such model",
            path=arguments.model_path,
            expected="a published .pt file, or the folder of a finished generation",
        )
    denoiser, judge, test = (_own if arguments.model_path.is_dir() else _published)(arguments)
    protocol = _protocol(arguments, len(test.items))
    check_protocol(protocol, len(test.items))  # an evaluator may take long to train
    denoiser = denoiser.with_sampling(arguments.sampler, arguments.sampling_steps)
    evaluator = motion_evaluator(
        judge.kind,
        trained_on=judge.trained_on,
        cache=arguments.evaluator_cache,
        preset=judge.preset,
        root=arguments.evaluator_root,
        captions=(caption for item in test.items for caption in item.captions),
        device=denoiser.device,
        own=judge.own,
    )

    def sample(texts: Sequence[str], frames: Sequence[int], noise: Stream) -> list[np.ndarray]:
        return denoiser.sample(texts, frames, noise, "evaluate")

    metrics = evaluate(sample, evaluator, test.items, protocol, arguments.seed)
    settings: dict[str, Any] = {
        "model": str(arguments.model_path),
        "dataset": str(test.root),
        "split": arguments.eval_split,
        "evaluator": judge.kind,
        "guidance": denoiser.guidance,
        "sampler": denoiser.sampling.sampler,
        "sampling_steps": denoiser.sampling.steps,
        "seed": arguments.seed,
        **asdict(protocol),
    }
    write_json(arguments.out, {"settings": settings, "metrics": as_json(metrics)})
    return metrics


@dataclass(frozen=True)
class _Judge:
    """Which evaluator, and what a trained one was (or will be) trained on."""

    kind: EvaluatorKind
    trained_on: Path
    preset: str
    own: Path | None = None


def _protocol(arguments: Arguments, available: int) -> EvaluationProtocol:
    """Change the mode's protocol as asked for; its diversity pairs are as many as can be drawn."""
    changes = {
        "repetitions": arguments.repetitions,
        "samples": arguments.samples,
        "diversity_pairs": arguments.diversity_pairs,
        "multimodal_texts": arguments.multimodal_texts,
    }
    given: dict[str, Any] = {name: value for name, value in changes.items() if value is not None}
    protocol = replace(PROTOCOLS[arguments.eval_mode], **given)
    pairs, drawn = protocol.diversity_pairs, motions_drawn(protocol, available)
    if arguments.diversity_pairs is None and pairs is not None and pairs > drawn:
        logger.warning(
            "diversity is of %d pairs, not of the %d of mode %s: a repetition draws %d motions for "
            "the %d of split %s", drawn, pairs, arguments.eval_mode, drawn, available,
            arguments.eval_split,
        )  # fmt: skip
        return replace(protocol, diversity_pairs=drawn)
    return protocol


def _published(arguments: Arguments) -> tuple[Denoiser, _Judge, MotionSet]:
    device = device_named(arguments.device)
    data = arguments.data_dir or Path("dataset/HumanML3D")
    test = load_split(data, arguments.eval_split)
    given = arguments.guidance_param
    guidance = SAMPLE_GUIDANCE if given is None else given
    denoiser = published_denoiser(
        arguments.model_path,
        (test.mean, test.std),
        device,
        guidance,
        arguments.text_encoder,
    )
    judge = _Judge(
        arguments.evaluator or "published",
        data,
        arguments.evaluator_preset,
    )
    return denoiser, judge, test


def _own(arguments: Arguments) -> tuple[Denoiser, _Judge, MotionSet]:
    denoiser = load_denoiser(
        arguments.model_path,
        device_named(arguments.device),
        arguments.guidance_param,
        arguments.text_encoder,
    )
    arm = arguments.model_path.resolve().parent
    recorded = RecordedArm.read(arm / ARGUMENTS)
    judge = _Judge(
        arguments.evaluator or cast(EvaluatorKind, recorded.evaluator),
        recorded.dataset,
        recorded.preset.evaluator,
        own_evaluators(cache_of(arm)),
    )
    return denoiser, judge, load_split(arguments.data_dir or judge.trained_on, arguments.eval_split)


def main() -> None:
    """Run the command line."""
    arguments = tyro.cli(Arguments, prog="python -m eval.eval_humanml")
    with command():
        metrics = run(arguments)
        for name, estimate in metrics.items():
            logger.info("%s: %s", name, estimate)
        logger.info("wrote %s", arguments.out)


if __name__ == "__main__":
    main()
