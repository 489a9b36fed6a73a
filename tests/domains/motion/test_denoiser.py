from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from domains.motion.denoiser import betas
from domains.motion.presets import CORRECTED
from loop.presets import with_changes
from loop.rng import Stream

CAPTIONS = [f"caption {i}" for i in range(5)]
FRAMES = [8, 10, 16, 99, 12]


def test_motions_have_drawable_lengths_and_are_finite(make_denoiser) -> None:
    motions = make_denoiser().sample(CAPTIONS, FRAMES, Stream(1), "draw")
    assert [motion.shape for motion in motions] == [(n, 263) for n in (8, 8, 16, 16, 12)]
    assert all(np.isfinite(motion).all() for motion in motions)


def test_a_motion_does_not_depend_on_its_batch(make_denoiser, monkeypatch) -> None:
    denoiser = make_denoiser()
    together = denoiser.sample(CAPTIONS, FRAMES, Stream(1), "draw")
    monkeypatch.setattr("domains.motion.denoiser.SAMPLE_BATCH", 2)
    in_pairs = denoiser.sample(CAPTIONS, FRAMES, Stream(1), "draw")
    for first, second in zip(together, in_pairs, strict=True):
        np.testing.assert_allclose(first, second, atol=1e-4)


@pytest.mark.parametrize(("masked", "seen"), [(True, [8, 16, 16]), (False, [16, 16, 16])])
def test_short_motions_are_drawn_together_without_the_padding_that_nothing_sees(
    make_denoiser, monkeypatch, masked: bool, seen: list[int]
) -> None:
    """And the published network, which sees the padding, gets all of it."""
    denoiser, widths = make_denoiser(replace(CORRECTED, mask_padding=masked)), []
    monkeypatch.setattr("domains.motion.denoiser.SAMPLE_BATCH", 2)
    single = denoiser.with_sampling("ddim", 1)
    single.network.register_forward_hook(lambda _, given, __: widths.append(given[0].shape[1]))
    single.sample(CAPTIONS, FRAMES, Stream(1), "draw")
    assert widths == seen


@pytest.mark.parametrize(("guidance", "rows"), [(1.0, 1), (2.5, 2)])
def test_a_step_of_the_loop_costs_one_pass_of_the_batch(
    make_denoiser, guidance: float, rows: int
) -> None:
    denoiser = replace(make_denoiser(), guidance=guidance).with_sampling("dpmpp", 3)
    seen: list[int] = []
    denoiser.network.register_forward_hook(lambda _, given, __: seen.append(len(given[0])))
    denoiser.sample(CAPTIONS, FRAMES, Stream(1), "draw")
    assert seen == [rows * len(CAPTIONS)] * 3


def test_samplers_start_from_the_same_noise(make_denoiser) -> None:
    """Differences between samplers, and between arms, are paired."""
    starts = {}
    for sampler in ("ddpm", "ddim", "dpmpp"):
        denoiser = make_denoiser().with_sampling(sampler, None)
        seen: list[np.ndarray] = []
        denoiser.network.register_forward_hook(
            lambda _, given, __, seen=seen: seen.append(given[0].numpy().copy())
        )
        denoiser.sample(CAPTIONS, FRAMES, Stream(1), "draw")
        starts[sampler] = seen[0]
    np.testing.assert_array_equal(starts["ddpm"], starts["dpmpp"])
    np.testing.assert_array_equal(starts["ddim"], starts["dpmpp"])


def test_captions_and_streams_matter(make_denoiser) -> None:
    denoiser = make_denoiser()
    base = denoiser.sample(["a"], [16], Stream(1), "draw")[0]
    assert not np.allclose(base, denoiser.sample(["b"], [16], Stream(1), "draw")[0], atol=1e-3)
    assert not np.allclose(base, denoiser.sample(["a"], [16], Stream(2), "draw")[0], atol=1e-3)


def test_motions_are_drawn_with_the_averaged_weights(make_denoiser) -> None:
    denoiser = make_denoiser()
    base = denoiser.sample(["a"], [16], Stream(1), "draw")[0]
    live = {name: p.detach().clone() for name, p in denoiser.network.named_parameters()}
    for parameter in denoiser.network.parameters():
        parameter.data += 1.0  # the live weights leave, the average stays
    assert np.array_equal(base, denoiser.sample(["a"], [16], Stream(1), "draw")[0])
    for name, parameter in denoiser.network.named_parameters():
        assert (parameter == live[name] + 1.0).all()


@pytest.mark.parametrize("seed", [1, 2])
def test_the_seed_fixes_the_first_weights(make_denoiser, seed: int) -> None:
    first, second = (
        make_denoiser(seed=s).network.output_process.poseFinal.weight for s in (1, seed)
    )
    assert bool((first == second).all()) == (seed == 1)


def test_linear_betas_are_those_of_mdm(preset) -> None:
    linear = with_changes(preset, noise_schedule="linear", diffusion_steps=1000)
    assert betas(linear)[[0, -1]] == pytest.approx([1e-4, 0.02])
    # A tenth of the steps destroys as much signal.
    short = betas(with_changes(linear, diffusion_steps=100))
    assert np.prod(1 - short) == pytest.approx(np.prod(1 - betas(linear)), rel=0.5)
    assert len(betas(preset)) == 5
