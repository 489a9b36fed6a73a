from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn

from loop.errors import InvalidOptionError, RunStateError
from model.ema import EMA
from model.seeding import seeded


def network(seed: int = 0) -> nn.Linear:
    return seeded(lambda: nn.Linear(3, 2), seed)


def shift(model: nn.Module, amount: float) -> None:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += amount


@pytest.mark.parametrize("decay", [0.15, 0.999])
def test_the_average_is_the_weighted_sum_of_all_parameters(decay: float) -> None:
    """The first weights are forgotten faster than by `decay`, until the ramp reaches it."""
    model = network()
    start = model.weight.detach().clone()
    ema = EMA(model, decay)
    shares = [min(decay, (1 + k) / (10 + k)) for k in range(1, 6)]
    for _ in shares:
        shift(model, 1.0)
        ema.update(model)
    weights = [(1 - d) * math.prod(shares[k:]) for k, d in enumerate(shares, start=1)]
    expected = sum(k * weight for k, weight in enumerate(weights, start=1))
    with ema.applied_to(model):
        torch.testing.assert_close(model.weight - start, torch.full((2, 3), expected))


def test_frozen_parameters_are_not_part_of_the_average() -> None:
    model = network()
    model.bias.requires_grad_(False)
    assert EMA(model, 0.9).state_dict()["average"].keys() == {"weight"}


def test_a_loaded_average_continues_bit_for_bit() -> None:
    def steps(ema: EMA, model: nn.Module) -> None:
        for amount in (0.1, -0.7):
            shift(model, amount)
            ema.update(model)

    model = network()
    unbroken = EMA(model, 0.9)
    steps(unbroken, model)
    resumed = EMA(network(7), 0.9)
    resumed.load_state_dict(copy.deepcopy(unbroken.state_dict()))
    twin = network()
    twin.load_state_dict(model.state_dict())
    steps(unbroken, model)
    steps(resumed, twin)
    for name, value in unbroken.state_dict()["average"].items():
        assert torch.equal(value, resumed.state_dict()["average"][name])


def test_the_model_gets_its_own_weights_back() -> None:
    model = network()
    ema = EMA(model, 0.9)
    shift(model, 1.0)
    own = model.weight.detach().clone()
    with pytest.raises(ZeroDivisionError), ema.applied_to(model):
        torch.testing.assert_close(model.weight, own - 1)
        raise ZeroDivisionError
    assert torch.equal(model.weight, own)


def test_foreign_states_are_refused() -> None:
    ema = EMA(network(), 0.9)
    other = EMA(nn.Linear(4, 2), 0.9)
    with pytest.raises(RunStateError, match="weight \\(2, 4\\) instead of \\(2, 3\\)"):
        ema.load_state_dict(other.state_dict())
    with pytest.raises(RunStateError, match="not the state of an EMA"):
        ema.load_state_dict({"average": {}})


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_decay_out_of_range_is_refused(decay: float) -> None:
    with pytest.raises(InvalidOptionError):
        EMA(network(), decay)
