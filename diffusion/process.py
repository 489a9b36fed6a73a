"""The Gaussian diffusion process: forward marginals, posterior, conversions, training loss.

Symbols as in DDPM (Ho et al., arXiv 2006.11239): beta_t, abar_t = prod (1 - beta_s). Index t runs
from 0 (least noise) to T - 1. Tables are float64 and are cast to the dtype of the data at use.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from loop.errors import InvalidOptionError

Denoise = Callable[[Tensor, Tensor], Tensor]
"""A network: noisy x (B, ...) and its timesteps (B,) int64 -> prediction (B, ...)."""

Prediction = Literal["x0", "eps", "v"]
Variance = Literal["small", "large"]


class Diffusion:
    """A chain of Gaussian noising steps, and what the network predicts in it.

    Args:
        betas: (T,) variances in (0, 1), float64.
        prediction: whether the network predicts the clean data, the noise, or the velocity
            v = sqrt(abar) eps - sqrt(1 - abar) x_0 (Salimans & Ho, arXiv 2202.00512).
        variance: of the reverse step, "small" = posterior variance (MDM), "large" = beta_t (MNIST).
        timesteps: (T,) the timestep that the network is told at each index; 0..T-1 if left out.
            A respaced chain keeps here the numbers of the chain that the network was trained on.

    Raises:
        InvalidOptionError: betas are not a non-empty vector of numbers in (0, 1), the number of
            timesteps differs from T, or an option has an unknown value.
    """

    def __init__(
        self,
        betas: np.ndarray,
        prediction: Prediction,
        *,
        variance: Variance = "small",
        timesteps: Sequence[int] | None = None,
    ) -> None:
        betas = np.asarray(betas, dtype=np.float64)
        if betas.ndim != 1 or not len(betas) or not ((betas > 0) & (betas < 1)).all():
            raise InvalidOptionError(
                "betas must be a vector of numbers between 0 and 1", found=f"shape {betas.shape}"
            )
        if prediction not in ("x0", "eps", "v"):
            raise InvalidOptionError(
                "unknown prediction", found=prediction, expected="x0 | eps | v"
            )
        if variance not in ("small", "large"):
            raise InvalidOptionError("unknown variance", found=variance, expected="small | large")
        if timesteps is not None and len(timesteps) != len(betas):
            raise InvalidOptionError(
                "one timestep a beta is needed", found=len(timesteps), expected=len(betas)
            )
        self.prediction: Prediction = prediction
        self.variance: Variance = variance
        self.betas = betas
        self.timesteps = np.asarray(
            np.arange(len(betas)) if timesteps is None else timesteps, dtype=np.int64
        )
        self.alpha_bars = np.cumprod(1.0 - betas)
        self._host = self._make_tables()
        self._devices: dict[torch.device, dict[str, Tensor]] = {}

    @property
    def steps(self) -> int:
        """Length T of the chain."""
        return len(self.betas)

    def _make_tables(self) -> dict[str, Tensor]:
        abar = self.alpha_bars
        previous = np.concatenate([[1.0], abar[:-1]])
        posterior_variance = self.betas * (1 - previous) / (1 - abar)
        tables = {
            "alpha_bar": abar,
            "alpha_bar_previous": previous,
            "signal": np.sqrt(abar),
            "noise": np.sqrt(1 - abar),
            "posterior_variance": posterior_variance,
            "posterior_x0": np.sqrt(previous) * self.betas / (1 - abar),
            "posterior_xt": np.sqrt(1 - self.betas) * (1 - previous) / (1 - abar),
            "sigma": np.sqrt(posterior_variance if self.variance == "small" else self.betas),
        }
        return {name: torch.from_numpy(table) for name, table in tables.items()} | {
            "timesteps": torch.from_numpy(self.timesteps)
        }

    def table(self, name: str, t: Tensor, like: Tensor) -> Tensor:
        """Return entries `t` (B,) of a table, cast and shaped to broadcast with `like` (B, ...)."""
        entries = self._tables(like.device)[name][t].to(like.dtype)
        return entries.reshape(-1, *[1] * (like.ndim - 1))

    def _tables(self, device: torch.device) -> dict[str, Tensor]:
        if device not in self._devices:
            self._devices[device] = {name: v.to(device) for name, v in self._host.items()}
        return self._devices[device]

    def network_timesteps(self, t: Tensor) -> Tensor:
        """Return timesteps (B,) int64 that the network is told at indices `t` (B,) here."""
        return self._tables(t.device)["timesteps"][t]

    def q_sample(self, x0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """Draw x_t ~ q(x_t | x_0) (DDPM eq. 4): x0, noise (B, ...), t (B,) -> (B, ...)."""
        return self.table("signal", t, x0) * x0 + self.table("noise", t, x0) * noise

    def x0_from_eps(self, x: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        """Return the clean data that x_t and its noise imply."""
        return (x - self.table("noise", t, x) * eps) / self.table("signal", t, x)

    def eps_from_x0(self, x: Tensor, t: Tensor, x0: Tensor) -> Tensor:
        """Return the noise that x_t and its clean data imply."""
        return (x - self.table("signal", t, x) * x0) / self.table("noise", t, x)

    def posterior(self, x0: Tensor, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean (B, ...), variance (B, 1, ...) of q(x_{t-1} | x_t, x_0) (DDPM eq. 6, 7)."""
        mean = self.table("posterior_x0", t, x) * x0 + self.table("posterior_xt", t, x) * x
        return mean, self.table("posterior_variance", t, x)

    def predict_x0(self, denoise: Denoise, x: Tensor, t: Tensor) -> Tensor:
        """Predict the clean data (B, ...) at indices `t` (B,) by the network."""
        predicted = denoise(x, self.network_timesteps(t))
        if self.prediction == "v":
            return self.table("signal", t, x) * x - self.table("noise", t, x) * predicted
        return predicted if self.prediction == "x0" else self.x0_from_eps(x, t, predicted)

    def training_loss(
        self, denoise: Denoise, x0: Tensor, t: Tensor, noise: Tensor, mask: Tensor | None = None
    ) -> Tensor:
        """Return the mean squared error of the prediction over valid frames and all features.

        Args:
            denoise: the network.
            x0: (B, F, ...) clean data.
            t: (B,) indices into this chain.
            noise: (B, F, ...) standard normal.
            mask: (B, F) true on valid frames, at least one an item; all are valid if left out.

        Returns:
            (B,) losses: MDM's "rot_mse" where the network predicts x0.
        """
        predicted = denoise(self.q_sample(x0, t, noise), self.network_timesteps(t))
        target = x0 if self.prediction == "x0" else noise
        if self.prediction == "v":
            target = self.table("signal", t, x0) * noise - self.table("noise", t, x0) * x0
        errors = (predicted - target).square()
        per_frame = errors.reshape(*errors.shape[:2], -1).mean(2)
        if mask is None:
            return per_frame.mean(1)
        return (per_frame * mask).sum(1) / mask.sum(1)


