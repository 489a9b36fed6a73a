"""The denoiser of a finished generation, read back from its folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from dataset.humanml3d import read_statistics
from loop.atomic import read_json
from loop.errors import RunStateError
from model.checkpoint import load_checkpoint, load_state
from model.text_encoder import MiniLMEncoder
from train.denoiser import Denoiser, new_denoiser
from train.motion_generator import model_file
from train.presets import MotionPreset, Protocol


def load_denoiser(
    generation: Path, device: torch.device, guidance: float | None = None
) -> Denoiser:
    """The model of `<arm>/generation_<g>`, with the sizes and statistics that its arm recorded.

    Args:
        generation: folder of a finished generation.
        device: where the network shall run.
        guidance: classifier-free guidance scale; None takes the arm's.

    Raises:
        MissingAssetError, CorruptFileError: a file is missing or damaged.
        RunStateError: args.json does not describe a motion arm.
    """
    path = generation.parent / "args.json"
    stored = read_json(path)
    try:
        preset, protocol = MotionPreset(**stored["preset"]), Protocol(**stored["protocol"])
        dataset = Path(stored["dataset"])
    except (KeyError, TypeError) as error:
        raise RunStateError(
            "these are not the settings of a motion arm",
            path=path,
            found=error,
            expected="args.json as train.train_mdm_iterative_finetuning writes it",
        ) from error
    denoiser = new_denoiser(
        preset,
        replace(protocol, ema_decay=None),  # the model file holds the averaged weights already
        MiniLMEncoder(device),
        read_statistics(dataset),
        seed=0,
        device=device,
    )
    weights = model_file(generation)
    load_state(denoiser.network, load_checkpoint(weights, device), weights)
    return denoiser if guidance is None else replace(denoiser, guidance=guidance)
