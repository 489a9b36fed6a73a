from __future__ import annotations

import numpy as np
import pytest
from diffusers import DDPMScheduler

from diffusion.schedules import cosine_betas, linear_betas, mnist_betas
from loop.errors import InvalidOptionError


@pytest.mark.parametrize("steps", [1, 50, 1000])
def test_cosine_betas_are_those_of_diffusers(steps: int) -> None:
    oracle = DDPMScheduler(num_train_timesteps=steps, beta_schedule="squaredcos_cap_v2")
    np.testing.assert_allclose(cosine_betas(steps), oracle.betas.numpy(), rtol=1e-4, atol=1e-7)


def test_cosine_alpha_bar_follows_its_formula_until_the_cap() -> None:
    steps = 1000
    u = np.arange(1, steps) / steps
    expected = np.cos((u + 0.008) / 1.008 * np.pi / 2) ** 2 / np.cos(0.008 / 1.008 * np.pi / 2) ** 2
    np.testing.assert_allclose(np.cumprod(1 - cosine_betas(steps))[:-1], expected, rtol=1e-9)
    assert cosine_betas(steps)[-1] == 0.999


def test_linear_betas_are_those_of_diffusers() -> None:
    oracle = DDPMScheduler(num_train_timesteps=400, beta_start=1e-4, beta_end=0.02)
    np.testing.assert_allclose(linear_betas(400, 1e-4, 0.02), oracle.betas.numpy(), rtol=1e-5)


def test_mnist_betas_count_from_zero_to_t_inclusive() -> None:
    betas = mnist_betas(400)
    assert len(betas) == 401
    assert betas[100] == pytest.approx(1e-4 + (0.02 - 1e-4) * 100 / 400)


@pytest.mark.parametrize("steps", [0, -3])
def test_no_steps_is_refused(steps: int) -> None:
    with pytest.raises(InvalidOptionError, match="at least one step"):
        cosine_betas(steps)
