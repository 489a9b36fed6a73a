"""The policy at work: the mean of a Gaussian, in numpy (workers need no torch).

As UHC's: a plain multilayer perceptron on normalised observations (running mean and deviation,
clipped to +-5). Its weights are a safetensors file, which holds numbers and no code.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from body_models.arrays import Array
from loop.errors import CorruptFileError, MissingAssetError
from loop.rundir.files import prepare_file, write_bytes
from uhc.rl.environment import ACTION, DECISION_STEPS
from uhc.rl.observation import SIZE

CLIP = 5.0
"""Bound of a normalised observation."""


@dataclass(frozen=True)
class Network:
    """Function of an observation (SIZE,): weights (out, in) and biases (out,), SiLU between.

    Attributes:
        mean, deviation: (SIZE,) of the observations seen in training.
        weights, biases: of the layers in order; the last one is linear.
    """

    mean: Array
    deviation: Array
    weights: tuple[Array, ...]
    biases: tuple[Array, ...]

    def __call__(self, observation: NDArray[np.floating]) -> Array:
        """Map observations (SIZE,) to (OUT,), or (N, SIZE) to (N, OUT)."""
        last = len(self.weights) - 1
        # Weights out of bounds give numbers that are not finite: a failure of the clip.
        with np.errstate(all="ignore"):
            x = np.clip((observation - self.mean) / self.deviation, -CLIP, CLIP)
            for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
                x = x @ weight.T + bias
                if layer < last:
                    x = x / (1.0 + np.exp(-x))
        return x


class Policy(Network):
    """Observation (SIZE,) to the mean action (ACTION,)."""

    hold: ClassVar[int] = DECISION_STEPS

    def act(self, observation: NDArray[np.floating]) -> Array:
        """Return the mean action (ACTION,) for an observation (SIZE,), or (N, ACTION) for many."""
        return self(observation)

    def save(self, path: Path) -> None:
        """Write single-precision safetensors. Raises StorageError."""
        tensors = {"mean": self.mean, "deviation": self.deviation}
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            tensors |= {f"layer_{layer}.weight": weight, f"layer_{layer}.bias": bias}
        prepare_file(path)
        write_bytes(
            path, save({k: np.ascontiguousarray(v, np.float32) for k, v in tensors.items()})
        )

    @staticmethod
    def load(path: Path) -> Policy:
        """Read what `save` wrote.

        Raises:
            MissingAssetError: there is no such file.
            CorruptFileError: it is damaged, or made for other observations.
        """
        if not path.is_file():
            raise MissingAssetError(
                "the weights of the learned controller are not there",
                path=path,
                expected="safetensors written by exp_scripts/train_uhc.sh",
                remedy="train them, or leave the option out and use those that come along",
            )
        try:
            stored = {k: v.astype(np.float64) for k, v in load_file(path).items()}
            layers = sum(name.endswith(".weight") for name in stored)
            weights = tuple(stored[f"layer_{i}.weight"] for i in range(layers))
            biases = tuple(stored[f"layer_{i}.bias"] for i in range(layers))
            policy = Policy(stored["mean"], stored["deviation"], weights, biases)
        except (SafetensorError, KeyError, OSError, ValueError) as error:
            raise CorruptFileError("not the weights of a policy", path=path, found=error) from error
        if policy.mean.shape != (SIZE,) or not weights or len(weights[-1]) != ACTION:
            raise CorruptFileError(
                "these weights are for other observations or actions",
                path=path,
                found=f"{policy.mean.shape}, layers {[weight.shape for weight in weights]}",
                expected=f"({SIZE},), the last layer ({ACTION}, ...)",
            )
        return policy