def subsequence(diffusion: Diffusion, kept: Sequence[int]) -> Diffusion:
    """Return the chain that visits only the indices `kept`, with the same marginals there.

    beta'_i = 1 - abar_{kept_i} / abar_{kept_{i-1}}; the network is told the timesteps it knows.

    Raises:
        InvalidOptionError: `kept` is empty, not strictly increasing, or leaves the chain.
    """
    indices = np.asarray(kept, dtype=np.int64)
    if not len(indices) or indices[0] < 0 or indices[-1] >= diffusion.steps:
        raise InvalidOptionError(
            "kept steps leave the chain", found=list(kept), expected=f"0 to {diffusion.steps - 1}"
        )
    if (np.diff(indices) <= 0).any():
        raise InvalidOptionError("kept steps must increase", found=list(kept))
    alpha_bars = diffusion.alpha_bars[indices]
    betas = 1.0 - alpha_bars / np.concatenate([[1.0], alpha_bars[:-1]])
    return Diffusion(
        betas,
        diffusion.prediction,
        variance=diffusion.variance,
        timesteps=diffusion.timesteps[indices].tolist(),
    )


def respace(diffusion: Diffusion, steps: int | str) -> Diffusion:
    """Make a chain of fewer steps of `diffusion`, as `timestep_respacing` of the published code.

    Args:
        diffusion: the full chain of T steps.
        steps: a number of steps, spread evenly with the first and the last of the chain included
            (one step keeps the first); or `ddimN`: N steps at the smallest whole stride from the
            first on that gives as many (Song et al., arXiv 2010.02502).

    Raises:
        InvalidOptionError: fewer than one step, more than the chain has, no such stride, or words
            that are none of these.
    """
    total = diffusion.steps
    strided = isinstance(steps, str)
    number = steps.removeprefix("ddim") if isinstance(steps, str) else str(steps)
    count = int(number) if number.isdecimal() else 0
    if not 1 <= count <= total or (isinstance(steps, str) and steps != f"ddim{count}"):
        raise InvalidOptionError(
            "cannot respace a chain to this many steps",
            found=steps,
            expected=f"1 to {total}, or ddim2 to ddim{total}",
        )
    if strided:
        strides = [stride for stride in range(1, total) if -(-total // stride) == count]
        if not strides:
            raise InvalidOptionError(
                "no whole stride gives so many steps",
                found=f"{steps} of {total}",
                remedy=f"choose a number that divides {total}",
            )
        return subsequence(diffusion, range(0, total, strides[0]))
    stride = (total - 1) / (count - 1) if count > 1 else 1.0
    # Added up, as published: products are rounded elsewhere in the last bit.
    kept = accumulate([stride] * (count - 1), initial=0.0)
    return subsequence(diffusion, [round(position) for position in kept])
