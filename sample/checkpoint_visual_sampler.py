"""Draw the chosen test captions from prepared checkpoints, and films of all of them.

`python sample/checkpoint_visual_sampler.py exp_outputs/dataset_SIZE/visualization M`

The folder is what exp_scripts/prep_for_visualization.py made. Start the command as often as there
are cores: each process claims a checkpoint with a lock that the system releases when the process
ends, however it ends; then it takes the next one that is neither claimed nor done.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tyro
from filelock import FileLock, Timeout

if __package__ in (None, ""):  # `python sample/checkpoint_visual_sampler.py`, as published
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dataset.captions import read_captions
from dataset.humanml3d import FPS, read_motion
from domains.motion.presets import SAMPLE_GUIDANCE
from loop.cli import command
from loop.errors import InvalidOptionError, MissingAssetError
from loop.rng import Stream
from loop.rundir.files import make_folder, read_json, write_bytes, write_json
from sample.outputs import write_motion
from translation.humanml import vectors_to_joints
from visualize.arms import BODY_COLOURS, colour_of_arm
from visualize.video.looks import Look, render
from visualize.video.sheet import Clip

if TYPE_CHECKING:
    from domains.motion.denoiser import Denoiser

logger = logging.getLogger("scsc")

LONGEST = 196
"""Frames of a whole clip's sample (published)."""
LOCK, CLAIM, DONE = ".lock", "has_job.txt", "done.json"


@dataclass(frozen=True)
class SampleRequest:
    """A motion to draw: `name` as published, for `text`, `frames` long, of real clip `clip`."""

    name: str
    clip: str
    text: str
    frames: int


@contextmanager
def claimed(checkpoint: Path, samples: int = 1) -> Iterator[bool]:
    """Tell whether this process has the checkpoint to itself and `samples` are not drawn yet.

    `has_job.txt` (published name) tells people who has it; what protects is the lock.
    """
    lock = FileLock(checkpoint / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        yield False
        return
    try:
        done = checkpoint / DONE
        free = not done.is_file() or read_json(done)["samples"] < samples
        if free:
            write_bytes(checkpoint / CLAIM, f"process {os.getpid()}\n".encode())
        yield free
    finally:
        lock.release()


def sample_requests(folder: Path, arm: str, samples: int) -> list[SampleRequest]:
    """List `samples` motions for every caption of every chosen clip, in a fixed order."""
    found = []
    for path in sorted((folder / "texts").glob("*.txt")):
        for number, (caption, start, end) in enumerate(read_captions(path)):
            frames = LONGEST if start == end == 0.0 else int(FPS * (end - start))
            for sample in range(samples):
                name = f"experiment_ID_{arm}_motion_ID_{path.stem}_text_ID_{number}"
                request = SampleRequest(
                    f"{name}_sample_ID_{sample}", path.stem, caption.text, max(frames, 8)
                )
                found.append(request)
    if not found:
        raise MissingAssetError(
            "there are no captions to draw",
            path=folder / "texts",
            remedy=_prepare(folder),
        )
    return found


def _prepare(folder: Path) -> str:
    """Return the command that fills a folder `exp_outputs/dataset_<name>/visualization`."""
    name = folder.resolve().parent.name.removeprefix("dataset_")
    return f"python exp_scripts/prep_for_visualization.py {name} 4"


def draw(denoiser: Denoiser, todo: list[SampleRequest], seed: int, prefix: str) -> list[np.ndarray]:
    """Draw `todo`; each depends on its own name and the seed alone, so that arms compare."""
    motions = []
    for request in todo:
        own = hashlib.sha256(request.name.removeprefix(prefix).encode()).digest()
        noise = Stream([seed, int.from_bytes(own[:8], "big")])
        motions += denoiser.sample([request.text], [request.frames], noise, request.name)
    return motions


def process(folder: Path, checkpoint: Path, samples: int, look: Look, seed: int) -> int:
    """Draw what this checkpoint still lacks; returns how many motions there are now."""
    import torch

    from sample.models import load_model

    arm = checkpoint.name.partition("_")[2].partition("_")[2]  # generation_<g>_<arm>
    out = folder / "videos" / checkpoint.name
    wanted = sample_requests(folder, arm, samples)
    make_folder(out)
    denoiser = load_model(checkpoint, torch.device("cpu"), SAMPLE_GUIDANCE)
    for request in wanted:
        motion_file = out / f"{request.name}_motion.npy"
        if not motion_file.is_file():
            motion = draw(denoiser, [request], seed, f"experiment_ID_{arm}")[0]
            write_motion(motion, out / f"{request.name}_motion", ("npy",))
        motion = read_motion(motion_file)
        write_bytes(out / f"{request.name}_text_prompt.txt", f"{request.text}\n".encode())
        facts = {"checkpoint": checkpoint.name, "frames": len(motion), "guidance": SAMPLE_GUIDANCE}
        write_bytes(out / f"{request.name}_output_info.txt", json.dumps(facts).encode())
        clips = [Clip(f"{arm}: {request.text}", vectors_to_joints(motion), colour_of_arm(arm))]
        real = folder / "motions_gt" / f"{request.clip}.npy"
        if real.is_file():
            joints = vectors_to_joints(read_motion(real))
            clips.append(Clip(f"real {request.clip}", joints, BODY_COLOURS["real"]))
        for view in ("a", "b"):
            video = out / f"{request.name}_view_{view}.gif"
            if not video.is_file():
                render(clips, video, look, FPS, view=view)
    return len(wanted)


def main(
    folder: tyro.conf.Positional[Path],
    samples: tyro.conf.Positional[int],
    look: Look = "skeleton",
    seed: int = 42,
) -> None:
    """Draw M motions a caption from every prepared checkpoint, beside the real motion.

    Args:
        folder: exp_outputs/dataset_SIZE/visualization.
        samples: M, motions to draw for each caption.
        look: skeleton, simulator (humanoid) or body (skin).
        seed: fixes everything; the same noise for every arm.
    """
    if samples < 1:
        raise InvalidOptionError("nothing to draw", found=samples, expected="at least 1")
    checkpoints = sorted(path for path in (folder / "checkpoints").glob("*") if path.is_dir())
    if not checkpoints:
        raise MissingAssetError(
            "there are no prepared checkpoints",
            path=folder / "checkpoints",
            remedy=_prepare(folder),
        )
    for checkpoint in checkpoints:
        with claimed(checkpoint, samples) as mine:
            if not mine:
                logger.info("%s is done, or another process has it", checkpoint.name)
                continue
            count = process(folder, checkpoint, samples, look, seed)
            write_json(checkpoint / DONE, {"motions": count, "samples": samples, "look": look})
            (checkpoint / CLAIM).unlink()
            logger.info("%s: %d motions in %s", checkpoint.name, count, folder / "videos")


if __name__ == "__main__":
    with command():
        tyro.cli(main, prog="python sample/checkpoint_visual_sampler.py")
