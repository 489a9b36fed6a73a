"""Weights of the published controller (`iter_5000.p`), read without running code from them.

The file is a pickle of `policy_dict` and `value_dict` (torch state dicts) and `running_state` (sums
of the observations seen). Tensors inside are torch archives of their own, of the kind that is older
than zip files; they are read here, without torch, and everything that is not plain data is refused.
"""

from __future__ import annotations

import io
import math
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from body_models.arrays import Array
from body_models.restricted_pickle import DAMAGE, Stub, Unpickler
from loop.errors import CorruptFileError, MissingAssetError, fetch_again
from uhc.controllers.faithful.environment import ACTION, OBSERVATION

CLIP = 5.0
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
"""How torch's archives of before 1.6 begin, which storages inside pickles still are."""
_STORAGES = {"FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2"}
FETCH = "bash prepare/download_uhc.sh"
PARTS = ("policy_dict", "running_state")


@dataclass(frozen=True)
class PublishedPolicy:
    """Observation (657,) to mean action (315,): GELU layers on normalised observations."""

    mean: Array
    deviation: Array
    weights: tuple[Array, ...]
    biases: tuple[Array, ...]

    def act(self, observation: NDArray[Any]) -> Array:
        """Choose the mean action, which the published code evaluates with."""
        # What weights out of bounds give is no number, and a failure of the clip.
        with np.errstate(all="ignore"):
            x = np.clip((observation - self.mean) / (self.deviation + 1e-8), -CLIP, CLIP)
            for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
                x = x @ weight.T + bias
                x = 0.5 * x * (1.0 + erf(x / np.sqrt(2.0)))
            return x @ self.weights[-1].T + self.biases[-1]


def load_published_policy(path: Path) -> PublishedPolicy:
    """Read `iter_<n>.p`.

    Raises:
        MissingAssetError: no such file.
        CorruptFileError: it is damaged, asks for code, or is of another network.
    """
    if not path.is_file():
        raise MissingAssetError(
            "the published controller's weights are not there",
            path=path,
            expected="iter_5000.p of uhc_explicit",
            remedy=f"{FETCH}, then leave --controller-weights out",
        )
    try:
        policy = _policy(_Unpickler(io.BytesIO(path.read_bytes())).load())
    except (*DAMAGE, KeyError) as error:
        raise CorruptFileError(
            "not a checkpoint of the published controller",
            path=path,
            found=f"{type(error).__name__}: {error}",
            expected=" and ".join(PARTS),
            remedy=fetch_again(path, FETCH),
        ) from error
    widths = _widths(policy)
    if (widths[0], widths[-1]) != (OBSERVATION, ACTION):
        raise CorruptFileError(
            "a controller for another robot",
            path=path,
            found=widths,
            expected=f"{OBSERVATION} observations, ..., {ACTION} actions",
        )
    return policy


def _policy(content: dict[str, Any]) -> PublishedPolicy:
    state = {name: _floats(value) for name, value in content["policy_dict"].items()}
    hidden = sorted(
        (name for name in state if name.startswith("net.") and name.endswith(".weight")),
        key=lambda name: int(name.split(".")[-2]),
    )
    names = [*hidden, "action_mean.weight"]
    filtered = content["running_state"]
    seen = filtered.state["rs"].state if isinstance(filtered, Stub) else filtered
    count = float(seen["_n"])
    variance = _floats(seen["_S"]) / max(count - 1.0, 1.0)
    if not (variance >= 0.0).all():
        raise ValueError("running statistics of a negative variance")
    return PublishedPolicy(
        _floats(seen["_M"]),
        np.sqrt(variance),
        tuple(state[name] for name in names),
        tuple(state[name.removesuffix("weight") + "bias"] for name in names),
    )


def _floats(value: object) -> Array:
    """Return finite numbers in double precision; lists may be larger than they look."""
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
        raise ValueError(f"{type(value).__name__} where numbers belong")
    if not np.isfinite(value).all():
        raise ValueError("numbers that are not finite")
    return np.asarray(value, np.float64)


def _widths(policy: PublishedPolicy) -> list[tuple[int, ...] | int]:
    """Return the numbers of inputs and of each layer's outputs; what does not fit stands whole."""
    widths: list[tuple[int, ...] | int] = [policy.mean.size]
    if policy.mean.ndim != 1 or policy.deviation.shape != policy.mean.shape:
        return [policy.mean.shape, policy.deviation.shape]
    for weight, bias in zip(policy.weights, policy.biases, strict=True):
        if weight.ndim != 2 or weight.shape[1] != widths[-1] or bias.shape != weight.shape[:1]:
            return [*widths, weight.shape, bias.shape]
        widths.append(len(weight))
    return widths


def _storage(data: bytes) -> NDArray[Any]:
    """Read the flat numbers of a torch archive that holds one storage."""
    stream = io.BytesIO(data)
    if (_part(stream), _part(stream)) != (_MAGIC, _PROTOCOL):
        raise pickle.UnpicklingError("no torch archive of the old kind")
    if _part(stream)["little_endian"] is not True:
        raise pickle.UnpicklingError("a torch archive of another byte order")
    dtype, _keys = _part(stream), _part(stream)
    size = int.from_bytes(stream.read(8), "little")
    return np.frombuffer(stream.read(size * dtype.itemsize), dtype, size)


def _part(stream: io.BytesIO) -> Any:
    return _StorageUnpickler(stream).load()


def _rebuild(
    storage: NDArray[Any], offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any
) -> NDArray[Any]:
    """Rebuild a tensor as a piece of a storage, row by row."""
    rows_first = tuple(math.prod(size[axis + 1 :]) for axis in range(len(size)))
    if tuple(stride) != rows_first or not 0 <= offset <= storage.size - math.prod(size):
        raise pickle.UnpicklingError(f"a tensor of {size} with strides {stride} at {offset}")
    return storage[offset : offset + math.prod(size)].reshape(size)


class _StorageUnpickler(Unpickler):
    """What describes a storage; its place in the answer is taken by the type of its numbers."""

    def persistent_load(self, pid: Any, /) -> np.dtype[Any]:
        """Read ("storage", type, key, device, how many, view), the device of no matter."""
        if not isinstance(pid, tuple) or pid[0] != "storage" or not isinstance(pid[1], np.dtype):
            raise pickle.UnpicklingError("no storage")
        return pid[1]

    def find_class(self, module: str, name: str, /) -> Any:
        """Admit the types of storages, and what every pickle may hold."""
        if module == "torch" and name in _STORAGES:
            return np.dtype(_STORAGES[name])
        return super().find_class(module, name)


class _Unpickler(Unpickler):
    def find_class(self, module: str, name: str, /) -> Any:
        """Admit tensors, the running statistics as data, and what every pickle may hold."""
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild
        if (module, name) == ("torch.storage", "_load_from_bytes"):
            return _storage
        if module.split(".")[-1] == "zfilter" and name in ("ZFilter", "RunningStat"):
            return type(name, (Stub,), {"name": f"{module}.{name}"})
        return super().find_class(module, name)
