"""Exponential moving average (EMA) of the parameters of a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from loop.errors import InvalidOptionError, RunStateError
from model.checkpoint import check_tensors


class EMA:
    """Average the parameters: average <- d average + (1 - d) parameters, after every step.

    d = min(decay, (1 + k) / (10 + k)) at the k-th update (k from 1), so that the first weights are
    soon forgotten.

    Args:
        model: the network; its trainable parameters are copied at once.
        decay: in [0, 1).

    Raises:
        InvalidOptionError: decay out of range.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        if not 0 <= decay < 1:
            raise InvalidOptionError("EMA decay out of range", found=decay, expected="[0, 1)")

        self._decay, self._updates = decay, 0
        self._average = {name: tensor.clone() for name, tensor in _trainable(model).items()}

    def update(self, model: nn.Module) -> None:
        """Move the average towards the current parameters of `model`.

        torch's AveragedModel counts on the device, and so waits for a GPU in every step.
        """
        self._updates += 1
        decay = min(self._decay, (1 + self._updates) / (10 + self._updates))
        own, current = list(self._average.values()), list(_trainable(model).values())
        get_ema_multi_avg_fn(decay)(own, current, self._updates)

    @contextmanager
    def applied_to(self, model: nn.Module) -> Iterator[None]:
        """Let `model` carry the average inside the block and its own parameters again after it."""
        own = {name: tensor.clone() for name, tensor in _trainable(model).items()}
        _copy(self._average, model)
        try:
            yield
        finally:
            _copy(own, model)

    def state_dict(self) -> dict[str, Any]:
        """Return all that `load_state_dict` needs: the average and the number of updates."""
        return {"updates": self._updates, "average": dict(self._average)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue exactly where `state_dict` was taken.

        Raises:
            RunStateError: parameters are missing, too many, or of other shapes.
        """
        if state.keys() != {"updates", "average"}:
            raise RunStateError("not the state of an EMA", found=sorted(state))
        check_tensors(self._average, state["average"])
        for name, tensor in self._average.items():
            tensor.copy_(state["average"][name])
        self._updates = int(state["updates"])


def _trainable(model: nn.Module) -> dict[str, Tensor]:
    return {name: p.detach() for name, p in model.named_parameters() if p.requires_grad}


def _copy(tensors: Mapping[str, Tensor], model: nn.Module) -> None:
    for name, parameter in _trainable(model).items():
        parameter.copy_(tensors[name])
