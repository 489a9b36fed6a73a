"""A trained text-motion evaluator: raw motions and captions in, points to measure out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from domains.motion.evaluator.body_features import BodySpace
from loop.errors import InvalidMotionError
from model.cached_text_encoder import CachedTextEncoder
from model.motion_evaluator import STRIDE, MotionEvaluator
from model.text_encoder import TextEncoder

BATCH_SIZE = 128


class TrainedEvaluator:
    """Frozen evaluator with the normalisation it was trained with.

    Args:
        network: trained; switched to evaluation mode.
        encoder: gives the token vectors of captions.
        mean, std: (features,) of the dataset it was trained on.
        body: measures how bodies move and stand; None in evaluators of older versions.
        report: what is known about it on held-out motions.
        fingerprint: of what decided the weights.
        captions: file that keeps the embedded captions, so that whoever asks for them again need
            not load a language model; None keeps them in memory alone.
    """

    def __init__(
        self,
        network: MotionEvaluator,
        encoder: TextEncoder,
        mean: np.ndarray,
        std: np.ndarray,
        body: BodySpace | None,
        report: dict[str, Any],
        fingerprint: str = "",
        captions: Path | None = None,
    ) -> None:
        self.report, self.fingerprint = report, fingerprint
        self._network = network.eval().requires_grad_(False)
        self._mean, self._std, self._body = mean, std, body
        embedder = _Captions(self._network, encoder, fingerprint)
        self._captions = CachedTextEncoder(embedder, captions)

    @property
    def dim(self) -> int:
        """Width D of an embedding."""
        return self._network.config.embedding + self._network.config.told

    def embed_motions(self, motions: Sequence[np.ndarray]) -> np.ndarray:
        """Embed motions (F_i, 263), 20 fps, not normalised, F_i >= 4: (N, D) float32.

        A motion's embedding does not depend on its neighbours (up to float32 rounding). Frames
        beyond the last multiple of four are not seen.

        Raises:
            InvalidMotionError: a motion has a wrong shape, is too short, or is not finite.
        """
        for row, motion in enumerate(motions):
            self._check(row, motion)
        learned = self._learned(motions)
        if self._body is None:
            return learned
        cut = [motion[: len(motion) // STRIDE * STRIDE] for motion in motions]
        return np.concatenate([learned, self._body.embed(cut)], axis=1)

    def _learned(self, motions: Sequence[np.ndarray]) -> np.ndarray:
        embedded = np.empty((len(motions), self._network.config.embedding), np.float32)
        order = np.argsort([len(motion) for motion in motions], kind="stable")
        for start in range(0, len(order), BATCH_SIZE):
            rows = order[start : start + BATCH_SIZE]
            lengths = torch.tensor([len(motions[row]) for row in rows])
            padded = np.zeros((len(rows), int(lengths.max()), len(self._mean)), np.float32)
            for position, row in enumerate(rows):
                padded[position, : len(motions[row])] = (motions[row] - self._mean) / self._std
            embedded[rows] = self._network.embed_motions(torch.from_numpy(padded), lengths).numpy()
        return embedded

    def _check(self, row: int, motion: np.ndarray) -> None:
        features = len(self._mean)
        if motion.ndim != 2 or motion.shape[1] != features or len(motion) < STRIDE:
            raise InvalidMotionError(
                f"motion {row} cannot be evaluated",
                found=f"shape {motion.shape}",
                expected=f"(at least {STRIDE}, {features})",
            )
        if not np.isfinite(motion).all():
            raise InvalidMotionError(f"motion {row} holds values that are not finite")

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Embed captions: (N, D) float32; each distinct one is computed once.

        Raises:
            CorruptFileError: the file that keeps them cannot be read.
            StorageError: it cannot be written.
        """
        return self._captions.encode(texts).numpy()


class _Captions:
    """Takes the place of a text encoder: its vectors are those of captions in the evaluator."""

    def __init__(self, network: MotionEvaluator, encoder: TextEncoder, fingerprint: str) -> None:
        self._network, self._encoder, self.name = network, encoder, fingerprint

    @property
    def dim(self) -> int:
        return self._network.config.embedding + self._network.config.told

    def encode(self, texts: Sequence[str]) -> Tensor:
        return self._network.embed_texts(*self._encoder.encode_tokens(texts))

    def encode_tokens(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        return self._encoder.encode_tokens(texts)
