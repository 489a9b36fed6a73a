"""LeNet with sigmoids: its 84 numbers before the last sigmoid are the feature space of MNIST.

The published feature classifier of the MNIST experiment (arXiv 2402.07087): digits are resized to
32 x 32, and the embedding of all metrics is the output of the layer `fc2`.
"""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from loop.errors import InvalidSamplesError

SIDE = 32
"""Pixels a side that the network sees; the digits of MNIST have 28."""
MEAN, STD = 0.1307, 0.3081
"""Of MNIST's pixels in 0..1, as published."""
WIDTH = 84
"""Numbers of an embedding."""
BATCH_SIZE = 500


class LeNet(nn.Module):
    """Two convolutions, three linear layers, sigmoids between. Build it through `model.seeding`."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(576, 120)
        self.fc2 = nn.Linear(120, WIDTH)
        self.fc3 = nn.Linear(WIDTH, 10)

    def embed(self, x: Tensor) -> Tensor:
        """Embed normalised digits (N, 1, 32, 32) as (N, 84), the output of `fc2`."""
        for convolution in (self.conv1, self.conv2):
            x = functional.max_pool2d(torch.sigmoid(convolution(x)), 2)
        return self.fc2(torch.sigmoid(self.fc1(x.flatten(1))))

    def classify(self, embedding: Tensor) -> Tensor:
        """Map embeddings (N, 84) to logits (N, 10)."""
        return self.fc3(torch.sigmoid(embedding))

    def forward(self, x: Tensor) -> Tensor:
        """Map normalised digits (N, 1, 32, 32) to logits (N, 10)."""
        return self.classify(self.embed(x))


class LeNetFeatures:
    """A trained LeNet, frozen, that reads digits as they are stored.

    Args:
        network: switched to evaluation mode.
    """

    def __init__(self, network: LeNet) -> None:
        self.network = network.eval().requires_grad_(False)

    def features(self, images: np.ndarray) -> np.ndarray:
        """Embed digits (N, 28, 28) uint8, white on black, as (N, 84) float32.

        Raises:
            InvalidSamplesError: `images` is something else.
        """
        resized = resize(images)
        parts = [
            self.network.embed(normalise(torch.from_numpy(resized[start : start + BATCH_SIZE])))
            for start in range(0, len(resized), BATCH_SIZE)
        ]
        return torch.cat(parts).numpy() if parts else np.empty((0, WIDTH), np.float32)

    def digits(self, features: np.ndarray) -> np.ndarray:
        """Tell the digit (N,) int64 that the network sees in each embedding (N, 84)."""
        return self.network.classify(torch.from_numpy(features)).argmax(dim=1).numpy()


def resize(images: np.ndarray) -> np.ndarray:
    """Resize digits (N, 28, 28) uint8 to (N, 32, 32) uint8, bilinear.

    Through Pillow, image by image, because that is what the published transform does: its rounding
    to whole grey levels is part of the features.

    Raises:
        InvalidSamplesError: `images` is something else.
    """
    if images.ndim != 3 or images.dtype != np.uint8:
        raise InvalidSamplesError(
            "not a set of digits",
            found=f"{images.dtype} {images.shape}",
            expected="uint8 (N, 28, 28)",
        )
    resized = np.empty((len(images), SIDE, SIDE), np.uint8)
    for place, image in enumerate(images):
        larger = Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        resized[place] = np.asarray(larger)
    return resized


def normalise(images: Tensor) -> Tensor:
    """Normalise digits (N, 32, 32) uint8 to network input (N, 1, 32, 32) float32."""
    return ((images.float() / 255 - MEAN) / STD)[:, None]
