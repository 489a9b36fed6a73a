from __future__ import annotations

import numpy as np
import pytest
import torch

from dataset.captions import Caption
from dataset.humanml3d import MotionItem
from domains.motion.evaluator.objective import (
    TEMPERATURE,
    RelatedCaptions,
    contrastive_loss,
    motion_statistics,
)


def rows(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_captions_of_one_motion_are_related() -> None:
    items = [
        MotionItem(name, name, np.zeros((4, 263)), tuple(Caption(text, ()) for text in texts))
        for name, texts in (("a", ["walk", "stroll"]), ("b", ["stroll", "amble"]), ("c", ["kick"]))
    ]
    table = RelatedCaptions(items).table(["walk", "stroll", "amble", "kick"])
    expected = [[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 1]]
    assert table.int().tolist() == expected


def test_contrastive_loss_by_hand() -> None:
    text, motion, related = rows(3, 4), rows(3, 4, seed=1), torch.eye(3, dtype=torch.bool)
    related[0, 2] = related[2, 0] = True
    cosine = torch.nn.functional.cosine_similarity(text[:, None], motion[None], dim=2) / TEMPERATURE
    expected = 0.0
    for table in (cosine, cosine.T):
        for row, allowed in enumerate(([0, 1], [0, 1, 2], [1, 2])):
            expected += (table[row, allowed].logsumexp(0) - table[row, row]).item() / 3
    assert contrastive_loss(text, motion, related).item() == pytest.approx(expected, rel=1e-5)


def test_related_pairs_neither_pull_nor_push() -> None:
    text, motion = rows(2, 4).requires_grad_(), rows(2, 4, seed=1)
    contrastive_loss(text, motion, torch.ones(2, 2, dtype=torch.bool)).backward()
    assert text.grad is not None
    assert text.grad.abs().max() < 1e-6


def test_statistics_are_those_of_the_valid_frames() -> None:
    motions, lengths = rows(2, 9, 3), torch.tensor([9, 5])
    motions[1, 5:] = 0
    answer = motion_statistics(motions, lengths)
    for row, length in enumerate((9, 5)):
        own = motions[row, :length].double().numpy()
        expected = np.concatenate(
            [
                own.mean(0),
                np.sqrt(own.var(0) + 1e-4),
                np.abs(np.diff(own, axis=0)).mean(0),
            ]
        )
        np.testing.assert_allclose(answer[row], expected, rtol=1e-5, atol=1e-6)
