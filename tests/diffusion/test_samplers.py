"""The samplers against diffusers, step by step, and against closed forms on Gaussian data."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler

from diffusion.noise import ItemNoise
from diffusion.process import Diffusion, respace, subsequence
from diffusion.samplers import Sampling, ddim, ddpm, dpmpp
from diffusion.schedules import cosine_betas, linear_betas
from loop.errors import InvalidOptionError

SHAPE = (2, 6, 3)
NAMES = {"x0": "sample", "eps": "epsilon", "v": "v_prediction"}
SCHEDULES = {"cosine": cosine_betas(20), "linear": linear_betas(20, 1e-4, 0.2)}


class Replay:
    """Noise in float64 that can be handed to another sampler once more."""

    def __init__(self) -> None:
        self.generator = torch.Generator().manual_seed(5)
        self.drawn: list[torch.Tensor] = []

    def __call__(self, shape: tuple[int, ...]) -> torch.Tensor:
        self.drawn.append(torch.randn(shape, generator=self.generator, dtype=torch.float64))
        return self.drawn[-1]


def network(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """Any smooth function of x and t will do: it stands for the trained network."""
    return torch.tanh(0.8 * x + 0.01 * t.reshape(-1, 1, 1)) - 0.1 * x


def exact(scheduler: DDPMScheduler | DDIMScheduler, betas: np.ndarray) -> None:
    """diffusers keeps float32 tables; give it float64 ones so that 1e-9 can be asked for."""
    abar = torch.from_numpy(np.cumprod(1 - betas))
    torch.testing.assert_close(scheduler.alphas_cumprod.double(), abar, rtol=1e-4, atol=1e-6)
    scheduler.alphas_cumprod = abar
    scheduler.one = torch.ones((), dtype=torch.float64)
    if isinstance(scheduler, DDIMScheduler):
        scheduler.final_alpha_cumprod = torch.ones((), dtype=torch.float64)


@pytest.fixture
def replayed_randn(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, list[torch.Tensor]], None]:
    def replay(module: str, noises: list[torch.Tensor]) -> None:
        remaining = iter(noises)
        monkeypatch.setattr(
            f"diffusers.schedulers.{module}.randn_tensor", lambda *a, **k: next(remaining)
        )

    return replay


@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("variance", ["small", "large"])
@pytest.mark.parametrize("prediction", ["x0", "eps", "v"])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("steps", [20, 7])
def test_ddpm_walks_with_diffusers(
    schedule: str, prediction: str, variance: str, clip: bool, steps: int, replayed_randn: Callable
) -> None:
    betas = SCHEDULES[schedule]
    chain = respace(Diffusion(betas, prediction, variance=variance), steps)  # type: ignore[arg-type]
    noise = Replay()
    ours = ddpm(chain, network, noise, SHAPE, clip_denoised=clip)

    scheduler = DDPMScheduler(
        num_train_timesteps=20,
        trained_betas=betas,
        variance_type=f"fixed_{variance}",
        prediction_type=NAMES[prediction],
        clip_sample=clip,
    )
    exact(scheduler, betas)
    scheduler.set_timesteps(timesteps=chain.timesteps[::-1].tolist())
    replayed_randn("scheduling_ddpm", noise.drawn[1:])
    x = noise.drawn[0]
    for t in scheduler.timesteps:
        x = scheduler.step(network(x, t.expand(len(x))), int(t), x, return_dict=False)[0]
    assert len(noise.drawn) == steps
    torch.testing.assert_close(ours, x, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("eta", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("prediction", ["x0", "eps", "v"])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("steps", [20, 5])
def test_ddim_walks_with_diffusers(
    schedule: str, prediction: str, eta: float, steps: int, replayed_randn: Callable
) -> None:
    betas = SCHEDULES[schedule]
    full = Diffusion(betas, prediction)  # type: ignore[arg-type]
    # diffusers' DDIM knows only evenly spaced steps that start at 0 ("leading").
    chain = subsequence(full, range(0, 20, 20 // steps))
    noise = Replay()
    ours = ddim(chain, network, noise, SHAPE, eta=eta)

    scheduler = DDIMScheduler(
        num_train_timesteps=20,
        trained_betas=betas,
        prediction_type=NAMES[prediction],
        clip_sample=False,
        timestep_spacing="leading",
    )
    exact(scheduler, betas)
    scheduler.set_timesteps(steps)
    replayed_randn("scheduling_ddim", [*noise.drawn[1:], torch.zeros(SHAPE, dtype=torch.float64)])
    x = noise.drawn[0]
    for t in scheduler.timesteps:
        answer = network(x, t.expand(len(x)))
        x = scheduler.step(answer, int(t), x, eta=eta, return_dict=False)[0]
    torch.testing.assert_close(ours, x, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("prediction", ["x0", "eps", "v"])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("steps", [20, 12, 5, 1])
def test_dpmpp_walks_with_diffusers(schedule: str, prediction: str, steps: int) -> None:
    betas = SCHEDULES[schedule]
    noise = Replay()
    full = Diffusion(betas, prediction)  # type: ignore[arg-type]
    ours = Sampling("dpmpp", steps).draw(full, network, noise, SHAPE)

    scheduler = DPMSolverMultistepScheduler(
        num_train_timesteps=20,
        trained_betas=betas,
        prediction_type=NAMES[prediction],
        final_sigmas_type="zero",
    )
    told = Sampling("dpmpp", steps).chain(full).timesteps[::-1]
    scheduler.set_timesteps(timesteps=told.tolist())
    x = noise.drawn[0]
    for t in scheduler.timesteps:
        x = scheduler.step(network(x, t.expand(len(x))), t, x, return_dict=False)[0]
    assert len(told) == steps and told[0] == 19
    assert len(noise.drawn) == 1
    # diffusers keeps its noise levels in float32, and the sample, too, within a step.
    torch.testing.assert_close(ours, x, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("sampler", ["ddpm", "ddim", "dpmpp"])
def test_sampling_walks_the_chain_or_as_many_steps_as_asked_for(sampler: str) -> None:
    diffusion = Diffusion(cosine_betas(10), "x0")
    calls: list[int] = []

    def counted(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        calls.append(int(t[0]))
        return network(x, t)

    whole = Sampling(sampler).draw(diffusion, counted, Replay(), SHAPE)  # type: ignore[arg-type]
    assert calls == list(range(9, -1, -1))
    function = {"ddpm": ddpm, "ddim": ddim, "dpmpp": dpmpp}[sampler]
    torch.testing.assert_close(whole, function(diffusion, network, Replay(), SHAPE))
    calls.clear()
    Sampling(sampler, 4).draw(diffusion, counted, Replay(), SHAPE)  # type: ignore[arg-type]
    assert len(calls) == 4 and calls[0] == 9
    for wrong in (0, 11):
        with pytest.raises(InvalidOptionError, match="--sampling_steps"):
            Sampling(sampler, wrong).chain(diffusion)  # type: ignore[arg-type]


MEAN, STD = 1.5, 0.4


def optimal(
    diffusion: Diffusion, std: float = STD
) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """E[x_0 | x_t] for data N(MEAN, std^2), which no network can beat."""

    def denoise(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        abar = torch.from_numpy(diffusion.alpha_bars)[t].to(x.dtype).reshape(-1, 1)
        gain = std**2 * abar.sqrt() / (std**2 * abar + 1 - abar)
        return MEAN + gain * (x - abar.sqrt() * MEAN)

    return denoise


@pytest.mark.parametrize("sampler", [ddpm, ddim, dpmpp])
def test_samplers_recover_gaussian_data(sampler: Callable) -> None:
    diffusion = Diffusion(cosine_betas(200), "x0")
    samples = sampler(diffusion, optimal(diffusion), ItemNoise([3]), (1, 40_000)).double()
    # 6 standard errors, plus 2 % of the deviation for 200 finite steps.
    assert abs(samples.mean().item() - MEAN) < 6 * STD / 200
    assert abs(samples.std().item() / STD - 1) < 6 / np.sqrt(2 * 40_000) + 0.02


def test_the_implicit_sampler_needs_few_steps_on_gaussian_data() -> None:
    """Each DDIM step is the same linear map of x: the closed form of ten of them is a product."""
    diffusion = Diffusion(cosine_betas(1000), "x0")
    chain = respace(diffusion, 10)
    scale = 1.0
    for step in reversed(range(10)):
        abar = chain.alpha_bars[step]
        previous = chain.alpha_bars[step - 1] if step else 1.0
        gain = STD**2 * np.sqrt(abar) / (STD**2 * abar + 1 - abar)
        noise = (1 - np.sqrt(abar) * gain) / np.sqrt(1 - abar)
        scale *= np.sqrt(previous) * gain + np.sqrt(1 - previous) * noise
    x_end = Replay()
    samples = ddim(diffusion, optimal(diffusion), x_end, (1, 1000), steps=10)
    start = x_end.drawn[0] - np.sqrt(chain.alpha_bars[-1]) * MEAN
    torch.testing.assert_close(samples - MEAN, start * scale, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("std", [0.1, 0.4, 1.0])
@pytest.mark.parametrize("steps", [50, 1000])
def test_twelve_steps_of_dpmpp_keep_the_spread_of_the_data(steps: int, std: float) -> None:
    """On Gaussian data; twelve ancestral steps lose a fifth of it, in every generation."""
    diffusion = Diffusion(cosine_betas(steps), "x0")
    spread = {
        name: Sampling(name, 12)
        .draw(diffusion, optimal(diffusion, std), Replay(), (1, 20_000))
        .std()  # type: ignore[arg-type]
        for name in ("ddpm", "dpmpp")
    }
    assert abs(spread["dpmpp"] / std - 1) < 0.11
    assert spread["ddpm"] / std < 0.88


@pytest.mark.parametrize("sampler", [ddpm, ddim, dpmpp])
def test_an_item_does_not_depend_on_its_batch(sampler: Callable) -> None:
    diffusion = Diffusion(cosine_betas(10), "x0")
    together = sampler(diffusion, network, ItemNoise([4, 5, 6]), (3, 6, 3))
    alone = sampler(diffusion, network, ItemNoise([5]), (1, 6, 3))
    torch.testing.assert_close(together[1:2], alone, rtol=1e-6, atol=1e-6)


def test_eta_zero_draws_only_the_start() -> None:
    noise = Replay()
    ddim(Diffusion(cosine_betas(10), "x0"), network, noise, SHAPE)
    assert len(noise.drawn) == 1


def test_clipping_bounds_the_last_step() -> None:
    diffusion = Diffusion(cosine_betas(10), "x0")
    for sampler in (ddpm, ddim, dpmpp):
        samples = sampler(diffusion, lambda x, t: x + 9, Replay(), SHAPE, clip_denoised=True)
        torch.testing.assert_close(samples, torch.ones_like(samples))
