"""Networks whose first weights depend on a seed alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def seeded(build: Callable[[], Network], seed: int) -> Network:
    """Call `build` with torch's CPU generator at `seed`, and leave that generator as it was.

    `nn.Module` constructors draw from the global generator; this is the one place that touches it.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return build()
