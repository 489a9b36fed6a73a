"""Evaluate a text-to-motion model: `python -m eval.eval_humanml --model_path ...`.

A published checkpoint (`.pt`, args.json beside it) is judged by the published evaluator, a finished
generation of our own (a folder) by the evaluator that its arm was measured with.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import tyro

from dataset.humanml3d import MotionSet, load_split
from eval.protocol import PROTOCOLS, Estimate, EvaluationProtocol, Evaluator, as_json, evaluate
from eval.published_evaluator import load_published_evaluator
from loop.atomic import read_json, storage, write_json
from loop.command import command
from loop.errors import InvalidOptionError, RunStateError
from loop.streams import Stream
from train.denoiser import Denoiser
from train.published_denoiser import GUIDANCE, published_denoiser
from train.stored_denoiser import load_denoiser
from train.train_evaluator import train_or_load_evaluator

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
    """standard: 20 repetitions with multimodality; the others: see eval/protocol.py"""
    repetitions: int | None = None
    """default: the mode's"""
    samples: int | None = None
    """motions drawn in a repetition; default: the mode's"""
    diversity_pairs: int | None = None
    """default: the mode's"""
    multimodal_texts: int | None = None
    """texts of the multimodality metric, 0 for none; default: the mode's"""
    guidance_param: float | None = None
    """classifier-free guidance scale; default: 2.5, or the arm's"""
    evaluator_root: Path = Path()
    """folder that holds t2m/, glove/ and dataset/t2m_*.npy, for published checkpoints"""
    text_encoder: Path | None = None
    """folder of the text encoder of a published checkpoint; default: the Hugging Face cache"""
    out: Path = Path("exp_outputs/eval_humanml.json")
    """where the result goes"""
    seed: int = 10
    """fixes everything"""
    device: str = "cpu"
    """torch device"""


def run(arguments: Arguments) -> dict[str, Estimate]:
    """Evaluate, write the result, and return it.

    Raises:
        ScscError: bad options, files missing or damaged, a test set too small for the mode.
    """
    if not arguments.model_path.exists():
        raise InvalidOptionError(
            "there is no such model",
            path=arguments.model_path,
            expected="a published .pt file, or the folder of a finished generation",
        )
    own = arguments.model_path.is_dir()
    denoiser, evaluator, test = _own(arguments) if own else _published(arguments)
    protocol = _protocol(arguments)

    def sample(texts: Sequence[str], frames: Sequence[int], noise: Stream) -> list[np.ndarray]:
        return denoiser.sample(texts, frames, noise, "evaluate")

    metrics = evaluate(sample, evaluator, test.items, protocol, arguments.seed)
    settings: dict[str, Any] = {
        "model": str(arguments.model_path),
        "dataset": str(test.root),
        "split": arguments.eval_split,
        "evaluator": "trained" if own else "published",
        "guidance": denoiser.guidance,
        "seed": arguments.seed,
        **asdict(protocol),
    }
    with storage(arguments.out):
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
    write_json(arguments.out, {"settings": settings, "metrics": as_json(metrics)})
    return metrics


def _protocol(arguments: Arguments) -> EvaluationProtocol:
    changes = {
        "repetitions": arguments.repetitions,
        "samples": arguments.samples,
        "diversity_pairs": arguments.diversity_pairs,
        "multimodal_texts": arguments.multimodal_texts,
    }
    given: dict[str, Any] = {name: value for name, value in changes.items() if value is not None}
    return replace(PROTOCOLS[arguments.eval_mode], **given)


def _published(arguments: Arguments) -> tuple[Denoiser, Evaluator, MotionSet]:
    test = load_split(arguments.data_dir or Path("dataset/HumanML3D"), arguments.eval_split)
    captions = (caption for item in test.items for caption in item.captions)
    device = torch.device(arguments.device)
    evaluator = load_published_evaluator(arguments.evaluator_root, captions, device)
    guidance = GUIDANCE if arguments.guidance_param is None else arguments.guidance_param
    denoiser = published_denoiser(
        arguments.model_path, (test.mean, test.std), device, guidance, arguments.text_encoder
    )
    return denoiser, evaluator, test


def _own(arguments: Arguments) -> tuple[Denoiser, Evaluator, MotionSet]:
    denoiser = load_denoiser(
        arguments.model_path, torch.device(arguments.device), arguments.guidance_param
    )
    arm = arguments.model_path.resolve().parent
    stored = read_json(arm / "args.json")
    try:
        trained_on = Path(stored["dataset"])
        preset, seed = stored["preset"]["evaluator"], stored["seed"]
    except (KeyError, TypeError) as error:
        raise RunStateError(
            "args.json does not name dataset, evaluator and seed", path=arm / "args.json"
        ) from error
    evaluator = train_or_load_evaluator(
        trained_on, arm.parent / "cache" / "evaluator", preset, seed
    )
    return denoiser, evaluator, load_split(arguments.data_dir or trained_on, arguments.eval_split)


def main() -> None:
    """Command line."""
    arguments = tyro.cli(Arguments, prog="python -m eval.eval_humanml")
    with command():
        metrics = run(arguments)
        for name, estimate in metrics.items():
            logger.info("%s: %s", name, estimate)
        logger.info("wrote %s", arguments.out)


if __name__ == "__main__":
    main()
