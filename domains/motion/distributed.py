"""Several processes, on several GPUs or nodes, that make one arm: what `torchrun` started.

`torchrun --nproc_per_node 2 -m train.train_mdm_iterative_finetuning ...` starts the same command
several times. Each process trains on its share of every batch and the gradients are averaged;
everything else is done by the first one while the others wait.
"""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import nn

from loop.errors import JobFailedError
from model.device import device_named

PATIENCE = timedelta(days=7)
"""How long a process waits for one that is alive; a dead one ends the waiting at once."""


class TorchDistributed:
    """One of `size` processes; a lone one by default.

    Attributes:
        rank: 0 to size - 1.
        size: how many there are.
        local_rank: number of this process on its node, and of the GPU it takes.
    """

    def __init__(self, rank: int = 0, size: int = 1, local_rank: int = 0) -> None:
        self.rank, self.size, self.local_rank = rank, size, local_rank

    @property
    def leads(self) -> bool:
        """Whether this process keeps the run directory."""
        return self.rank == 0

    def wait(self) -> None:
        """Return when every process has come here.

        Raises:
            JobFailedError: another process died.
        """
        if self.size == 1:
            return
        _add_up(torch.zeros(1))  # on the CPU: NCCL, on GPUs, is an impatient waiter

    def share(self, count: int) -> slice:
        """Return the rows of a batch of `count` that this process trains on."""
        return slice(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def average_gradients(self, network: nn.Module) -> None:
        """Replace each gradient by its mean over all processes; called after every `backward`.

        All in one message: the networks are small.

        Raises:
            JobFailedError: another process died.
        """
        if self.size == 1:
            return
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        together = nn.utils.parameters_to_vector(gradients)
        _add_up(together)
        nn.utils.vector_to_parameters(together / self.size, gradients)


def _add_up(tensor: torch.Tensor) -> None:
    """Replace it by its sum over all processes."""
    try:
        dist.all_reduce(tensor)
    except RuntimeError as error:
        raise JobFailedError(
            "another process of this run died",
            found=str(error).splitlines()[0],
            remedy="its own message says why; repeat the command, finished work is kept",
        ) from error


@contextmanager
def joined_processes() -> Iterator[TorchDistributed]:
    """Join the processes that `torchrun` started with this one (its environment variables say so).

    Raises:
        RuntimeError: the other processes cannot be reached.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield TorchDistributed()
        return
    # Functions in these modules have the group that there is at their import as a default argument.
    # Imported later (by torch._dynamo, with the first optimiser) they would keep the group and its
    # threads beyond `destroy_process_group`, and a gloo thread that still runs while the
    # interpreter ends now and then aborts a process whose work is done.
    for module in ("fsdp", "nn", "optim"):
        importlib.import_module(f"torch.distributed.{module}")
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    if torch.cuda.is_available():
        torch.cuda.set_device(local_rank)
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, timeout=PATIENCE)
    if dist.get_rank() > 0:
        logging.getLogger("scsc").setLevel(logging.WARNING)  # the first process says it for all
    try:
        yield TorchDistributed(dist.get_rank(), dist.get_world_size(), local_rank)
    finally:
        dist.destroy_process_group()


def own_device(name: str, distributed: TorchDistributed) -> torch.device:
    """Return the device of that name, `auto` or the number of a GPU; each process its own.

    Raises:
        InvalidOptionError: it is not there.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and distributed.size > 1:
        name = f"cuda:{distributed.local_rank}"
    return device_named(f"cuda:{name}" if name.isdigit() else name)  # published: a number
