"""The denoiser of a finished generation, read back from its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from dataset.humanml3d import read_statistics
from domains.motion.denoiser import Denoiser, new_denoiser
from domains.motion.generator import model_file
from domains.motion.presets import check_guidance
from domains.motion.recorded import RecordedArm
from loop.errors import CorruptFileError, MissingAssetError, RunStateError
from loop.rundir.layout import ARGUMENTS
from model.cached_text_encoder import CachedTextEncoder
from model.checkpoint import load_checkpoint, load_state
from model.clip_encoder import text_encoder_named
from model.text_encoder import TextEncoder


def load_denoiser(
    generation: Path,
    device: torch.device,
    guidance: float | None = None,
    text_encoder: Path | str | None = None,
) -> Denoiser:
    """Load the model of `<arm>/generation_<g>`, with the sizes and statistics its arm recorded.

    Args:
        generation: folder of a finished generation.
        device: where the network shall run.
        guidance: classifier-free guidance scale; None takes the arm's.
        text_encoder: folder or hub name of the arm's text encoder, if it moved.

    Raises:
        MissingAssetError, CorruptFileError: a file is missing or damaged.
        RunStateError: args.json does not describe a motion arm, or the text encoder has other
            weights than the arm's.
        InvalidOptionError: guidance of a network that was never trained without a text.
    """
    settings = generation.parent / ARGUMENTS
    RecordedArm.read(settings)  # an arm of another generator has no checkpoint to look for
    return denoiser_from(settings, model_file(generation), device, guidance, text_encoder)


def denoiser_from(
    settings: Path,
    weights: Path,
    device: torch.device,
    guidance: float | None = None,
    text_encoder: Path | str | None = None,
    statistics: tuple[np.ndarray, np.ndarray] | None = None,
    state: Mapping[str, torch.Tensor] | None = None,
) -> Denoiser:
    """Build the model that `weights` (.pt or .safetensors) holds and `settings` (JSON) describes.

    `statistics` are mean and std (263,), by default those of the data set that the settings name;
    `state` are the weights, where they were read already; the rest, and what is raised, as in
    `load_denoiser`.
    """
    recorded = RecordedArm.read(settings)
    preset = recorded.preset
    if guidance is not None:
        check_guidance(guidance, preset.condition_dropout, weights)
    denoiser = new_denoiser(
        preset,
        replace(
            recorded.protocol, ema_decay=None
        ),  # the model file holds the averaged weights already
        _encoder(recorded.text_encoder, device, text_encoder, settings),
        read_statistics(recorded.dataset) if statistics is None else statistics,
        seed=0,
        device=device,
    )
    load_state(denoiser.network, read_weights(weights, device) if state is None else state, weights)
    return denoiser if guidance is None else replace(denoiser, guidance=guidance)


def read_weights(path: Path, device: torch.device) -> dict[str, Any]:
    """Read the arrays of a .pt or .safetensors file; no code in either is run.

    Raises:
        MissingAssetError, CorruptFileError: it is missing or damaged.
    """
    if path.suffix != ".safetensors":
        return load_checkpoint(path, device)
    if not path.is_file():
        raise MissingAssetError("weights are missing", path=path)
    try:
        return load_file(path, device=str(device))
    except SafetensorError as error:
        raise CorruptFileError(
            "weights cannot be read",
            path=path,
            found=error,
            expected="a safetensors file",
            remedy="fetch them again",
        ) from error


def _encoder(
    stored: Mapping[str, Any], device: torch.device, moved: Path | str | None, path: Path
) -> TextEncoder:
    """Load the arm's text encoder; arms that name none were made when MiniLM was the only one."""
    source = stored.get("source") if moved is None else moved
    encoder = text_encoder_named(stored.get("kind", "minilm"), device, source)
    if stored.get("weights", encoder.name) != encoder.name:
        raise RunStateError(
            "the text encoder has other weights than the one that the arm was trained with",
            path=path,
            found=encoder.name,
            expected=stored["weights"],
            remedy="point to the right one",
        )
    return CachedTextEncoder(encoder)  # one by one: no vector depends on the texts beside it
