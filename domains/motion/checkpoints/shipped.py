"""Weights to hand on: one small folder that needs neither its data set nor its run.

`python -m domains.motion.checkpoints.shipped GENERATION --out weights/NAME` writes

    model.safetensors   the weights one samples with, and mean and std of their data
    config.json         sizes, protocol, text encoder, and where they come from
    metrics.json        what the run measured of that generation

Nothing in them is code: safetensors holds arrays and no more.
"""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Annotated

import numpy as np
import safetensors.torch
import torch
import tyro

from dataset.humanml3d import read_statistics
from domains.motion.checkpoints.stored import denoiser_from, read_weights
from domains.motion.denoiser import Denoiser
from domains.motion.generator import model_file
from domains.motion.recorded import RecordedArm
from loop.cli import command
from loop.errors import CorruptFileError, MissingAssetError
from loop.rundir.files import make_folder, read_json, write_bytes, write_json
from loop.rundir.layout import ARGUMENTS, EVALUATION
from model.checkpoint import load_checkpoint

logger = logging.getLogger("scsc")

WEIGHTS, CONFIG, METRICS = "model.safetensors", "config.json", "metrics.json"
STATISTICS = ("mean", "std")
"""Names of two arrays that stand beside the network's."""


def load_shipped(
    folder: Path,
    device: torch.device,
    guidance: float | None = None,
    text_encoder: Path | str | None = None,
) -> Denoiser:
    """Load the denoiser of such a folder.

    Arguments are those of `domains.motion.checkpoints.stored.load_denoiser`.

    Raises:
        MissingAssetError, CorruptFileError: a file is missing, damaged, or not the shipped one.
        RunStateError: config.json does not fit the weights.
    """
    arrays, path = stored_weights(folder, device), folder / WEIGHTS
    missing = [name for name in STATISTICS if name not in arrays]
    if missing:
        raise CorruptFileError("mean and std are missing", path=path, found=sorted(arrays)[:5])
    mean, std = (arrays.pop(name).cpu().numpy() for name in STATISTICS)
    return denoiser_from(
        folder / CONFIG, path, device, guidance, text_encoder, statistics=(mean, std), state=arrays
    )


def stored_weights(folder: Path, device: torch.device) -> dict[str, torch.Tensor]:
    """Read the arrays of such a folder, as float32.

    Raises:
        MissingAssetError, CorruptFileError: a file is missing, damaged, or not the shipped one.
    """
    path, config = folder / WEIGHTS, read_json(folder / CONFIG)
    arrays = read_weights(path, device)
    if (found := digest(path)) != config.get("sha256"):
        raise CorruptFileError(
            "these are not the weights that config.json describes",
            path=path,
            found=f"sha256 {found}",
            expected=f"sha256 {config.get('sha256')}",
            remedy="fetch the folder again",
        )
    return {name: array.float() for name, array in arrays.items()}


def digest(path: Path) -> str:
    """Compute the SHA-256 of a file.

    Raises:
        MissingAssetError: there is none.
    """
    if not path.is_file():
        raise MissingAssetError("file is missing", path=path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def ship(generation: Path, out: Path, dataset: Path | None = None, half: bool = False) -> None:
    """Write the folder of a finished generation; `half` keeps 16 bits of every weight.

    Raises:
        MissingAssetError, CorruptFileError, StorageError: a file is missing, damaged, or cannot be
            written.
    """
    path = generation.parent / ARGUMENTS
    settings, recorded = read_json(path), RecordedArm.read(path)
    source = model_file(generation)
    arrays = dict(load_checkpoint(source))
    if half:
        arrays = {name: array.half() for name, array in arrays.items()}
    statistics = read_statistics(recorded.dataset if dataset is None else dataset)
    for name, array in zip(STATISTICS, statistics, strict=True):
        arrays[name] = torch.from_numpy(np.ascontiguousarray(array))
    make_folder(out)
    write_bytes(out / WEIGHTS, safetensors.torch.save(arrays))
    number = int(generation.name.rpartition("_")[2])
    steps = recorded.preset.steps_until(number)
    kept = ("dataset", "preset", "protocol", "text_encoder", "seed")
    config = {name: settings[name] for name in kept if name in settings}
    config |= {"generation": number, "steps": steps, "sha256": digest(out / WEIGHTS)}
    write_json(out / CONFIG, config)
    measured = read_json(generation / EVALUATION)
    write_json(out / METRICS, measured.get(source.name, measured))


@command()
def main(
    generation: Annotated[Path, tyro.conf.Positional], out: Path, dataset: Path | None = None
) -> None:
    """Make a folder of weights out of a finished generation.

    Args:
        generation: its folder.
        out: the folder to write, such as weights/cmu.
        dataset: where its data set is now, for Mean.npy and Std.npy; default: as recorded.
    """
    ship(generation, out, dataset)
    logger.info("wrote %s", out)


if __name__ == "__main__":
    tyro.cli(main, prog="python -m domains.motion.checkpoints.shipped")
