from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler

from diffusion.noise import ItemNoise
from domains.mnist.denoiser import SAMPLE_BATCH, DigitDenoiser, new_denoiser
from domains.mnist.presets import CORRECTED, FAITHFUL, preset_named
from loop.errors import InvalidSamplesError
from loop.rng import Stream, item_seeds
from model.context_unet import ContextUNet

CPU = torch.device("cpu")
SMOKE = preset_named("smoke")


def denoiser(protocol=CORRECTED) -> DigitDenoiser:
    made = new_denoiser(SMOKE, protocol, 3, CPU)
    with torch.no_grad():
        for weights in made.network.context.parameters():
            weights.mul_(30)  # an untrained network hardly heeds the class
    return made


def test_published_sampling_is_the_published_formula() -> None:
    """x <- (x - beta / sqrt(1 - abar) eps) / sqrt(1 - beta) + sqrt(beta) z, and z = 0 at t = 1."""
    model, steps = denoiser(FAITHFUL), SMOKE.diffusion_steps
    seeds = item_seeds(Stream(1), SAMPLE_BATCH)
    labels = torch.arange(SAMPLE_BATCH) % 10
    beta = 1e-4 + (0.02 - 1e-4) * np.arange(steps + 1) / steps
    alpha_bar = np.cumprod(1 - beta)
    noise, network = ItemNoise(seeds), model.network.eval()
    shape = (SAMPLE_BATCH, 1, 28, 28)
    with torch.no_grad():
        x = noise(shape)
        for t in range(steps, 0, -1):
            times, kept = (
                torch.full((SAMPLE_BATCH,), t),
                torch.zeros(SAMPLE_BATCH, dtype=torch.bool),
            )
            with_class = network(x, times, labels, kept)
            without = network(x, times, labels, ~kept)
            eps = 1.5 * with_class - 0.5 * without
            z = noise(shape) if t > 1 else 0
            x = (x - beta[t] / np.sqrt(1 - alpha_bar[t]) * eps) / np.sqrt(1 - beta[t])
            x = x + np.sqrt(beta[t]) * z
    expected = (x[:, 0].numpy() * 255 + 0.5).clip(0, 255).astype(np.uint8)
    found = model.draw(SAMPLE_BATCH, Stream(1))
    assert np.abs(found.images.astype(int) - expected).max() <= 1
    assert (found.images != expected).mean() < 1e-3  # rounding on the edge


def test_the_chain_is_that_of_another_library() -> None:
    """diffusers walks 0..T; its steps at t > 1 are ours, whose noise has variance beta_t."""
    chain = denoiser(FAITHFUL).chain
    theirs = DDPMScheduler(
        len(chain.betas), trained_betas=chain.betas, variance_type="fixed_large", clip_sample=False
    )
    rng = torch.Generator().manual_seed(0)
    x, eps = (torch.randn(2, 1, 28, 28, generator=rng, dtype=torch.float64) for _ in range(2))
    for t in (8, 5, 2):
        at = torch.full((2,), t)
        mean, _ = chain.posterior(chain.x0_from_eps(x, at, eps), x, at)
        drawn = theirs.step(eps, t, x, generator=torch.Generator().manual_seed(1))[0]
        z = torch.randn(x.shape, generator=torch.Generator().manual_seed(1), dtype=x.dtype)
        expected = mean + chain.table("sigma", at, x) * z
        torch.testing.assert_close(drawn, expected, atol=1e-5, rtol=1e-5)
        assert chain.table("sigma", at, x).flatten()[0] == pytest.approx(chain.betas[t] ** 0.5)


def test_labels_cycle_and_a_digit_is_the_same_in_any_draw() -> None:
    model = denoiser()
    many = model.draw(95, Stream(2))
    assert many.labels.tolist() == [i % 10 for i in range(95)]
    few = model.draw(13, Stream(2))
    assert np.array_equal(few.images, many.images[:13])
    rest = model.draw(95, Stream(2), first=50)
    assert np.array_equal(rest.images, many.images[50:])
    assert rest.labels.tolist() == many.labels[50:].tolist()
    assert not np.array_equal(model.draw(13, Stream(3)).images, few.images)


def test_drawing_goes_on_from_the_batches_that_are_there(tmp_path, monkeypatch) -> None:
    model = denoiser()
    whole = model.draw(120, Stream(2))
    batches = DigitDenoiser._draw_batch
    drawn = []

    def interrupted(self: DigitDenoiser, guided, digits: np.ndarray, seeds) -> torch.Tensor:
        drawn.append(len(digits))
        if len(drawn) == 2:
            raise KeyboardInterrupt
        return batches(self, guided, digits, seeds)

    monkeypatch.setattr(DigitDenoiser, "_draw_batch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.draw(120, Stream(2), tmp_path)
    again = model.draw(120, Stream(2), tmp_path)
    assert np.array_equal(again.images, whole.images)
    assert len(drawn) == 4  # three batches in all, one of them attempted twice


def test_grey_values_span_the_range_of_the_protocol() -> None:
    images = np.arange(256, dtype=np.uint8).repeat(4)[:784].reshape(1, 28, 28)
    for protocol, low in ((CORRECTED, -1.0), (FAITHFUL, 0.0)):
        model = denoiser(protocol)
        x = model.from_images(images)
        assert x.shape == (1, 1, 28, 28) and x.min() == low
        assert np.allclose(model.to_unit(x) * 255, images, atol=1e-4)


def test_a_diverged_network_is_reported() -> None:
    model = denoiser()
    with torch.no_grad():
        next(model.network.parameters()).fill_(torch.nan)
    with pytest.raises(InvalidSamplesError, match="diverged"):
        model.draw(10, Stream(1))


def test_bfloat16_draws_nearly_the_same() -> None:
    plain = denoiser()
    half = replace(plain, half=True)
    assert isinstance(plain.network, ContextUNet)
    first, second = (m.draw(40, Stream(1)).images.astype(float) for m in (plain, half))
    assert 0 < np.abs(first - second).mean() < 6
