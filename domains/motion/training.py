"""Training a denoiser, step by step, so that a killed run goes on to the same weights."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dataset.batches import TrainingBatches
from domains.motion.denoiser import Denoiser
from domains.motion.distributed import TorchDistributed
from loop.progress import track
from loop.rng import integer_seed
from model.checkpoint import CHECKPOINT_INTERVAL_S, load_checkpoint, load_state, save_checkpoint


def fit(
    denoiser: Denoiser,
    optimizer: torch.optim.Optimizer,
    batches: TrainingBatches,
    steps: int,
    condition_dropout: float,
    checkpoint: Path | None,
    lr_anneal_steps: int = 0,
    distributed: TorchDistributed | None = None,
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
        distributed: the processes that share every batch; by default this one is alone. All end
            with the same weights; the first one writes `checkpoint`.

    Raises:
        CorruptFileError: `checkpoint` is damaged.
        StorageError: it cannot be written.
    """
    distributed = distributed or TorchDistributed()
    first = 0
    rates = [group["lr"] for group in optimizer.param_groups]
    if checkpoint is not None and checkpoint.exists():
        stored = load_checkpoint(checkpoint, denoiser.device)
        restore_training(denoiser, optimizer, stored, checkpoint)
        first = stored["step"]
    denoiser.network.train()
    network = distributed.averaging(denoiser.network)
    saved = time.monotonic()
    for step in track(range(first, steps), "train", total=steps, done=first):
        if lr_anneal_steps:
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * max(0.0, 1 - step / lr_anneal_steps)
        _take_step(denoiser, network, optimizer, batches, step, condition_dropout, distributed)
        due = time.monotonic() - saved > CHECKPOINT_INTERVAL_S
        if checkpoint is not None and distributed.leads and due:
            save_checkpoint(checkpoint, training_state(denoiser, optimizer) | {"step": step + 1})
            saved = time.monotonic()


def _take_step(
    denoiser: Denoiser,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: TrainingBatches,
    step: int,
    condition_dropout: float,
    distributed: TorchDistributed,
) -> None:
    device = denoiser.device
    batch = batches.batch(step)
    mine = distributed.share(len(batch.lengths))
    x0 = torch.from_numpy(batch.vectors[mine]).to(device)
    lengths = torch.from_numpy(batch.lengths[mine]).to(device)
    valid = torch.arange(x0.shape[1], device=device) < lengths[:, None]
    text = denoiser.encoder.encode(batch.captions[mine]).to(device)
    # Drawn on the CPU and for the whole batch, so that neither device nor share matters.
    seed = integer_seed(np.random.SeedSequence([batches.seed, step]))
    rng = torch.Generator().manual_seed(seed)
    t = torch.randint(denoiser.diffusion.steps, (len(batch.lengths),), generator=rng)[mine]
    dropped = (torch.rand(len(batch.lengths), generator=rng) < condition_dropout)[mine]
    noise = torch.randn(batch.vectors.shape, generator=rng)[mine]

    def predict(x: Tensor, timesteps: Tensor) -> Tensor:
        return network(x, timesteps, text, lengths, dropped.to(device))

    # Dropout layers draw from the global generator, for the items of this process only.
    key = [batches.seed, step] + [distributed.rank] * (not distributed.leads)
    with torch.random.fork_rng():
        torch.manual_seed(integer_seed(np.random.SeedSequence(key)))
        losses = denoiser.diffusion.training_loss(
            predict, x0, t.to(device), noise.to(device), valid
        )
        # The mean over the whole batch, once the distributed's gradients are averaged.
        loss = losses.sum() * distributed.size / len(batch.lengths)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    if denoiser.ema is not None:
        denoiser.ema.update(denoiser.network)


def training_state(denoiser: Denoiser, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Return all that training needs to go on exactly: live weights, moving average, moments."""
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
