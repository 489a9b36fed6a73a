from __future__ import annotations

import pytest
import torch
from torch import nn

from model.seeding import seeded
from model.transformer import EncoderLayer, sinusoidal_table


@pytest.mark.parametrize("padded", [False, True])
def test_a_layer_is_torchs_own_layer(padded: bool) -> None:
    reference = seeded(
        lambda: nn.TransformerEncoderLayer(16, 4, 32, 0.0, "gelu", batch_first=True), 0
    )
    ours = seeded(lambda: EncoderLayer(16, 4, 32, 0.0), 1)
    ours.load_state_dict(reference.state_dict())
    x = torch.randn(3, 9, 16, generator=torch.Generator().manual_seed(0))
    valid = torch.arange(9) < torch.tensor([9, 4, 1])[:, None]
    if padded:
        answer = ours(x, valid[:, None, None, :])
        expected = reference(x, src_key_padding_mask=~valid)
    else:
        answer, expected = ours(x, None), reference(x)
    torch.testing.assert_close(answer, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dim", [6, 7])
def test_position_codes_of_two_positions_depend_on_their_distance_only(dim: int) -> None:
    table = sinusoidal_table(50, dim).double()[:, : dim - dim % 2]
    products = table @ table.T
    torch.testing.assert_close(products[3, 10], products[40, 47], rtol=1e-5, atol=1e-5)
    assert table[1, 0] == pytest.approx(0.8414709848)
