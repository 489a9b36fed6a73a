from __future__ import annotations

import dataclasses

import pytest
import torch

from model.motion_evaluator import EvaluatorConfig, MotionEvaluator
from model.seeding import seeded

CONFIG = EvaluatorConfig(
    features=263,
    token_dim=12,
    movement=16,
    motion_hidden=16,
    text_hidden=16,
    embedding=8,
    dropout=0.2,
)


@pytest.fixture
def network() -> MotionEvaluator:
    return seeded(lambda: MotionEvaluator(CONFIG), 0).eval()


def motions(*lengths: int) -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(1)
    # Rubbish in the padding on purpose: it must not be seen.
    return torch.randn(len(lengths), max(lengths), 263, generator=rng), torch.tensor(lengths)


def test_a_motion_does_not_depend_on_its_batch(network: MotionEvaluator) -> None:
    x, lengths = motions(60, 40, 41, 42, 43, 4, 7)
    together = network.embed_motions(x, lengths)
    assert together.shape == (7, 8)
    for row, length in enumerate(lengths.tolist()):
        alone = network.embed_motions(x[row : row + 1, :length], lengths[row : row + 1])
        torch.testing.assert_close(together[row : row + 1], alone, rtol=1e-5, atol=1e-5)


def test_a_caption_does_not_depend_on_its_batch(network: MotionEvaluator) -> None:
    tokens = torch.randn(3, 9, 12, generator=torch.Generator().manual_seed(2))
    lengths = torch.tensor([3, 9, 1])
    together = network.embed_texts(tokens, lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = network.embed_texts(tokens[row : row + 1, :length], lengths[row : row + 1])
        torch.testing.assert_close(together[row : row + 1], alone, rtol=1e-5, atol=1e-5)


def test_contacts_and_the_rest_of_a_movement_token_are_not_seen(network: MotionEvaluator) -> None:
    x, lengths = motions(43)
    changed = x.clone()
    changed[..., -4:] += 1
    changed[:, 40:] += 1
    expected = network.embed_motions(x, lengths)
    torch.testing.assert_close(network.embed_motions(changed, lengths), expected)
    changed[:, 39] += 1
    assert (network.embed_motions(changed, lengths) - expected).abs().max() > 1e-4


def test_the_order_of_frames_matters(network: MotionEvaluator) -> None:
    x, lengths = motions(40)
    difference = network.embed_motions(x.flip(1), lengths) - network.embed_motions(x, lengths)
    assert difference.abs().max() > 1e-2


def test_convolutions_are_the_published_ones(network: MotionEvaluator) -> None:
    """49 tokens of 196 frames, and the count of parameters worked out by hand."""
    tokens, count = network.movement(*motions(196))
    assert tokens.shape == (1, 49, 16)
    assert count.item() == 49
    paper = dataclasses.replace(
        CONFIG, token_dim=300, movement=512, motion_hidden=1024, text_hidden=512, embedding=512
    )
    with torch.device("meta"):
        evaluator = MotionEvaluator(paper)

    def linear(a: int, b: int) -> int:
        return a * b + b

    def sequence(features: int, hidden: int) -> int:
        gru = 2 * 3 * (2 * hidden * hidden + 2 * hidden)
        head = linear(2 * hidden, hidden) + 2 * hidden + linear(hidden, 512)
        return linear(features, hidden) + gru + 2 * hidden + head

    movement = linear(4 * 259, 512) + linear(4 * 512, 512) + linear(512, 512)
    expected = movement + sequence(512, 1024) + sequence(300, 512)
    assert sum(p.numel() for p in evaluator.parameters()) == expected
