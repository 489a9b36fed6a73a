from __future__ import annotations

import pytest
import torch
from scipy import stats

from diffusion.noise import ItemNoise
from loop.errors import InvalidOptionError


def test_noise_is_standard_normal_and_fresh() -> None:
    noise = ItemNoise([1, 2])
    draws = [noise((2, 5000)) for _ in range(3)]
    rows = torch.cat(draws)
    assert stats.kstest(rows.flatten().numpy(), "norm").pvalue > 1e-3
    correlation = torch.corrcoef(rows) - torch.eye(6)
    assert correlation.abs().max() < 0.08


def test_an_item_has_the_same_noise_alone_in_any_batch_and_at_any_padding() -> None:
    batch, alone = ItemNoise([7, 8, 9]), ItemNoise([8])
    for _ in range(3):
        padded = batch((3, 20, 5))
        assert torch.equal(padded[1:2, :12], alone((1, 12, 5)))


def test_the_batch_must_match_the_seeds() -> None:
    with pytest.raises(InvalidOptionError, match="one seed an item"):
        ItemNoise([1, 2])((3, 4))
