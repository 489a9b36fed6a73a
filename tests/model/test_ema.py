from __future__ import annotations

import copy

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


def test_without_warm_up_it_is_the_geometric_sum() -> None:
    model, ema_of = network(), network()
    ema = EMA(model, 0.9, warm_up=False)
    start = model.weight.detach().clone()
    for _ in range(5):
        shift(model, 1.0)
        ema.update(model)
    ema.copy_to(ema_of)
    expected = sum(0.1 * 0.9 ** (5 - k) * k for k in range(1, 6))
    torch.testing.assert_close(ema_of.weight - start, torch.full((2, 3), expected))


def test_warm_up_forgets_the_first_weights_sooner() -> None:
    model, ema_of = network(), network()
    ema = EMA(model, 0.999)
    start = model.weight.detach().clone()
    shift(model, 1.0)
    ema.update(model)
    ema.copy_to(ema_of)
    torch.testing.assert_close(ema_of.weight - start, torch.full((2, 3), 1 - 2 / 11))


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
