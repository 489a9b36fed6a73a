"""A network as one compiled program with its weights frozen in: for long sampling, not training."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable

import torch
from torch import Tensor

from model.context_unet import ContextUNet

Guided = Callable[[Tensor, Tensor, Tensor, float], Tensor]
COMPILERS = ("c++", "g++", "clang++")

logger = logging.getLogger("scsc")


def can_compile() -> bool:
    """Tell whether there is a C++ compiler, which torch's code generator needs on a CPU."""
    named = os.environ.get("CXX")
    return any(shutil.which(name) for name in ((named,) if named else COMPILERS))


def frozen(network: ContextUNet) -> Guided:
    """Compile `network.guided` for the weights of this moment, at the first call (a minute).

    Normalisation is folded into convolutions and activations are fused with them. Later changes of
    the weights go unnoticed: hand in a copy. Call it without gradients, always with equal shapes.
    Without a C++ compiler it is `network.guided` itself, and a warning says so.
    """
    if not can_compile():
        logger.warning(
            "no C++ compiler (%s or $CXX): sampling goes on uncompiled, more slowly",
            ", ".join(COMPILERS),
        )
        return network.guided
    torch._dynamo.reset()  # else earlier weights count as recompilations of the same function
    return torch.compile(network.guided, options={"freezing": True})
