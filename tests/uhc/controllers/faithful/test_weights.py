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
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from body_models.restricted_pickle import read_pickle
from loop.errors import CorruptFileError, MissingAssetError
from uhc.controllers.faithful.environment import ACTION, OBSERVATION
from uhc.controllers.faithful.weights import load_published_policy


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


def numpy_type(state):
    """A type whose layout its pickle dictates."""

    class Type:
        def __reduce__(self):
            return (np.dtype, ("V8", False, True), state)

    return Type()


def call(function, *arguments):
    class Call:
        def __reduce__(self):
            return (function, arguments)

    return Call()


def array_of(dtype, data=b"A" * 16):
    class Elements:
        def __reduce__(self):
            rebuild = np.zeros(1).__reduce__()[0]
            return (rebuild, (np.ndarray, (0,), b"b"), (1, (2,), dtype, False, data))

    return Elements()


def hashed(depth):
    """A dictionary whose key is a tuple in tuples: 200,000 of them overflow a stack of 8 MB."""
    return b"\x80\x02}" + b")" + b"\x85" * depth + b"K\x01s."


def archive(size, stride, offset=0):
    """A tensor laid over a storage of four numbers."""
    storage = torch.zeros(4)._typed_storage()
    return call(torch._utils._rebuild_tensor_v2, storage, offset, size, stride, False, {})


CHANGES = b"c_codecs\nencode\nN}X\x0c\x00\x00\x00__defaults__K\x07\x85s\x86b"
ATTACKS = {
    "a shell": b"cos\nsystem\n(S'true'\ntR.",
    "eval": b"c__builtin__\neval\n(S'1'\ntR.",
    "getattr": b"cbuiltins\ngetattr\n(cbuiltins\nobject\nS'__subclasses__'\ntR.",
    "a dotted name": b"\x80\x04\x8c\x05numpy\x8c\x0dndarray.dumps\x93.",
    "setattr": b"\x80\x02" + CHANGES + b".",
    "addresses as objects": pickle.dumps(call(np.ndarray, (1,), object, b"A" * 8)),
    "addresses in structures": pickle.dumps(
        array_of(numpy_type((4, "|", None, ("a",), {"a": (np.dtype(object), 0)}, 8, 1, 0)))
    ),
    "objects beyond the list": pickle.dumps(array_of(np.dtype(object), [1])),
    "all memory": pickle.dumps(call(np.ndarray, (1 << 36,), "u1")),
    "a table of all memory": b"\x80\x02K\x01r\x00\x00\x00\x70.",
    "an endless string": b"\x80\x04\x8e\x00\x00\x00\x00\x00\x01\x00\x00abc.",
    "tuples in tuples": hashed(400_000),
    "pairs of pairs": b"\x80\x02})" + b"q\x00h\x00\x86" * 60 + b"K\x01s.",
    "a huge tensor": pickle.dumps(archive((1 << 40,), (0,))),
    "memory beside a tensor": pickle.dumps(archive((4,), (1,), offset=2)),
    "memory before a tensor": pickle.dumps(archive((4,), (1,), offset=-2)),
    "no more": b"",
}


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks_end_in_the_error_of_a_bad_file(tmp_path, name):
    path = tmp_path / "iter_5000.p"
    path.write_bytes(ATTACKS[name])
    with pytest.raises(CorruptFileError):
        load_published_policy(path)
    with pytest.raises(CorruptFileError):  # the reader of body models stands on the same ground
        read_pickle(path)


@pytest.mark.parametrize(
    ("name", "change", "word"),
    [
        ("policy_dict", lambda state: state | {"action_mean.bias": [0.0] * ACTION}, "list"),
        ("policy_dict", lambda state: state | {"action_mean.bias": np.full(ACTION, np.nan)}, "fin"),
        ("policy_dict", lambda state: state | {"action_mean.bias": np.zeros(3)}, "another robot"),
        ("policy_dict", lambda state: [1.0], "items"),
        ("running_state", lambda state: {"_n": 5, "_M": np.zeros(657), "_S": -np.ones(657)}, "neg"),
        ("running_state", lambda state: {"_n": 5, "_M": np.zeros(3), "_S": np.zeros(3)}, "another"),
    ],
)
def test_contents_that_do_not_fit_are_refused(tmp_path, name, change, word):
    state = {key: value.numpy() for key, value in Network().state_dict().items()}
    running = {"_n": 5, "_M": np.zeros(OBSERVATION), "_S": np.ones(OBSERVATION)}
    content = {"policy_dict": state, "running_state": running}
    path = tmp_path / "iter_5000.p"
    path.write_bytes(pickle.dumps(content))
    assert load_published_policy(path).act(np.zeros(OBSERVATION)).shape == (ACTION,)
    path.write_bytes(pickle.dumps(content | {name: change(content[name])}))
    with pytest.raises(CorruptFileError, match=word):
        load_published_policy(path)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_spoiled_bytes_give_a_policy_or_the_error(tmp_path, zfilter, data):
    path = tmp_path / "iter_5000.p"
    whole = tmp_path / "whole.p"
    if not whole.exists():
        samples = np.random.default_rng(0).normal(size=(9, OBSERVATION))
        write(whole, zfilter, Network(hidden=(2,)), samples)
    spoiled = bytearray(whole.read_bytes())
    # The first and last bytes hold the structure, what is between mostly numbers.
    places = st.one_of(
        st.integers(0, 900), st.integers(-9000, -1), st.integers(0, len(spoiled) - 1)
    )
    for _ in range(data.draw(st.integers(1, 4))):
        spoiled[data.draw(places)] = data.draw(st.integers(0, 255))
    path.write_bytes(spoiled[: data.draw(st.sampled_from([None, None, 100, 3000, -50]))])
    try:
        policy = load_published_policy(path)
    except CorruptFileError:
        return
    assert policy.weights[0].shape[1] == OBSERVATION
