"""What the text-motion evaluator is trained for: match captions, and stay aware of the motion."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from dataset.humanml3d import MotionItem

TEMPERATURE = 0.1


class RelatedCaptions:
    """Captions that some motion carries together: none is a wrong answer for the other's motion.

    Args:
        items: the motions with all their captions.
    """

    def __init__(self, items: Sequence[MotionItem]) -> None:
        self._related: dict[str, set[str]] = {}
        for item in items:
            texts = {caption.text for caption in item.captions}
            for text in texts:
                self._related.setdefault(text, set()).update(texts)

    def table(self, captions: Sequence[str]) -> Tensor:
        """Return (B, B) bool: whether captions i and j are related; each is related to itself."""
        return torch.tensor([[b in self._related[a] for b in captions] for a in captions])


def contrastive_loss(text: Tensor, motion: Tensor, related: Tensor) -> Tensor:
    """Compute InfoNCE (van den Oord et al., arXiv 1807.03748) on cosines, both ways; a scalar.

    The margin loss of Guo et al. (margin 10) ranked held-out demo clips worse: the right clip came
    first for .53 of the captions instead of .75 or more (one seed), in an embedding of rank 4
    instead of 13.

    Args:
        text, motion: (B, D); row i of both belongs together.
        related: (B, B) bool; such pairs off the diagonal count neither as right nor as wrong.
    """
    cosine = functional.normalize(text, dim=1) @ functional.normalize(motion, dim=1).T
    own = torch.eye(len(text), dtype=torch.bool, device=text.device)
    logits = (cosine / TEMPERATURE).masked_fill(related & ~own, float("-inf"))
    target = torch.arange(len(text), device=text.device)
    to_motion = functional.cross_entropy(logits, target)
    return to_motion + functional.cross_entropy(logits.T, target)


def motion_statistics(motions: Tensor, lengths: Tensor) -> Tensor:
    """Compute over time: mean, deviation, and mean change between frames of every feature.

    Args:
        motions: (B, F, D), zeros after each length.
        lengths: (B,) valid frames, at least 2.

    Returns:
        (B, 3 D).
    """
    valid = (torch.arange(motions.shape[1], device=motions.device) < lengths[:, None])[..., None]
    count = lengths[:, None].to(motions.dtype)
    mean = motions.sum(1) / count
    variance = ((motions - mean[:, None]).square() * valid).sum(1) / count
    change = (motions[:, 1:] - motions[:, :-1]).abs() * valid[:, 1:]
    return torch.cat([mean, (variance + 1e-4).sqrt(), change.sum(1) / (count - 1)], dim=1)
