"""Training a denoiser, step by step, so that a killed run goes on to the same weights."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dataset.batches import TrainingBatches
from loop.progress import track
from loop.streams import integer_seed
from model.checkpoint import load_checkpoint, load_state, save_checkpoint
from train.denoiser import Denoiser

CHECKPOINT_INTERVAL_S = 30.0
"""Wall time between checkpoints inside a training stage; no result depends on it."""


def fit(
    denoiser: Denoiser,
    optimizer: torch.optim.Optimizer,
    batches: TrainingBatches,
    steps: int,
    condition_dropout: float,
    checkpoint: Path | None,
    lr_anneal_steps: int = 0,
) -> None:
    """Take `steps` optimiser steps; step k draws from (`batches.seed`, k) alone.

    Args:
        denoiser: its network and moving average are changed.
        optimizer: over the network's parameters.
        batches: the training set.
        steps: total, counting those that `checkpoint` holds already.
        condition_dropout: share of the texts that are hidden, for classifier-free guidance.
        checkpoint: where to keep an interrupted state; read if it exists.
        lr_anneal_steps: the learning rate falls linearly to 0 at this step; 0 leaves it constant.

    Raises:
        CorruptFileError: `checkpoint` is damaged.
        StorageError: it cannot be written.
    """
    first = 0
    rates = [group["lr"] for group in optimizer.param_groups]
    if checkpoint is not None and checkpoint.exists():
        stored = load_checkpoint(checkpoint, denoiser.device)
        restore_training(denoiser, optimizer, stored, checkpoint)
        first = stored["step"]
    denoiser.network.train()
    saved = time.monotonic()
    for step in track(range(first, steps), "train", total=steps, done=first):
        if lr_anneal_steps:
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * max(0.0, 1 - step / lr_anneal_steps)
        _take_step(denoiser, optimizer, batches, step, condition_dropout)
        if checkpoint is not None and time.monotonic() - saved > CHECKPOINT_INTERVAL_S:
            save_checkpoint(checkpoint, training_state(denoiser, optimizer) | {"step": step + 1})
            saved = time.monotonic()


def _take_step(
    denoiser: Denoiser,
    optimizer: torch.optim.Optimizer,
    batches: TrainingBatches,
    step: int,
    condition_dropout: float,
) -> None:
    device = denoiser.device
    batch = batches.batch(step)
    x0 = torch.from_numpy(batch.vectors).to(device)
    lengths = torch.from_numpy(batch.lengths).to(device)
    text = denoiser.encoder.encode(batch.captions).to(device)
    valid = torch.arange(x0.shape[1], device=device) < lengths[:, None]

    # Drawn on the CPU, so that every device sees the same numbers.
    seed = integer_seed(np.random.SeedSequence([batches.seed, step]))
    rng = torch.Generator().manual_seed(seed)
    t = torch.randint(denoiser.diffusion.steps, (len(x0),), generator=rng).to(device)
    dropped = (torch.rand(len(x0), generator=rng) < condition_dropout).to(device)
    noise = torch.randn(x0.shape, generator=rng).to(device)

    def predict(x: Tensor, timesteps: Tensor) -> Tensor:
        return denoiser.network(x, timesteps, text, lengths, dropped)

    with torch.random.fork_rng():  # dropout layers draw from the global generator
        torch.manual_seed(seed)
        loss = denoiser.diffusion.training_loss(predict, x0, t, noise, valid).mean()
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    if denoiser.ema is not None:
        denoiser.ema.update(denoiser.network)


def training_state(denoiser: Denoiser, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """All that training needs to go on exactly: live weights, moving average, moments."""
    return {
        "network": denoiser.network.state_dict(),
        "ema": None if denoiser.ema is None else denoiser.ema.state_dict(),
        "optimizer": optimizer.state_dict(),
    }


def restore_training(
    denoiser: Denoiser, optimizer: torch.optim.Optimizer, stored: dict[str, Any], path: Path
) -> None:
    """Go on from `training_state`; `path` is where it came from, for the error message.

    Raises:
        RunStateError: the network has other sizes.
    """
    load_state(denoiser.network, stored["network"], path)
    if denoiser.ema is not None:
        denoiser.ema.load_state_dict(stored["ema"])
    optimizer.load_state_dict(stored["optimizer"])
