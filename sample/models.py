"""Any model that motions can be drawn from, by its path."""

from __future__ import annotations

import logging
from pathlib import Path

import torch

from dataset.humanml3d import read_statistics
from domains.motion.checkpoints.published import published_denoiser
from domains.motion.checkpoints.shipped import WEIGHTS, load_shipped
from domains.motion.checkpoints.stored import denoiser_from, load_denoiser
from domains.motion.denoiser import Denoiser
from domains.motion.experiments import DATASETS, GENERATION_0, OUTPUTS
from domains.motion.presets import SAMPLE_GUIDANCE
from loop.errors import MissingAssetError
from loop.rundir.layout import ARGUMENTS
from loop.rundir.read import newest, read_arm, read_settings

logger = logging.getLogger("scsc")

SHIPPED = Path(__file__).resolve().parents[1] / "weights" / "cmu"
"""Comes with the project; see weights/README.md."""
CHECKPOINT = "model.pt"


def default_model(outputs: Path = OUTPUTS) -> Path:
    """Find the newest generation 0 of the user's runs; without any, the weights of the project."""
    found = newest(read_arm(runs / GENERATION_0) for runs in outputs.glob("dataset_*"))
    if found is not None:
        generation = found[0].generation(0)
        logger.info("model: %s (--model_path chooses another)", generation)
        return generation
    logger.info("model: the shipped weights in %s, since no run of yours is finished", SHIPPED)
    return SHIPPED


def load_model(
    path: Path,
    device: torch.device,
    guidance: float | None = None,
    text_encoder: str | None = None,
) -> Denoiser:
    """Load a finished generation, shipped weights, a prepared checkpoint, or a published `.pt`.

    Args:
        path: folder, or file.
        device: where the network shall run.
        guidance: classifier-free guidance scale; None takes the model's own.
        text_encoder: folder or hub name of the text encoder, if it is not where it was.

    Raises:
        MissingAssetError: there is no such model.
        ScscError: it is damaged, or does not fit its settings.
    """
    if not path.exists():
        raise MissingAssetError(
            "there is no such model",
            path=path,
            expected="a generation's folder, a folder of weights, or a published .pt file",
            remedy="train one (bash exp_scripts/quickstart.sh), or leave --model_path out",
        )
    if (path / WEIGHTS).is_file():
        return load_shipped(path, device, guidance, text_encoder)
    file = path / CHECKPOINT if (path / CHECKPOINT).is_file() else path
    if file.is_dir():
        return load_denoiser(path, device, guidance, text_encoder)
    if "preset" in read_settings(file.parent):
        return denoiser_from(file.parent / ARGUMENTS, file, device, guidance, text_encoder)
    scale = SAMPLE_GUIDANCE if guidance is None else guidance
    statistics = read_statistics(DATASETS / "HumanML3D")
    return published_denoiser(file, statistics, device, scale, text_encoder)
