"""Sizes of the text-motion evaluator, and how its weights are learnt.

A contrastive loss alone sorts motions by what their captions can tell and forgets the rest. So the
motion embedding must also predict, through one linear layer, the statistics of every feature of its
motion; and the text embedding, the body features that stand beside the learned ones
(`domains.motion.evaluator.body_features`). Nothing that is worse than real is ever shown in
training. What it then sees: `python -m eval.sensitivity`, results/evaluator/.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from dataset.batches import TrainingBatches
from dataset.humanml3d import MOTION_DIM, MotionSet
from domains.motion.evaluator.body_features import BODY, BodySpace
from domains.motion.evaluator.objective import (
    RelatedCaptions,
    contrastive_loss,
    motion_statistics,
)
from loop.presets import Presets
from loop.progress import track
from model.motion_evaluator import CONTACTS, EvaluatorConfig, MotionEvaluator
from model.seeding import seeded
from model.text_encoder import TextEncoder


@dataclass(frozen=True)
class EvaluatorPreset:
    """Sizes and training of the evaluator.

    Sources: [P] the published evaluator (Guo et al., CVPR 2022), [D] ours.

    Attributes:
        movement, motion_hidden, text_hidden, embedding, dropout: see `EvaluatorConfig`.
        max_frames: longest crop in training.
        batch_size, steps, learning_rate, weight_decay: AdamW, rate falling linearly to zero.
        statistics_weight: weight of the statistics of the motion in the loss; 0 leaves them out
            (published).
        threads: of torch while training, None for as many as it has. A small GRU is many small
            steps: on busy cores two threads took five times longer than one, and their number
            changes the last bits of the weights.
    """

    movement: int = 512  # [P]
    motion_hidden: int = 1024  # [P]
    text_hidden: int = 512  # [P]
    embedding: int = 512  # [P]
    dropout: float = 0.2  # [P]
    max_frames: int = 196  # [P]
    batch_size: int = 64  # [D]
    steps: int = 20_000  # [D]
    learning_rate: float = 1e-4  # [D]
    weight_decay: float = 1e-2  # [D]
    statistics_weight: float = 3.0  # [D]
    threads: int | None = None


DEMO = EvaluatorPreset(
    movement=64,
    motion_hidden=64,
    text_hidden=64,
    embedding=26,
    dropout=0.0,
    max_frames=60,
    batch_size=32,
    steps=250,
    learning_rate=1e-3,
    threads=1,
)
PRESETS = Presets(
    paper=EvaluatorPreset(),
    smoke=EvaluatorPreset(
        movement=16,
        motion_hidden=16,
        text_hidden=16,
        embedding=8,
        dropout=0.0,
        max_frames=60,
        steps=3,
    ),
    demo=DEMO,
    cmu=replace(DEMO, max_frames=80),
)


def network_config(preset: EvaluatorPreset, encoder: TextEncoder) -> EvaluatorConfig:
    """Return the sizes of the network that reads what `encoder` writes."""
    return EvaluatorConfig(
        features=MOTION_DIM,
        token_dim=encoder.dim,
        movement=preset.movement,
        motion_hidden=preset.motion_hidden,
        text_hidden=preset.text_hidden,
        embedding=preset.embedding,
        dropout=preset.dropout,
        told=len(BODY),
    )


class _Captions:
    """Token vectors of the training captions, and the mean body of the motions of each."""

    def __init__(self, train: MotionSet, encoder: TextEncoder, body: BodySpace) -> None:
        texts = sorted({caption.text for item in train.items for caption in item.captions})
        self._row = {text: row for row, text in enumerate(texts)}
        self._tokens, self._lengths = encoder.encode_tokens(texts)
        shown = [[self._row[caption.text] for caption in item.captions] for item in train.items]
        bodies = torch.from_numpy(body.embed([item.vectors for item in train.items]))
        total, count = torch.zeros(len(texts), len(BODY)), torch.zeros(len(texts), 1)
        for rows, one in zip(shown, bodies, strict=True):
            total[rows], count[rows] = total[rows] + one, count[rows] + 1
        self._bodies = total / count

    def of(self, captions: list[str]) -> tuple[Tensor, Tensor, Tensor]:
        """Return tokens (B, L, dim), lengths (B,) and bodies (B, len(BODY))."""
        rows = [self._row[caption] for caption in captions]
        lengths = self._lengths[rows]
        return self._tokens[rows, : int(lengths.max())], lengths, self._bodies[rows]


def train_network(
    train: MotionSet, preset: EvaluatorPreset, seed: int, encoder: TextEncoder, body: BodySpace
) -> MotionEvaluator:
    """Learn a training split; the seed fixes weights and batches."""
    config = network_config(preset, encoder)
    network = seeded(lambda: MotionEvaluator(config), seed)
    statistics = 3 * (config.features - CONTACTS)
    head = seeded(lambda: nn.Linear(config.embedding, statistics), seed)
    parameters = [*network.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(
        parameters, lr=preset.learning_rate, weight_decay=preset.weight_decay, fused=True
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / preset.steps)
    batches = TrainingBatches(
        train.items, train.mean, train.std, preset.batch_size, preset.max_frames, seed
    )
    table, related = _Captions(train, encoder, body), RelatedCaptions(train.items)
    network.train()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # dropout can draw from no other generator
        for step in track(range(preset.steps), "train evaluator"):
            batch = batches.batch(step)
            tokens, token_lengths, bodies = table.of(batch.captions)
            texts, told = network.embed_texts(tokens, token_lengths).split(
                [config.embedding, config.told], dim=1
            )
            frames, lengths = torch.from_numpy(batch.vectors), torch.from_numpy(batch.lengths)
            motions = network.embed_motions(frames, lengths)
            # squeezed, so that one wild feature does not outweigh all others
            wanted = torch.asinh(motion_statistics(frames[..., :-CONTACTS], lengths))
            loss = contrastive_loss(texts, motions, related.table(batch.captions))
            loss = loss + functional.mse_loss(told, bodies)
            loss = loss + preset.statistics_weight * functional.mse_loss(head(motions), wanted)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            schedule.step()
    return network
