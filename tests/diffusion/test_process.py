from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diffusion.process import Diffusion, respace, subsequence
from diffusion.schedules import cosine_betas, linear_betas
from loop.errors import InvalidOptionError

COSINE = Diffusion(cosine_betas(50), "x0")


def gaussians(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def test_marginals_equal_the_chain_of_single_steps() -> None:
    """Noising by x_t = sqrt(1 - beta) x + sqrt(beta) e has the mean and variance of q."""
    mean, variance = 1.0, 0.0
    one, zero = torch.ones(1, 1, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)
    for step, beta in enumerate(COSINE.betas):
        mean, variance = np.sqrt(1 - beta) * mean, (1 - beta) * variance + beta
        t = torch.tensor([step])
        assert COSINE.q_sample(one, t, zero).item() == pytest.approx(mean, rel=1e-12)
        assert COSINE.q_sample(zero, t, one).item() == pytest.approx(np.sqrt(variance), rel=1e-12)


@pytest.mark.parametrize("step", [0, 1, 25, 49])
def test_posterior_is_bayes_rule(step: int) -> None:
    """q(x_{t-1} | x_t, x_0) by completing the square of q(x_t | x_{t-1}) q(x_{t-1} | x_0)."""
    beta = COSINE.betas[step]
    previous = COSINE.alpha_bars[step - 1] if step else 1.0
    x0, x = 0.7, -1.3
    mean, variance = COSINE.posterior(
        torch.full((1, 1), x0, dtype=torch.float64),
        torch.full((1, 1), x, dtype=torch.float64),
        torch.tensor([step]),
    )
    if step == 0:
        assert variance.item() == 0
        assert mean.item() == pytest.approx(x0)
        return
    precision = (1 - beta) / beta + 1 / (1 - previous)
    assert variance.item() == pytest.approx(1 / precision, rel=1e-9)
    weighted = np.sqrt(1 - beta) * x / beta + np.sqrt(previous) * x0 / (1 - previous)
    assert mean.item() == pytest.approx(weighted / precision, rel=1e-9)


def test_conversions_invert_each_other() -> None:
    x0, noise, t = gaussians(50, 3, 4), gaussians(50, 3, 4, seed=1), torch.arange(50)
    x = COSINE.q_sample(x0, t, noise)
    torch.testing.assert_close(COSINE.eps_from_x0(x, t, x0), noise)
    torch.testing.assert_close(COSINE.x0_from_eps(x, t, noise), x0, rtol=1e-6, atol=1e-6)


def test_tables_are_cast_to_the_dtype_of_the_data() -> None:
    x = gaussians(2, 3, 4, dtype=torch.float32)
    assert COSINE.q_sample(x, torch.tensor([0, 49]), x).dtype == torch.float32


@pytest.mark.parametrize("prediction", ["x0", "eps", "v"])
def test_training_loss_is_the_mean_over_valid_numbers(prediction: str) -> None:
    diffusion = Diffusion(cosine_betas(50), prediction)  # type: ignore[arg-type]
    x0, noise = gaussians(3, 7, 5), gaussians(3, 7, 5, seed=1)
    answer = gaussians(3, 7, 5, seed=2)
    mask = torch.arange(7) < torch.tensor([7, 4, 1])[:, None]
    t = torch.tensor([0, 10, 49])
    loss = diffusion.training_loss(lambda x, t: answer, x0, t, noise, mask)
    abar = torch.from_numpy(diffusion.alpha_bars)[t].reshape(3, 1, 1)
    velocity = abar.sqrt() * noise - (1 - abar).sqrt() * x0
    target = {"x0": x0, "eps": noise, "v": velocity}[prediction]
    for item, frames in enumerate([7, 4, 1]):
        expected = ((answer - target)[item, :frames] ** 2).mean()
        assert loss[item].item() == pytest.approx(expected.item(), rel=1e-12)


def test_training_loss_ignores_what_stands_in_the_padding() -> None:
    x0, noise, mask = gaussians(1, 4, 5), gaussians(1, 4, 5, seed=1), torch.tensor([[1, 1, 0, 0]])
    padded = x0.clone()
    padded[:, 2:] = 1e6
    losses = [
        COSINE.training_loss(lambda x, t: torch.zeros_like(x), data, torch.tensor([9]), noise, mask)
        for data in (x0, padded)
    ]
    assert losses[0] == losses[1]


def test_training_loss_without_mask_takes_images() -> None:
    images, noise = gaussians(2, 1, 8, 8), gaussians(2, 1, 8, 8, seed=1)
    diffusion = Diffusion(linear_betas(10, 1e-4, 0.02), "eps")
    loss = diffusion.training_loss(lambda x, t: noise + 2, images, torch.tensor([0, 9]), noise)
    torch.testing.assert_close(loss, torch.full((2,), 4.0, dtype=torch.float64))


@given(st.lists(st.integers(0, 49), min_size=1, unique=True))
def test_a_subsequence_keeps_the_marginals(kept: list[int]) -> None:
    kept.sort()
    shorter = subsequence(COSINE, kept)
    np.testing.assert_allclose(shorter.alpha_bars, COSINE.alpha_bars[kept], rtol=1e-9)
    assert shorter.timesteps.tolist() == kept


@pytest.mark.parametrize("steps", [1, 2, 7, 50])
def test_respacing_keeps_the_first_and_the_noisiest_step(steps: int) -> None:
    """One step is the published one: the first, the least noisy."""
    shorter = respace(COSINE, steps)
    assert shorter.steps == steps
    assert shorter.timesteps[0] == 0
    assert steps == 1 or shorter.timesteps[-1] == 49


@pytest.mark.parametrize(
    ("steps", "kept"),
    [("ddim10", range(0, 50, 5)), ("ddim9", range(0, 50, 6)), ("ddim50", range(50)),
     ("ddim17", range(0, 50, 3)), ("ddim2", range(0, 50, 25))],
)  # fmt: skip
def test_ddim_respacing_strides_from_the_first_step(steps: str, kept: range) -> None:
    assert respace(COSINE, steps).timesteps.tolist() == list(kept)


@pytest.mark.parametrize("steps", ["ddim11", "ddim0", "ddim", "ddim1", "ddim-5", "10,10", "50"])
def test_strides_that_are_not_whole_and_other_words_are_refused(steps: str) -> None:
    with pytest.raises(InvalidOptionError):
        respace(COSINE, steps)


def test_respacing_twice_still_tells_the_network_its_own_timesteps() -> None:
    twice = respace(respace(COSINE, 25), 5)
    assert twice.timesteps.tolist() == [0, 12, 25, 37, 49]
    assert twice.network_timesteps(torch.tensor([4, 0])).tolist() == [49, 0]


def test_respacing_to_all_steps_changes_nothing() -> None:
    np.testing.assert_allclose(respace(COSINE, 50).betas, COSINE.betas, rtol=1e-9)


@pytest.mark.parametrize("steps", [0, 51])
def test_impossible_respacing_is_refused(steps: int) -> None:
    with pytest.raises(InvalidOptionError, match="cannot respace"):
        respace(COSINE, steps)


@pytest.mark.parametrize("kept", [[], [3, 3], [4, 2], [-1, 2], [0, 50]])
def test_impossible_subsequences_are_refused(kept: list[int]) -> None:
    with pytest.raises(InvalidOptionError, match="kept steps"):
        subsequence(COSINE, kept)


@pytest.mark.parametrize(
    ("betas", "options"),
    [
        (np.array([]), {}),
        (np.array([0.1, 1.0]), {}),
        (np.array([0.1, np.nan]), {}),
        (np.full((2, 2), 0.1), {}),
        (np.full(2, 0.1), {"timesteps": [0]}),
        (np.full(2, 0.1), {"variance": "learned"}),
        (np.full(2, 0.1), {"prediction": "score"}),
    ],
)
def test_bad_options_are_refused(betas: np.ndarray, options: dict) -> None:
    with pytest.raises(InvalidOptionError):
        Diffusion(betas, **({"prediction": "x0"} | options))
