"""A motion experiment of toy size: eight smooth random motions, a text encoder made of hashes."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from dataset.humanml3d import Caption, MotionItem, MotionSet
from train.denoiser import Denoiser, new_denoiser
from train.presets import CORRECTED, MotionPreset, Protocol

PRESET = MotionPreset(
    "toy",
    generation_0_steps=12,
    steps_per_generation=6,
    ratios=(1.0,),
    generations=2,
    latent_dim=16,
    layers=1,
    heads=2,
    ff_size=16,
    dropout=0.1,
    max_frames=16,
    diffusion_steps=5,
    batch_size=4,
    learning_rate=1e-3,
)


class HashEncoder:
    """A fixed random vector for every text."""

    name = "hash"
    dim = 8

    def encode(self, texts: Sequence[str]) -> torch.Tensor:
        rows = [np.random.default_rng(zlib.crc32(t.encode())).normal(size=self.dim) for t in texts]
        return torch.tensor(np.array(rows), dtype=torch.float32)

    def encode_tokens(self, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        return self.encode(texts)[:, None], torch.ones(len(texts), dtype=torch.int64)


@pytest.fixture
def real() -> MotionSet:
    """Eight whole clips and one segment."""
    items = []
    for number in range(8):
        rng = np.random.default_rng(number)
        frames = 12 + 2 * number
        vectors = np.cumsum(rng.normal(size=(frames, 263)), axis=0).astype(np.float32)
        captions = tuple(Caption(f"motion {number} told {way}", ()) for way in ("so", "otherwise"))
        items.append(MotionItem(f"{number:06d}", f"{number:06d}", vectors, captions))
    segment = MotionItem("000003", "abc_000003", items[3].vectors[:12], items[3].captions[:1])
    mean, std = np.full(263, 0.5, np.float32), np.full(263, 2.0, np.float32)
    return MotionSet((*items[:3], segment, *items[3:]), mean, std, Path("toy"), "train")


@pytest.fixture
def make_denoiser(real: MotionSet) -> Callable[..., Denoiser]:
    """make_denoiser(protocol) -> an untrained toy denoiser."""

    def make(protocol: Protocol = CORRECTED, seed: int = 1) -> Denoiser:
        return new_denoiser(
            PRESET, protocol, HashEncoder(), (real.mean, real.std), seed, torch.device("cpu")
        )

    return make


@pytest.fixture
def preset() -> MotionPreset:
    return PRESET
