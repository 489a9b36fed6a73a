"""Sizes of the text-motion evaluator, and how its weights are learnt.

A contrastive loss alone sorts motions by what their captions can tell and forgets the rest. So the
motion embedding must also predict, through one linear layer, the statistics of its motion, for real
motions and for corrupted copies of them: of every feature, and of the body and the ground (heights,
sliding, bone lengths, speeds, accelerations). The copies never count as wrong answers: no metric is
taught what is bad. What it then sees: `python -m eval.sensitivity`, results/evaluator/.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dataset.batches import Batch, TrainingBatches
from dataset.humanml3d import MOTION_DIM, MotionItem, MotionSet
from domains.motion.evaluator.augmentation import corrupt
from domains.motion.evaluator.body_statistics import GROUPS, body_statistics
from domains.motion.evaluator.objective import (
    RelatedCaptions,
    contrastive_loss,
    motion_statistics,
)
from loop.progress import track
from model.motion_evaluator import CONTACTS, EvaluatorConfig, MotionEvaluator
from model.seeding import seeded
from model.text_encoder import TextEncoder

BODY_WEIGHT = 3.0
"""Of the mean error of the body statistics, over that of the statistics of all features."""


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


PRESETS: dict[str, EvaluatorPreset] = {
    "paper": EvaluatorPreset(),
    "smoke": EvaluatorPreset(
        movement=16,
        motion_hidden=16,
        text_hidden=16,
        embedding=8,
        dropout=0.0,
        max_frames=60,
        steps=3,
    ),
    "demo": EvaluatorPreset(
        movement=64,
        motion_hidden=64,
        text_hidden=64,
        embedding=32,
        dropout=0.0,
        max_frames=60,
        batch_size=32,
        steps=250,
        learning_rate=1e-3,
        threads=1,
    ),
    "cmu": EvaluatorPreset(
        movement=64,
        motion_hidden=64,
        text_hidden=64,
        embedding=32,
        dropout=0.0,
        max_frames=80,
        batch_size=32,
        steps=250,
        learning_rate=1e-3,
        threads=1,
    ),
}


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
    )


class _TokenTable:
    """Token vectors of the training captions, computed once."""

    def __init__(self, items: tuple[MotionItem, ...], encoder: TextEncoder) -> None:
        texts = sorted({caption.text for item in items for caption in item.captions})
        self._row = {text: row for row, text in enumerate(texts)}
        self._tokens, self._lengths = encoder.encode_tokens(texts)

    def of(self, captions: list[str]) -> tuple[Tensor, Tensor]:
        rows = [self._row[caption] for caption in captions]
        lengths = self._lengths[rows]
        return self._tokens[rows, : int(lengths.max())], lengths


def train_network(
    train: MotionSet,
    preset: EvaluatorPreset,
    config: EvaluatorConfig,
    seed: int,
    encoder: TextEncoder,
) -> MotionEvaluator:
    """Learn a training split; the seed fixes weights, batches and corrupted copies."""
    network = seeded(lambda: MotionEvaluator(config), seed)
    statistics = _Statistics(train, config, preset.statistics_weight, seed)
    parameters = [*network.parameters(), *statistics.head.parameters()]
    optimizer = torch.optim.AdamW(
        parameters, lr=preset.learning_rate, weight_decay=preset.weight_decay, fused=True
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / preset.steps)
    batches = TrainingBatches(
        train.items, train.mean, train.std, preset.batch_size, preset.max_frames, seed
    )
    table, related = _TokenTable(train.items, encoder), RelatedCaptions(train.items)
    network.train()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # dropout can draw from no other generator
        for step in track(range(preset.steps), "train evaluator"):
            batch = batches.batch(step)
            texts = network.embed_texts(*table.of(batch.captions))
            motions, error = statistics.embed(network, batch)
            loss = contrastive_loss(texts, motions, related.table(batch.captions)) + error
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            schedule.step()
    return network


class _Statistics:
    """The second half of the objective: what one linear layer reads off an embedding.

    Targets are measured in deviations of the real training motions, and squeezed by asinh, so that
    a gross corruption does not outweigh all subtle ones.
    """

    def __init__(self, train: MotionSet, config: EvaluatorConfig, weight: float, seed: int) -> None:
        features = 3 * (config.features - CONTACTS)
        self._widths = [features, *(width for width, _ in GROUPS.values())]
        self.head = seeded(lambda: nn.Linear(config.embedding, sum(self._widths)), seed)
        self._weight, self._rng = weight, torch.Generator().manual_seed(seed)
        self._mean, self._std = torch.from_numpy(train.mean), torch.from_numpy(train.std)
        self._body: list[tuple[Tensor, Tensor]] = []
        if weight:
            tables = zip(*(_body_of(item) for item in train.items), strict=True)
            for group, (_, least) in zip(tables, GROUPS.values(), strict=True):
                values = torch.cat(group)
                self._body.append((values.mean(0), values.std(0).clamp(min=least)))

    def embed(self, network: MotionEvaluator, batch: Batch) -> tuple[Tensor, Tensor | float]:
        """Embeddings of the real motions, and the weighted error for real and corrupted ones."""
        motions, lengths = torch.from_numpy(batch.vectors), torch.from_numpy(batch.lengths)
        if not self._weight:
            return network.embed_motions(motions, lengths), 0.0
        raw = motions * self._std + self._mean
        raw = torch.cat([raw, corrupt(raw, lengths, self._std, self._rng)])
        lengths = torch.cat([lengths, lengths])
        valid = torch.arange(raw.shape[1]) < lengths[:, None]
        motions = (raw - self._mean) / self._std * valid[..., None]
        embedded = network.embed_motions(motions, lengths)
        targets = [motion_statistics(motions[..., :-CONTACTS], lengths)]
        groups = zip(body_statistics(raw, valid), self._body, strict=True)
        targets += [(values - mean) / std for values, (mean, std) in groups]
        found = self.head(embedded).split(self._widths, dim=1)
        errors = [
            (guess - torch.asinh(target)).square().mean()
            for guess, target in zip(found, targets, strict=True)
        ]
        error = errors[0] + BODY_WEIGHT * torch.stack(errors[1:]).mean()
        return embedded[: len(batch.lengths)], self._weight * error


def _body_of(item: MotionItem) -> list[Tensor]:
    motion = torch.from_numpy(item.vectors)[None]
    return body_statistics(motion, torch.ones(motion.shape[:2], dtype=torch.bool))
