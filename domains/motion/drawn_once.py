"""Motions that several arms would draw alike: drawn by one of them, read by the others.

All arms of a ratio draw the samples of generation 1 from the same generation 0 with the same
prompts and noise. The parts of that stage lie in one folder, named by a hash of all that decides
them; arms that want the same motions wait for each other and go on where another one stopped. What
they read is what they would have drawn, bit for bit, since a part is kept as it was drawn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from filelock import FileLock

from domains.motion.denoiser import Denoiser
from loop.rng import Stream, generation_of
from loop.rundir.files import make_folder
from loop.rundir.versions import PROJECT, installed_versions

SHARED_GENERATION = 1
"""Models of later generations differ in every arm."""


@contextmanager
def parts_folder(
    folder: Path | None,
    scratch: Path | None,
    denoiser: Denoiser,
    captions: Sequence[str],
    frames: Sequence[int],
    stream: Stream,
    noise: Stream,
) -> Generator[Path | None]:
    """Choose where the parts of a drawing are kept, and hold it against other processes.

    Args:
        folder: for drawings that arms share; None where they share none.
        scratch: of this arm's stage, for all other drawings.
        denoiser: draws.
        captions, frames: what for.
        stream: of the stage; tells the generation.
        noise: of the motions.

    Raises:
        StorageError: the folder cannot be written.
    """
    if folder is None or scratch is None or generation_of(stream) != SHARED_GENERATION:
        yield scratch
        return
    shared = folder / _key(denoiser, captions, frames, noise)
    make_folder(shared)
    with FileLock(shared / ".lock"):
        yield shared


def _key(denoiser: Denoiser, captions: Sequence[str], frames: Sequence[int], noise: Stream) -> str:
    """Hash what decides the bits of a drawing, the machine's arithmetic included."""
    digest = hashlib.blake2b(digest_size=16)
    average = denoiser.ema.state_dict()["average"] if denoiser.ema is not None else {}
    weights = {**denoiser.network.state_dict(), **average}
    for name, array in sorted(weights.items()):
        digest.update(name.encode() + array.cpu().numpy().tobytes())
    for array in (denoiser.mean, denoiser.std, denoiser.diffusion.betas):
        digest.update(array.tobytes())
    settings = (
        *(list(captions), list(frames), noise.entropy, noise.spawn_key),
        *(denoiser.guidance, denoiser.sampling, denoiser.max_frames),
        *(denoiser.encoder.name, denoiser.words),
        *(denoiser.device.type, torch.__version__, torch.get_num_threads()),
        installed_versions()[PROJECT],
    )
    digest.update(repr(settings).encode())
    return digest.hexdigest()
