"""The published LeNet: sizes, the place of the embedding, and the transform in front of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from loop.errors import InvalidSamplesError
from model.lenet import LeNet, LeNetFeatures, normalise, resize
from model.seeding import seeded


def _digits(count: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    blurred = functional.avg_pool2d(torch.from_numpy(rng.random((count, 1, 34, 34))), 7, 1)
    return (255 * (blurred[:, 0] > 0.5).numpy()).astype(np.uint8)


def test_same_numbers_as_the_published_stack_of_layers() -> None:
    network = seeded(LeNet, 0)
    to_fc2 = nn.Sequential(
        network.conv1, nn.Sigmoid(), nn.MaxPool2d(2), network.conv2, nn.Sigmoid(), nn.MaxPool2d(2),
        nn.Flatten(), network.fc1, nn.Sigmoid(), network.fc2,
    )  # fmt: skip
    x = normalise(torch.from_numpy(resize(_digits(3))))
    torch.testing.assert_close(network.embed(x), to_fc2(x))
    torch.testing.assert_close(network(x), network.fc3(torch.sigmoid(to_fc2(x))))
    assert sum(p.numel() for p in network.parameters()) == 156 + 2416 + 69240 + 10164 + 850


def test_features_do_not_depend_on_the_batch() -> None:
    reader = LeNetFeatures(seeded(LeNet, 1))
    digits = _digits(40)
    together = reader.features(digits)
    assert together.shape == (40, 84) and together.dtype == np.float32
    np.testing.assert_allclose(together[7:8], reader.features(digits[7:8]), atol=1e-5)
    assert reader.features(digits[:0]).shape == (0, 84)
    assert set(reader.digits(together)) <= set(range(10))


def test_resize_is_bilinear_with_pixel_centres() -> None:
    digits = _digits(5)
    exact = functional.interpolate(
        torch.from_numpy(digits)[:, None].double(), size=32, mode="bilinear", align_corners=False
    )[:, 0].numpy()
    assert np.abs(resize(digits) - exact).max() <= 1.0  # Pillow rounds after either direction
    with pytest.raises(InvalidSamplesError, match="not a set of digits"):
        resize(digits.astype(np.float32))
