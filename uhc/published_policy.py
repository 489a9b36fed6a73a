"""Weights of the published controller (`iter_5000.p`), read without running code from them.

The file is a pickle of `policy_dict` and `value_dict` (torch state dicts) and `running_state` (sums
of the observations seen). Tensors inside are torch archives of their own, which `torch.load` reads
with `weights_only`; everything else that is not plain data is refused.
"""

from __future__ import annotations

import io
import warnings
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from body_models.restricted_pickle import DAMAGE, Stub, Unpickler
from loop.errors import CorruptFileError, MissingAssetError
from uhc.faithful_env import ACTION, OBSERVATION

Array = NDArray[np.float64]

CLIP = 5.0
PARTS = ("policy_dict", "running_state")


@dataclass(frozen=True)
class PublishedPolicy:
    """Observation (657,) to mean action (315,): GELU layers on normalised observations."""

    mean: Array
    deviation: Array
    weights: tuple[Array, ...]
    biases: tuple[Array, ...]

    def act(self, observation: NDArray[Any]) -> Array:
        """The mean action, which the published code evaluates with."""
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
            remedy="bash prepare/download_uhc.sh",
        )
    try:
        content = _Unpickler(io.BytesIO(path.read_bytes())).load()
        policy = _policy(content)
    except (*DAMAGE, KeyError) as error:
        raise CorruptFileError(
            "not a checkpoint of the published controller",
            path=path,
            found=f"{type(error).__name__}: {error}",
            expected=" and ".join(PARTS),
        ) from error
    found = (policy.mean.shape, policy.weights[0].shape[1], policy.weights[-1].shape[0])
    if found != ((OBSERVATION,), OBSERVATION, ACTION):
        raise CorruptFileError(
            "a controller for another robot",
            path=path,
            found=found,
            expected=((OBSERVATION,), OBSERVATION, ACTION),
        )
    return policy


def _policy(content: dict[str, Any]) -> PublishedPolicy:
    state = {name: np.asarray(value, np.float64) for name, value in content["policy_dict"].items()}
    hidden = sorted(
        (name for name in state if name.startswith("net.") and name.endswith(".weight")),
        key=lambda name: int(name.split(".")[-2]),
    )
    names = [*hidden, "action_mean.weight"]
    filtered = content["running_state"]
    seen = filtered.state["rs"].state if isinstance(filtered, Stub) else filtered
    count = float(seen["_n"])
    variance = np.asarray(seen["_S"], np.float64) / max(count - 1.0, 1.0)
    return PublishedPolicy(
        np.asarray(seen["_M"], np.float64),
        np.sqrt(variance),
        tuple(state[name] for name in names),
        tuple(state[name.removesuffix("weight") + "bias"] for name in names),
    )


def _tensor_storage(data: bytes) -> Any:
    import torch

    return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)


def _rebuild(storage: Any, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any):
    """What a pickled tensor is made of: a view of a storage."""
    import torch

    with warnings.catch_warnings():  # the file is older than torch's new names
        warnings.simplefilter("ignore", UserWarning)
        untyped = storage.untyped()
    return torch.empty(0, dtype=storage.dtype).set_(untyped, offset, size, stride).numpy()


class _Unpickler(Unpickler):
    def find_class(self, module: str, name: str, /) -> Any:
        """Tensors, the running statistics as data, and what every pickle may hold."""
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild
        if (module, name) == ("torch.storage", "_load_from_bytes"):
            return _tensor_storage
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module.split(".")[-1] == "zfilter" and name in ("ZFilter", "RunningStat"):
            return type(name, (Stub,), {"name": f"{module}.{name}"})
        return super().find_class(module, name)
