from __future__ import annotations

import pytest
import torch

from diffusion.guidance import guided


class Recorder:
    """A linear stand-in for a network; remembers the batch sizes it was called with."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def __call__(
        self, x: torch.Tensor, t: torch.Tensor, text: torch.Tensor, dropped: torch.Tensor
    ) -> torch.Tensor:
        self.batches.append(len(x))
        return x * t[:, None] + torch.where(dropped[:, None], 0, text)


X, T, TEXT = torch.rand(3, 4), torch.tensor([1, 2, 3]), torch.rand(3, 4)


@pytest.mark.parametrize("scale", [0.0, 0.5, 1.0, 2.5, -1.0])
def test_guidance_is_linear_in_the_scale(scale: float) -> None:
    network = Recorder()
    answer = guided(network, (TEXT,), scale)(X, T)
    torch.testing.assert_close(answer, X * T[:, None] + scale * TEXT)
    assert network.batches == ([3] if scale in (0.0, 1.0) else [6])
