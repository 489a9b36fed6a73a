"""Exponential moving average of the parameters of a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from loop.errors import InvalidOptionError, RunStateError
from model.checkpoint import check_tensors


class EMA:
    """average <- d average + (1 - d) parameters, after every optimiser step.

    With warm-up, d = min(decay, (1 + k) / (10 + k)) at the k-th update (k from 1), so that the
    first weights are soon forgotten.

    Args:
        model: the network; its trainable parameters are copied at once.
        decay: in [0, 1).
        warm_up: ramp the decay up.

    Raises:
        InvalidOptionError: decay out of range.
    """

    def __init__(self, model: nn.Module, decay: float, *, warm_up: bool = True) -> None:
        if not 0 <= decay < 1:
            raise InvalidOptionError("EMA decay out of range", found=decay, expected="[0, 1)")
        self.decay = decay
        self.warm_up = warm_up
        self.updates = 0
        self._average = {name: p.detach().clone() for name, p in _trainable(model)}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move the average towards the current parameters of `model`."""
        self.updates += 1
        decay = self.decay
        if self.warm_up:
            decay = min(decay, (1 + self.updates) / (10 + self.updates))
        for name, parameter in _trainable(model):
            self._average[name].lerp_(parameter, 1 - decay)

    @torch.no_grad()
    def copy_to(self, model: nn.Module) -> None:
        """Overwrite the parameters of `model` by the average."""
        for name, parameter in _trainable(model):
            parameter.copy_(self._average[name])

    @contextmanager
    def applied_to(self, model: nn.Module) -> Iterator[None]:
        """Let `model` carry the average inside the block and its own parameters again after it."""
        own = {name: p.detach().clone() for name, p in _trainable(model)}
        self.copy_to(model)
        try:
            yield
        finally:
            with torch.no_grad():
                for name, parameter in _trainable(model):
                    parameter.copy_(own[name])

    def state_dict(self) -> dict[str, Any]:
        """All that `load_state_dict` needs: the average and the number of updates."""
        return {"updates": self.updates, "average": dict(self._average)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue exactly where `state_dict` was taken.

        Raises:
            RunStateError: parameters are missing, too many, or of other shapes.
        """
        if state.keys() != {"updates", "average"}:
            raise RunStateError("not the state of an EMA", found=sorted(state))
        average: Mapping[str, Tensor] = state["average"]
        check_tensors(self._average, average)
        self.updates = int(state["updates"])
        for name, value in self._average.items():
            value.copy_(average[name])


def _trainable(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    return ((name, p) for name, p in model.named_parameters() if p.requires_grad)
