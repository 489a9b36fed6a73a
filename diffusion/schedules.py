"""Noise schedules: the betas of the forward process, as float64 arrays.

x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) eps with abar_t = prod_{s <= t} (1 - beta_s).
"""

from __future__ import annotations

import math

import numpy as np

from loop.errors import InvalidOptionError

MNIST_BETA_RANGE = (1e-4, 0.02)


def cosine_betas(steps: int) -> np.ndarray:
    """Return the cosine schedule of Nichol & Dhariwal (arXiv 2102.09672, eq. 17), as MDM uses it.

    abar(u) = cos^2((u + .008) / 1.008 * pi / 2) for u = t / steps, and
    beta_t = min(1 - abar((t + 1) / steps) / abar(t / steps), 0.999), whose cap keeps the last
    steps from destroying all signal at once.

    Args:
        steps: number of diffusion steps T.

    Returns:
        (T,) float64.
    """
    _check_steps(steps)
    alpha_bar = [math.cos((t / steps + 0.008) / 1.008 * math.pi / 2) ** 2 for t in range(steps + 1)]
    ratios = np.asarray(alpha_bar[1:]) / np.asarray(alpha_bar[:-1])
    return np.minimum(1.0 - ratios, 0.999)


def linear_betas(steps: int, start: float, end: float) -> np.ndarray:
    """Return betas in equal steps from `start` to `end`, both included (Ho et al., 2006.11239).

    Returns:
        (T,) float64.
    """
    _check_steps(steps)
    return np.linspace(start, end, steps)


def mnist_betas(steps: int = 400) -> np.ndarray:
    """Return the MNIST experiment's beta_t = 1e-4 + (0.02 - 1e-4) t / T, t = 0..T: T + 1 values.

    Training and sampling there visit t = 1..T only; beta_0 enters through abar alone. Use
    `process.subsequence(diffusion, range(1, T + 1))` to walk that chain.

    Returns:
        (T + 1,) float64.
    """
    return linear_betas(steps + 1, *MNIST_BETA_RANGE)


def _check_steps(steps: int) -> None:
    if steps < 1:
        raise InvalidOptionError(
            "a diffusion needs at least one step", found=steps, expected=">= 1"
        )
