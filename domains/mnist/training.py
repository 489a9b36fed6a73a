"""Training a denoiser of digits, step by step, so that a killed run goes on to the same weights."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dataset.mnist import Digits
from domains.mnist.denoiser import DigitDenoiser
from loop.errors import InvalidSamplesError
from loop.progress import track
from model.checkpoint import CHECKPOINT_INTERVAL_S, load_checkpoint, load_state, save_checkpoint


@dataclass(frozen=True)
class Course:
    """What a stage of training does.

    Attributes:
        steps: optimiser steps in all.
        batch_size: digits a step; the last step of an epoch takes what is left (published).
        rate: learning rate of the first epoch.
        decay: the rate falls by equal amounts from epoch to epoch, and would reach zero at the end
            (published, generation 0); else it is constant.
        class_dropout: share of the labels that are hidden, for classifier-free guidance.
        seed: fixes everything.
    """

    steps: int
    batch_size: int
    rate: float
    decay: bool
    class_dropout: float
    seed: int

    def rows(self, step: int, count: int) -> np.ndarray:
        """Return the training rows that step `step` sees: a new order of all rows every epoch."""
        epoch, place = divmod(step, self.steps_per_epoch(count))
        order = np.random.default_rng([self.seed, epoch]).permutation(count)
        return order[place * self.batch_size : (place + 1) * self.batch_size]

    def steps_per_epoch(self, count: int) -> int:
        """Return ceil(count / batch)."""
        return -(-count // self.batch_size)

    def rate_at(self, step: int, count: int) -> float:
        """Return the learning rate of step `step`: lr (1 - epoch / epochs) where it decays."""
        if not self.decay:
            return self.rate
        length = self.steps_per_epoch(count)
        return self.rate * (1 - step // length / -(-self.steps // length))


def fit_digits(
    denoiser: DigitDenoiser,
    optimizer: torch.optim.Optimizer,
    digits: Digits,
    course: Course,
    checkpoint: Path | None,
    between_epochs: Callable[[int], None] | None = None,
) -> None:
    """Take the steps of `course`; step k draws from (`course.seed`, k) alone.

    Args:
        denoiser: its network is changed.
        optimizer: over the network's parameters.
        digits: the training set.
        course: how many steps, and which.
        checkpoint: where to keep an interrupted state; read if it exists.
        between_epochs: called with the number of each epoch but the last one when it is over, once
            more where an interrupted state is older than its call.

    Raises:
        InvalidSamplesError: no digits, or the loss is no longer finite.
        CorruptFileError: `checkpoint` is damaged.
        StorageError: it cannot be written.
    """
    if not len(digits) and course.steps:
        raise InvalidSamplesError("nothing to train on", found="0 digits")
    first = 0
    if checkpoint is not None and checkpoint.exists():
        stored = load_checkpoint(checkpoint, denoiser.device)
        restore_training(denoiser, optimizer, stored, checkpoint)
        first = stored["step"]
    length = course.steps_per_epoch(len(digits))
    denoiser.network.train()
    saved = time.monotonic()
    for step in track(range(first, course.steps), "train", total=course.steps, done=first):
        if between_epochs is not None and step and step % length == 0:
            between_epochs(step // length - 1)
            denoiser.network.train()
        for group in optimizer.param_groups:
            group["lr"] = course.rate_at(step, len(digits))
        loss = _loss(denoiser, digits.take(course.rows(step, len(digits))), course, step)
        if not torch.isfinite(loss):
            raise InvalidSamplesError(
                "training diverged",
                found=f"loss {loss.item()} at step {step}",
                remedy="lower the learning rate",
            )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if checkpoint is not None and time.monotonic() - saved > CHECKPOINT_INTERVAL_S:
            save_checkpoint(checkpoint, training_state(denoiser, optimizer) | {"step": step + 1})
            saved = time.monotonic()


def _loss(denoiser: DigitDenoiser, batch: Digits, course: Course, step: int) -> Tensor:
    """Return the mean squared error of the noise at steps 1 to T, a share of the classes hidden."""
    device, chain = denoiser.device, denoiser.chain
    x0 = denoiser.from_images(batch.images)
    labels = torch.from_numpy(batch.labels).to(device)
    # Drawn on the CPU, so that every device sees the same numbers.
    rng = np.random.default_rng([course.seed, step, 1])
    t = torch.from_numpy(rng.integers(1, chain.steps, len(batch))).to(device)
    dropped = torch.from_numpy(rng.random(len(batch)) < course.class_dropout).to(device)
    noise = torch.from_numpy(rng.standard_normal(x0.shape, dtype=np.float32)).to(device)

    def predict(x: Tensor, timesteps: Tensor) -> Tensor:
        with torch.autocast(device.type, torch.bfloat16, enabled=denoiser.half):
            return denoiser.network(x, timesteps, labels, dropped).float()

    return chain.training_loss(predict, x0, t, noise).mean()


def training_state(denoiser: DigitDenoiser, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Return all that training needs to go on exactly: weights, running statistics, moments."""
    return {"network": denoiser.network.state_dict(), "optimizer": optimizer.state_dict()}


def restore_training(
    denoiser: DigitDenoiser, optimizer: torch.optim.Optimizer, stored: dict[str, Any], path: Path
) -> None:
    """Go on from `training_state`; `path` is where it came from, for the error message.

    Raises:
        RunStateError: the network has other sizes.
    """
    load_state(denoiser.network, stored["network"], path)
    optimizer.load_state_dict(stored["optimizer"])
