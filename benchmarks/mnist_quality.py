"""Does speed cost quality? FID of one trained model of digits, drawn in several ways.

`python -m benchmarks.mnist_quality --generation exp_outputs/mnist/baseline_0.2/00 --classifier_dir
exp_outputs/mnist --preset demo` draws as many images with each way, from the same seeds, and gives
the mean FID over the seeds and the interval of the difference to the first way. A way that costs
nothing has a difference whose interval holds zero. `--samplers` asks what DDIM costs.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import tyro
from torch import Tensor

from dataset.mnist import Digits, load_mnist
from diffusion.guidance import guided
from domains.mnist.classifier import FILE_NAME
from domains.mnist.denoiser import DigitDenoiser, new_denoiser
from domains.mnist.generator import model_file
from domains.mnist.presets import CORRECTED, FAITHFUL, preset_named
from eval.metrics.reference import Reference
from eval.metrics.statistics import mean_interval
from loop.rng import Stream
from model.checkpoint import load_checkpoint, load_state
from model.lenet import LeNet, LeNetFeatures


@dataclass(frozen=True)
class Options:
    """Compare ways to draw from the same weights."""

    generation: Path
    """folder of a finished generation"""
    classifier_dir: Path
    """folder of lenet_sigmoid.pth"""
    preset: str = "demo"
    """row of the preset table that the model was made with"""
    faithful: bool = False
    """whether it was made with --faithful"""
    data_dir: Path | None = None
    """folder of the four IDX files"""
    images: int = 500
    """drawn in each way and from each seed"""
    seeds: int = 4
    """repetitions"""
    ancestral: bool = True
    """also all steps of the chain, with noise (long)"""
    samplers: bool = False
    """compare samplers instead: all steps of the chain, with noise, and DDIM, in float32"""


class _Doubled:
    """Guidance in the plain way: the whole network on a doubled batch."""

    def __init__(self, network: torch.nn.Module) -> None:
        self._network = network

    def __call__(self, x: Tensor, t: Tensor, labels: Tensor, scale: float) -> Tensor:
        return guided(self._network, [labels], scale)(x, t)


class _Plain(DigitDenoiser):
    """Draws as the published code does, but for the sampler."""

    def _guided(self):
        self.network.eval()
        return _Doubled(self.network)


def ways(model: DigitDenoiser, ancestral: bool) -> dict[str, DigitDenoiser]:
    """Return ways to draw, the plain one first."""
    steps = model.ddim_steps or 50
    plain = replace(model, half=False, compiled=False, ddim_steps=steps)
    found: dict[str, DigitDenoiser] = {
        f"plain, float32, DDIM {steps}": _Plain(**vars(plain)),
        f"shared way down, DDIM {steps}": plain,
        f"shared, bfloat16, DDIM {steps}": replace(plain, half=True),
    }
    for more in {20, 50} - {steps}:
        found[f"shared, bfloat16, DDIM {more}"] = replace(plain, half=True, ddim_steps=more)
    if ancestral:
        whole = replace(plain, half=True, ddim_steps=None)
        found[f"shared, bfloat16, all {model.chain.steps - 1} steps"] = whole
    return found


def samplers(model: DigitDenoiser) -> dict[str, DigitDenoiser]:
    """Return the published sampler and the implicit one, otherwise alike."""
    alike = replace(model, half=False, compiled=False)
    found = {f"all {model.chain.steps - 1} steps": replace(alike, ddim_steps=None)}
    for steps in sorted({50, model.ddim_steps or 50}, reverse=True):
        found[f"DDIM {steps}"] = replace(alike, ddim_steps=steps)
    return found


def main(options: Options) -> None:
    """Print FID, its difference to the plain way, and the processor time an image."""
    preset, protocol = preset_named(options.preset), FAITHFUL if options.faithful else CORRECTED
    model = new_denoiser(preset, protocol, 0, torch.device("cpu"))
    path = model_file(options.generation)
    load_state(model.network, load_checkpoint(path), path)
    network, path = LeNet(), options.classifier_dir / FILE_NAME
    load_state(network, load_checkpoint(path), path)
    classifier = LeNetFeatures(network)
    _, test = load_mnist(options.data_dir)
    reference = Reference(classifier.features(test.images))

    def fid(digits: Digits) -> float:
        return reference.fid(classifier.features(digits.images))

    first: list[float] = []
    print(f"{options.images} images, {options.seeds} seeds, {options.generation}")
    compared = samplers(model) if options.samplers else ways(model, options.ancestral)
    for name, way in compared.items():
        start = time.process_time()
        drawn = [way.draw(options.images, Stream(seed)) for seed in range(options.seeds)]
        cost = 1e3 * (time.process_time() - start) / (options.images * options.seeds)
        found = [fid(digits) for digits in drawn]
        first = first or found
        level = mean_interval(found)
        apart = mean_interval([a - b for a, b in zip(found, first, strict=True)])
        print(
            f"  {name:34s} FID {level.value:7.2f} [{level.low:7.2f}, {level.high:7.2f}]"
            f"  difference {apart.value:+6.2f} [{apart.low:+6.2f}, {apart.high:+6.2f}]"
            f"  {cost:7.2f} ms/image",
            flush=True,
        )


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
