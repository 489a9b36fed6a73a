"""Draw motions for a text: `python -m sample.generate --text_prompt "a person walks forward"`."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import tyro

from dataset.humanml3d import read_statistics
from loop.atomic import storage
from loop.command import command
from loop.errors import InvalidOptionError
from loop.streams import Stream
from train.denoiser import Denoiser
from train.published_denoiser import GUIDANCE, published_denoiser
from train.stored_denoiser import load_denoiser

logger = logging.getLogger("scsc")

FPS = 20


@dataclass(frozen=True)
class Arguments:
    """Draw motions for a text from a finished generation, or from a published checkpoint."""

    text_prompt: str
    """what the person does"""
    generation: Path = Path("exp_outputs/dataset_demo/generation_0/generation_0")
    """folder of a finished generation, or a published checkpoint such as
    save/humanml_trans_enc_512/model000475000.pt with args.json beside it"""
    output_dir: Path = Path("exp_outputs/generated")
    """where the motions go, as sample_<i>.npy (F, 263)"""
    num_samples: int = 3
    """motions to draw, each from noise of its own"""
    motion_length: float = 3.0
    """seconds; cut to what the model can draw"""
    guidance_param: float | None = None
    """classifier-free guidance scale; default: that of the run, 2.5 for a published checkpoint"""
    text_encoder: str | None = None
    """folder or hub name of the model's text encoder; default: where the run found it, or the
    Hugging Face cache"""
    seed: int = 42
    """fixes everything"""
    device: str = "cpu"
    """torch device"""
    data_dir: Path = Path("dataset/HumanML3D")
    """whose Mean.npy and Std.npy a published checkpoint was trained with"""


def generate(arguments: Arguments) -> list[Path]:
    """Draw, save, and return the files.

    Raises:
        InvalidOptionError: an empty text, no samples, or less than two tenths of a second.
        ScscError: the generation is missing or damaged.
    """
    frames = int(arguments.motion_length * FPS)
    if not arguments.text_prompt.strip() or arguments.num_samples < 1 or frames < 4:
        raise InvalidOptionError(
            "nothing to draw",
            found=f"text {arguments.text_prompt!r}, {arguments.num_samples} samples, "
            f"{arguments.motion_length} s",
            expected="a text, at least one sample, at least 0.2 s",
        )
    denoiser = _denoiser(arguments)
    count = arguments.num_samples
    motions = denoiser.sample(
        [arguments.text_prompt] * count, [frames] * count, Stream(arguments.seed), "draw"
    )
    paths = [arguments.output_dir / f"sample_{i}.npy" for i in range(count)]
    with storage(arguments.output_dir):
        arguments.output_dir.mkdir(parents=True, exist_ok=True)
        for path, motion in zip(paths, motions, strict=True):
            np.save(path, motion)
    return paths


def _denoiser(arguments: Arguments) -> Denoiser:
    device = torch.device(arguments.device)
    if arguments.generation.suffix != ".pt":
        return load_denoiser(
            arguments.generation, device, arguments.guidance_param, arguments.text_encoder
        )
    return published_denoiser(
        arguments.generation,
        read_statistics(arguments.data_dir),
        device,
        GUIDANCE if arguments.guidance_param is None else arguments.guidance_param,
        arguments.text_encoder,
    )


def main() -> None:
    """Command line."""
    arguments = tyro.cli(Arguments, prog="python -m sample.generate")
    with command():
        paths = generate(arguments)
        logger.info("wrote %s", ", ".join(map(str, paths)))
        panels = " ".join(f'--panel "{path.stem}={path}"' for path in paths)
        logger.info("to see them: python -m visualize.side_by_side %s --out motions.mp4", panels)


if __name__ == "__main__":
    main()
