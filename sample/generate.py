"""Draw motions: `python -m sample.generate --text_prompt "a person walks in a circle"`."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

if __package__ in (None, ""):  # `python sample/generate.py`, as the published README says
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dataset.humanml3d import FPS
from diffusion import SamplerName
from domains.motion.presets import SAMPLE_GUIDANCE
from loop.cli import command
from loop.errors import InvalidOptionError
from loop.rng import Stream
from loop.rundir.files import make_folder, write_json
from loop.text import read_lines
from sample.outputs import VIDEOS, Format, write_motion
from translation.humanml import vectors_to_joints
from visualize.video.looks import Look, ViewName, render
from visualize.video.sheet import Clip

logger = logging.getLogger("scsc")

Texts = Annotated[tuple[str, ...], tyro.conf.UseAppendAction]


@dataclass(frozen=True)
class Arguments:
    """Draw motions for a text from a trained model."""

    text_prompt: Texts = ()
    """what the person does; repeat it for several texts"""
    input_text: Path | None = None
    """file with a text a line"""
    model_path: Path | None = None
    """folder of a finished generation or of weights, or a published .pt file; default: generation 0
    of your newest run, or the weights that come with the project"""
    output_dir: Path = Path("exp_outputs/generated")
    """where the motions go, as sample<text>_rep<repetition>.<format>"""
    num_repetitions: int = 3
    """motions to draw for each text, each from noise of its own"""
    motion_length: float = 6.0
    """seconds (published default); cut to what the model can draw"""
    guidance_param: float = SAMPLE_GUIDANCE
    """classifier-free guidance scale (the loop itself samples with 1)"""
    sampler: SamplerName | None = None
    """ddpm, ddim or dpmpp (the fewest steps); default: the model's"""
    sampling_steps: int | None = None
    """calls of the network to draw a motion; default: the model's, all of its chain with another
    sampler"""
    formats: tuple[Format, ...] = ("npy", "mp4")
    """npy (HumanML3D vectors), npz (AMASS), bvh (Blender), mp4 or gif (all motions in one video)"""
    look: Look = "skeleton"
    """of the video: skeleton, simulator (humanoid), body (skin)"""
    view: ViewName = "side"
    """of the video: side, or the published cameras a and b"""
    text_encoder: str | None = None
    """folder or hub name of the model's text encoder, if it is not where the run found it"""
    seed: int = 42
    """fixes everything"""
    device: str = "cpu"
    """torch device"""


def generate(arguments: Arguments) -> list[Path]:
    """Draw, save, and return the files, videos last.

    Raises:
        InvalidOptionError: no text, no repetition, no format, or less than two tenths of a second.
        ScscError: the model is missing or damaged, or a file cannot be written.
    """
    import torch

    from sample.models import default_model, load_model

    texts = _texts(arguments)
    frames = int(arguments.motion_length * FPS)
    repetitions = arguments.num_repetitions
    if not texts or not all(texts) or repetitions < 1 or frames < 4 or not arguments.formats:
        raise InvalidOptionError(
            "nothing to draw",
            found=f"texts {texts}, {repetitions} repetitions, {arguments.motion_length} s, "
            f"formats {arguments.formats}",
            expected="a text, at least one repetition and format, at least 0.2 s",
        )
    model = arguments.model_path or default_model()
    make_folder(arguments.output_dir)
    device = torch.device(arguments.device)
    denoiser = load_model(model, device, arguments.guidance_param, arguments.text_encoder)
    denoiser = denoiser.with_sampling(arguments.sampler, arguments.sampling_steps)
    if frames > denoiser.max_frames:
        logger.info("the model draws at most %.1f s; cut to that", denoiser.max_frames / FPS)
    prompts = [text for text in texts for _ in range(repetitions)]
    motions = denoiser.sample(prompts, [frames] * len(prompts), Stream(arguments.seed), "draw")
    places = [(text, again) for text in range(len(texts)) for again in range(repetitions)]
    names = [f"sample{text:02d}_rep{again:02d}" for text, again in places]
    out = arguments.output_dir
    paths: list[Path] = []
    for name, motion in zip(names, motions, strict=True):
        paths += write_motion(motion, out / name, arguments.formats)
    record = {
        "model": str(model),
        "seed": arguments.seed,
        "guidance": denoiser.guidance,
        "sampler": denoiser.sampling.sampler,
        "sampling_steps": denoiser.sampling.steps,
        "frames": [len(motion) for motion in motions],
        "texts": dict(zip(names, prompts, strict=True)),
    }
    write_json(out / "generated.json", record)
    return paths + _draw(arguments, names, prompts, motions, min(repetitions, 4))


def _texts(arguments: Arguments) -> list[str]:
    texts = [text.strip() for text in arguments.text_prompt]
    if arguments.input_text is not None:
        texts += read_lines(arguments.input_text, "file of texts")
    return texts


def _draw(
    arguments: Arguments,
    names: list[str],
    prompts: list[str],
    motions: list[np.ndarray],
    columns: int,
) -> list[Path]:
    clips = [
        Clip(f"{name.removeprefix('sample')} {text}", vectors_to_joints(motion))
        for name, text, motion in zip(names, prompts, motions, strict=True)
    ]
    videos = [arguments.output_dir / f"samples.{e}" for e in arguments.formats if e in VIDEOS]
    for video in videos:
        render(clips, video, arguments.look, FPS, view=arguments.view, columns=columns)
    return videos


def main() -> None:
    """Run the command line."""
    arguments = tyro.cli(Arguments, prog="python -m sample.generate")
    with command():
        paths = generate(arguments)
        logger.info("wrote %s", ", ".join(map(str, paths)))


if __name__ == "__main__":
    main()
