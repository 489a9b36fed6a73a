"""Noise for samplers, one stream an item: a sample does not depend on its neighbours in a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from loop.errors import InvalidOptionError

NoiseSource = Callable[[tuple[int, ...]], Tensor]
"""Standard normal noise of a shape (B, ...), fresh at every call."""


class ItemNoise:
    """Standard normal noise, float32, where item i draws from its own seed.

    The k-th draw of an item comes from the generator seeded by (seed, k) and is filled along the
    leading axis: an item gets the same noise alone, in any batch, and on its first frames however
    long the batch is padded. NumPy draws it, so that no device or torch version changes it.

    Args:
        seeds: one non-negative integer an item.
        device: where the noise is wanted.
    """

    def __init__(self, seeds: Sequence[int], device: torch.device | str = "cpu") -> None:
        self._seeds = list(seeds)
        self._device = device
        self._draws = 0

    def __call__(self, shape: tuple[int, ...]) -> Tensor:
        """Draw noise of `shape` (B, ...), B = number of seeds.

        Raises:
            InvalidOptionError: the batch size is not the number of seeds.
        """
        if shape[0] != len(self._seeds):
            raise InvalidOptionError(
                "noise needs one seed an item", found=len(self._seeds), expected=shape[0]
            )
        noise = np.empty(shape, dtype=np.float32)
        for item, seed in enumerate(self._seeds):
            rng = np.random.default_rng([seed, self._draws])
            rng.standard_normal(dtype=np.float32, out=noise[item : item + 1])
        self._draws += 1
        return torch.from_numpy(noise).to(self._device)
