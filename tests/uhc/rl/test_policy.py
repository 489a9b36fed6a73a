"""The policy file, and its numpy network against torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from loop.errors import CorruptFileError, MissingAssetError
from uhc.rl.environment import ACTION
from uhc.rl.observation import SIZE
from uhc.rl.policy import Policy


@pytest.fixture
def policy():
    rng = np.random.default_rng(0)
    shapes = [(32, SIZE), (16, 32), (ACTION, 16)]
    return Policy(
        rng.normal(size=SIZE),
        rng.uniform(0.5, 2.0, SIZE),
        tuple(rng.normal(size=shape) / np.sqrt(shape[1]) for shape in shapes),
        tuple(rng.normal(size=shape[0]) for shape in shapes),
    )


def test_same_as_a_torch_network(policy):
    layers: list[torch.nn.Module] = []
    for weight, bias in zip(policy.weights, policy.biases, strict=True):
        linear = torch.nn.Linear(weight.shape[1], weight.shape[0], dtype=torch.float64)
        linear.weight.data, linear.bias.data = torch.from_numpy(weight), torch.from_numpy(bias)
        layers += [linear, torch.nn.SiLU()]
    network = torch.nn.Sequential(*layers[:-1])
    seen = np.random.default_rng(1).normal(0.0, 10.0, (7, SIZE))
    normal = torch.from_numpy((seen - policy.mean) / policy.deviation).clamp(-5, 5)
    np.testing.assert_allclose(policy.act(seen), network(normal).detach().numpy(), atol=1e-12)
    np.testing.assert_allclose(policy.act(seen[0]), policy.act(seen)[0], atol=1e-12)


def test_round_trip(policy, tmp_path):
    policy.save(tmp_path / "policy.safetensors")
    back = Policy.load(tmp_path / "policy.safetensors")
    seen = np.zeros(SIZE)
    np.testing.assert_allclose(back.act(seen), policy.act(seen), atol=1e-5)


def test_missing_truncated_and_foreign_files_are_refused(policy, tmp_path):
    path = tmp_path / "policy.safetensors"
    with pytest.raises(MissingAssetError, match=r"train_uhc\.sh"):
        Policy.load(path)
    policy.save(path)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(CorruptFileError):
        Policy.load(path)
    Policy(policy.mean[:9], policy.deviation[:9], policy.weights, policy.biases).save(path)
    with pytest.raises(CorruptFileError, match="other observations"):
        Policy.load(path)
