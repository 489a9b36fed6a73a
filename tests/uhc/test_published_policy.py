"""The reader of published controllers, on files made in their format."""

from __future__ import annotations

import io
import itertools
import pickle
import sys
import types

import numpy as np
import pytest
import torch

from loop.errors import CorruptFileError, MissingAssetError
from uhc.faithful_env import ACTION, OBSERVATION
from uhc.published_policy import load_published_policy


@pytest.fixture
def zfilter(monkeypatch):
    """Modules that pickle as the published running statistics do."""
    module = types.ModuleType("uhc_published.khrylib.utils.zfilter")
    for name in ("ZFilter", "RunningStat"):
        setattr(module, name, type(name, (), {"__module__": module.__name__}))
    for name in ("uhc_published", "uhc_published.khrylib", "uhc_published.khrylib.utils"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


class Network(torch.nn.Module):
    """As published: GELU layers under `net.affine_layers`, then `action_mean`."""

    def __init__(self, outputs=ACTION, hidden=(24, 12)):
        super().__init__()
        sizes = [OBSERVATION, *hidden]
        self.net = torch.nn.Module()
        self.net.affine_layers = torch.nn.ModuleList(
            torch.nn.Linear(a, b) for a, b in itertools.pairwise(sizes)
        )
        self.action_mean = torch.nn.Linear(sizes[-1], outputs)
        self.action_log_std = torch.nn.Parameter(torch.full((1, outputs), -2.3))

    def forward(self, x):
        for layer in self.net.affine_layers:
            x = torch.nn.functional.gelu(layer(x))
        return self.action_mean(x)


def write(path, zfilter, network, samples):
    statistics = zfilter.RunningStat()
    statistics._n = len(samples)
    statistics._M = samples.mean(0)
    statistics._S = ((samples - samples.mean(0)) ** 2).sum(0)
    running = zfilter.ZFilter()
    running.rs, running.clip, running.demean, running.destd = statistics, 5.0, True, True
    content = {
        "policy_dict": network.state_dict(),
        "value_dict": torch.nn.Linear(3, 1).state_dict(),
        "running_state": running,
    }
    path.write_bytes(pickle.dumps(content))


def test_reads_the_published_format_and_acts_as_torch_does(tmp_path, zfilter, monkeypatch):
    rng = np.random.default_rng(0)
    samples = rng.normal(2.0, 3.0, (50, OBSERVATION))
    network = Network()
    write(tmp_path / "iter_5000.p", zfilter, network, samples)
    for name in [name for name in sys.modules if name.startswith("uhc_published")]:
        monkeypatch.delitem(sys.modules, name)  # the reader needs none of their modules
    policy = load_published_policy(tmp_path / "iter_5000.p")
    seen = rng.normal(2.0, 30.0, OBSERVATION)
    normal = np.clip((seen - samples.mean(0)) / (samples.std(0, ddof=1) + 1e-8), -5, 5)
    expected = network(torch.from_numpy(normal).float()).detach().numpy()
    np.testing.assert_allclose(policy.act(seen), expected, atol=1e-5)


def test_damaged_and_foreign_files_are_refused(tmp_path, zfilter):
    path = tmp_path / "iter_5000.p"
    with pytest.raises(MissingAssetError, match=r"download_uhc\.sh"):
        load_published_policy(path)
    samples = np.random.default_rng(0).normal(size=(9, OBSERVATION))
    write(path, zfilter, Network(outputs=69), samples)
    with pytest.raises(CorruptFileError, match="another robot"):
        load_published_policy(path)
    write(path, zfilter, Network(), samples)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(CorruptFileError):
        load_published_policy(path)


def test_code_is_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (print, ("run",))

    path = tmp_path / "iter_5000.p"
    path.write_bytes(pickle.dumps({"policy_dict": Evil()}))
    with pytest.raises(CorruptFileError, match="asks for"):
        load_published_policy(path)


def test_code_inside_a_tensor_is_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (print, ("run",))

    buffer = io.BytesIO()
    torch.save(Evil(), buffer)

    class Storage:
        def __reduce__(self):
            return (torch.storage._load_from_bytes, (buffer.getvalue(),))

    path = tmp_path / "iter_5000.p"
    path.write_bytes(pickle.dumps({"policy_dict": {"a": Storage()}}))
    with pytest.raises(CorruptFileError):
        load_published_policy(path)
