from __future__ import annotations

import logging

import pytest
import torch

from domains.mnist.arguments import MnistArguments
from domains.mnist.denoiser import new_denoiser
from domains.mnist.precision import compiles, runs_in_bfloat16
from domains.mnist.presets import CORRECTED, preset_named
from loop.rng import Stream
from model.compiled import can_compile, frozen
from model.context_unet import ContextUNet, ContextUNetConfig
from model.device import device_named
from model.seeding import seeded


def test_without_a_compiler_sampling_goes_on_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CXX", "/nowhere/c++")
    assert not can_compile() and not compiles("auto", 128, faithful=False)
    network = ContextUNet(ContextUNetConfig(8, 8, 2))
    with caplog.at_level(logging.WARNING):
        assert frozen(network) == network.guided
    assert "no C++ compiler" in caplog.text


def test_auto_compiles_what_is_wide_and_computes_as_the_hardware_likes(monkeypatch) -> None:
    monkeypatch.setattr("domains.mnist.precision.can_compile", lambda: True)
    assert compiles("auto", 128, faithful=False) and not compiles("auto", 16, faithful=False)
    assert not compiles("auto", 128, faithful=True) and compiles("yes", 8, faithful=True)
    monkeypatch.setattr("domains.mnist.precision.bfloat16_pays", lambda kind: True)
    assert runs_in_bfloat16("auto", "cpu", faithful=False)
    assert not runs_in_bfloat16("auto", "cpu", faithful=True)
    assert not runs_in_bfloat16("fp32", "cpu", faithful=False)


def test_a_gpu_is_taken_where_there_is_one(monkeypatch) -> None:
    assert MnistArguments("baseline").device == "auto"
    for available, kind in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=available: there)
        monkeypatch.setattr(torch, "empty", lambda *_, device: device)  # no GPU here
        assert device_named("auto").type == kind
    assert device_named("cpu").type == "cpu"


@pytest.mark.slow
@pytest.mark.skipif(not can_compile(), reason="needs a C++ compiler")
def test_the_compiled_network_is_the_network_of_each_draw() -> None:
    """Weights that change between two draws must not stay frozen in."""
    smoke = preset_named("smoke")
    plain, fast = (
        new_denoiser(smoke, CORRECTED, 3, torch.device("cpu"), compiled=c) for c in (False, True)
    )
    for seed in (3, 4):
        weights = seeded(lambda: ContextUNet(plain.network.config), seed).state_dict()
        images = []
        for model in (plain, fast):
            model.network.load_state_dict(weights)
            images.append(model.draw(10, Stream(1)).images.astype(int))
        assert abs(images[0] - images[1]).max() <= 1
