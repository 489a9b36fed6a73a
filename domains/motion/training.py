"""Training a denoiser, step by step, so that a killed run goes on to the same weights."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from dataset.batches import TrainingBatches
from domains.motion.denoiser import Denoiser
from domains.motion.distributed import TorchDistributed
from domains.motion.training_loss import Losses, LossRecorder
from loop.progress import track
from loop.rng import integer_seed
from model.checkpoint import CHECKPOINT_INTERVAL_S, load_checkpoint, load_state, save_checkpoint
from model.precision import bfloat16_pays


def fit(
    denoiser: Denoiser,
    optimizer: torch.optim.Optimizer,
    batches: TrainingBatches,
    steps: int,
    condition_dropout: float,
    checkpoint: Path | None,
    lr_anneal_steps: int = 0,
    distributed: TorchDistributed | None = None,
    way: Way | None = None,
) -> Losses:
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
        way: how steps are computed; by default plainly on a CPU, and with all there is on a GPU.

    Returns:
        The mean loss over each stretch of steps, of this process's share of the batches.

    Raises:
        CorruptFileError: `checkpoint` is damaged.
        StorageError: it cannot be written.
    """
    distributed = distributed or TorchDistributed()
    first, recorded = 0, None
    rates = [group["lr"] for group in optimizer.param_groups]
    if checkpoint is not None and checkpoint.exists():
        stored = load_checkpoint(checkpoint, denoiser.device)
        restore_training(denoiser, optimizer, stored, checkpoint)
        # A version that recorded no losses may have written it.
        first, recorded = stored["step"], stored.get("losses")
    recorder = LossRecorder(steps, first, recorded)
    denoiser.network.train()
    accelerator = denoiser.device.type != "cpu"
    way = way or Way(half=runs_half(denoiser.device), compiled=accelerator, ahead=accelerator)
    network = denoiser.network
    if way.compiled:
        network = cast(nn.Module, torch.compile(network))
    prepare = partial(_prepared, denoiser, batches, condition_dropout, distributed)
    saved = time.monotonic()
    # Dropout layers draw from the global generator; to fork it a step would wait for a GPU.
    with torch.random.fork_rng(), _ahead(prepare, first, steps, way.ahead) as prepared:
        for step in track(range(first, steps), "train", total=steps, done=first):
            if lr_anneal_steps:
                for group, rate in zip(optimizer.param_groups, rates, strict=True):
                    group["lr"] = rate * max(0.0, 1 - step / lr_anneal_steps)
            given = next(prepared)
            loss = _take_step(denoiser, network, optimizer, given, distributed, way.half)
            recorder.add(step, loss)
            due = time.monotonic() - saved > CHECKPOINT_INTERVAL_S
            if checkpoint is not None and distributed.leads and due:
                state = training_state(denoiser, optimizer)
                state |= {"step": step + 1, "losses": recorder.state()}
                save_checkpoint(checkpoint, state)
                saved = time.monotonic()
    return recorder.rows


def runs_half(device: torch.device) -> bool:
    """Tell whether the network is trained in bfloat16: on a GPU where a probe finds that it pays.

    Never on a CPU: what a run gives would depend on the processor that it met.
    """
    return device.type == "cuda" and bfloat16_pays("cuda")


@dataclass(frozen=True)
class Way:
    """How steps are computed; the weights are the same to rounding.

    Attributes:
        half: the network runs under bfloat16 autocast; weights and moments stay float32.
        compiled: it is compiled first.
        ahead: the next batch is prepared by a thread while a step runs.
    """

    half: bool = False
    compiled: bool = False
    ahead: bool = False


@dataclass(frozen=True)
class _Step:
    """What a step reads, on the device; its first axis is this process's share of the batch."""

    x0: Tensor
    lengths: Tensor
    valid: Tensor
    text: Tensor
    t: Tensor
    dropped: Tensor
    noise: Tensor
    seed: int
    weight: float


def _prepared(
    denoiser: Denoiser,
    batches: TrainingBatches,
    condition_dropout: float,
    distributed: TorchDistributed,
    step: int,
) -> _Step:
    """Draw all of a step that does not depend on the weights."""
    device = denoiser.device
    batch = batches.batch(step)
    count = len(batch.lengths)
    mine = distributed.share(count)

    def sent(tensor: Tensor) -> Tensor:
        if device.type != "cuda":
            return tensor.to(device)
        # From pinned memory a copy runs beside the computation.
        return tensor.pin_memory().to(device, non_blocking=True)

    # Drawn on the CPU and for the whole batch, so that neither device nor share matters.
    rng = torch.Generator().manual_seed(integer_seed(np.random.SeedSequence([batches.seed, step])))
    t = torch.randint(denoiser.diffusion.steps, (count,), generator=rng)[mine]
    dropped = (torch.rand(count, generator=rng) < condition_dropout)[mine]
    noise = torch.randn(batch.vectors.shape, generator=rng)[mine]
    lengths = torch.from_numpy(batch.lengths[mine])
    x0 = torch.from_numpy(batch.vectors[mine])
    valid = torch.arange(x0.shape[1]) < lengths[:, None]
    text = denoiser.encoder.encode(batch.captions[mine])
    # Dropout is drawn for the items of this process only.
    key = [batches.seed, step] + [distributed.rank] * (not distributed.leads)
    return _Step(
        *(sent(part) for part in (x0, lengths, valid, text, t, dropped, noise)),
        seed=integer_seed(np.random.SeedSequence(key)),
        # The mean over the whole batch, once the gradients of all processes are averaged.
        weight=distributed.size / count,
    )


@contextmanager
def _ahead(
    prepare: Callable[[int], _Step], first: int, steps: int, threaded: bool
) -> Iterator[Iterator[_Step]]:
    """Yield the prepared steps, each while the one before it is computed if `threaded`."""
    if not threaded:
        yield map(prepare, range(first, steps))
        return
    with ThreadPoolExecutor(1) as pool:

        def each() -> Iterator[_Step]:
            coming = pool.submit(prepare, first)
            for step in range(first, steps):
                ready = coming.result()
                if step + 1 < steps:
                    coming = pool.submit(prepare, step + 1)
                yield ready

        yield each()


def _take_step(
    denoiser: Denoiser,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    given: _Step,
    distributed: TorchDistributed,
    half: bool,
) -> Tensor:
    """Take one optimiser step and return its mean loss. Nothing in it waits for the device."""

    def predict(x: Tensor, timesteps: Tensor) -> Tensor:
        with torch.autocast(denoiser.device.type, torch.bfloat16, enabled=half):
            return network(x, timesteps, given.text, given.lengths, given.dropped).float()

    torch.manual_seed(given.seed)
    losses = denoiser.diffusion.training_loss(predict, given.x0, given.t, given.noise, given.valid)
    optimizer.zero_grad(set_to_none=True)
    (losses.sum() * given.weight).backward()
    distributed.average_gradients(denoiser.network)
    optimizer.step()
    if denoiser.ema is not None:
        denoiser.ema.update(denoiser.network)
    return losses.detach().mean()


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
