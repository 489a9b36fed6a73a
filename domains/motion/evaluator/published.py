"""The published evaluator behind the interface of our trained one: raw motions and captions in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from body_models.damage import DAMAGE
from dataset.captions import Caption
from dataset.word_vectors import WordVectors, read_word_vectors
from loop.errors import (
    CorruptFileError,
    InvalidCaptionError,
    InvalidMotionError,
    MissingAssetError,
    fetch_again,
)
from model.t2m_evaluator import (
    EMBEDDING,
    FEATURES,
    FETCH,
    MAX_FRAMES,
    UNIT,
    T2MEvaluator,
    load_t2m_evaluator,
)

BATCH_SIZE = 64
CHECKPOINT = Path("t2m/text_mot_match/model/finest.tar")
GLOVE = Path("glove")
STATISTICS = (Path("dataset/t2m_mean.npy"), Path("dataset/t2m_std.npy"))


class PublishedEvaluator:
    """Guo et al.'s evaluator with its own normalisation: numbers compare with published tables.

    Args:
        network: with the published weights.
        words: the published word vectors.
        mean, std: (263,) the evaluator's statistics, not the dataset's.
        captions: gives `embed_texts` the tokens of its texts.
    """

    dim = EMBEDDING

    def __init__(
        self,
        network: T2MEvaluator,
        words: WordVectors,
        mean: np.ndarray,
        std: np.ndarray,
        captions: Iterable[Caption] = (),
    ) -> None:
        self._network = network.eval().requires_grad_(False)
        self._device = next(network.parameters()).device
        self._words, self._mean, self._std = words, mean, std
        self._tokens = {caption.text: caption.tokens for caption in captions}

    def embed_motions(self, motions: Sequence[np.ndarray]) -> np.ndarray:
        """Embed motions (F_i, 263), F_i >= 4, in the given order: (N, 512) float32.

        Motions run at 20 fps and are not normalised. Frames beyond the last multiple of four, and
        beyond 196, are not seen.

        Raises:
            InvalidMotionError: a motion has a wrong shape, is too short, or is not finite.
        """
        return self._embed(motions, None)

    def embed_generated(self, motions: Sequence[np.ndarray], frames: Sequence[int]) -> np.ndarray:
        """Embed motions as the published loop does what a model drew: (N, 512) float32.

        What stands after a motion's end is not zeroed: the last step of the movement encoder, whose
        convolutions reach over the end, sees it.

        Args:
            motions: (F_i, 263) as drawn, F_i up to 196, not normalised.
            frames: where each one ends, at least 4; what is beyond a multiple of four is dropped.

        Raises:
            InvalidMotionError: see `embed_motions`; or a motion is shorter than its `frames`.
        """
        return self._embed(motions, frames)

    def _embed(self, motions: Sequence[np.ndarray], frames: Sequence[int] | None) -> np.ndarray:
        for row, motion in enumerate(motions):
            _check(row, motion)
            if frames is not None and not UNIT <= frames[row] <= len(motion):
                raise InvalidMotionError(
                    f"motion {row} cannot end there", found=frames[row], expected=len(motion)
                )
        embedded = np.empty((len(motions), self.dim), np.float32)
        for start in range(0, len(motions), BATCH_SIZE):
            chosen = motions[start : start + BATCH_SIZE]
            ends = (
                [len(m) for m in chosen] if frames is None else frames[start : start + len(chosen)]
            )
            lengths = [min(end, MAX_FRAMES) // UNIT * UNIT for end in ends]
            padded = np.zeros((len(chosen), MAX_FRAMES, FEATURES), np.float32)
            for row, (motion, length) in enumerate(zip(chosen, lengths, strict=True)):
                kept = length if frames is None else min(len(motion), MAX_FRAMES)
                padded[row, :kept] = (motion[:kept] - self._mean) / self._std
            batch = torch.from_numpy(padded).to(self._device)
            answer = self._network.embed_motions(batch, torch.tensor(lengths))
            embedded[start : start + len(chosen)] = answer.cpu().numpy()
        return embedded

    def embed_captions(self, captions: Sequence[Caption], padded: bool = False) -> np.ndarray:
        """Embed tagged captions: (N, 512) float32.

        Args:
            captions: the captions.
            padded: read 22 tokens of each, its padding included, as the published loop does with
                the captions of generated motions (MDM mended that later).

        Raises:
            InvalidCaptionError: a token has no part of speech.
        """
        embedded = np.empty((len(captions), self.dim), np.float32)
        for start in range(0, len(captions), BATCH_SIZE):
            chosen = captions[start : start + BATCH_SIZE]
            pairs = [self._words.encode(c.tokens, padded=padded) for c in chosen]
            words, tags = (
                pad_sequence([torch.from_numpy(pair[k]) for pair in pairs], batch_first=True)
                for k in (0, 1)
            )
            lengths = torch.tensor([len(pair[0]) for pair in pairs])
            answer = self._network.embed_texts(
                words.to(self._device), tags.to(self._device), lengths
            )
            embedded[start : start + len(pairs)] = answer.cpu().numpy()
        return embedded

    def embed_texts(self, texts: Sequence[str], padded: bool = False) -> np.ndarray:
        """Embed, as `embed_captions` does, texts whose tokens were given at the start.

        Raises:
            InvalidCaptionError: the tokens of a text are not known.
        """
        if unknown := [text for text in texts if text not in self._tokens]:
            raise InvalidCaptionError(
                "the published evaluator needs tagged words, and these are not known",
                found=unknown[0],
                expected="a caption of the dataset that the evaluator was made with",
            )
        return self.embed_captions([Caption(text, self._tokens[text]) for text in texts], padded)


def load_published_evaluator(
    root: Path | str, captions: Iterable[Caption] = (), device: torch.device | str = "cpu"
) -> PublishedEvaluator:
    """Read the published files from where the published README puts them, below `root`.

    They are `t2m/text_mot_match/model/finest.tar`, `glove/our_vab_*` and `dataset/t2m_{mean,std}
    .npy`.

    Raises:
        MissingAssetError: a file is missing.
        CorruptFileError, RunStateError: a file is damaged or holds something else.
    """
    root = Path(root)
    network = load_t2m_evaluator(root / CHECKPOINT, device)
    words = read_word_vectors(root / GLOVE)
    mean, std = (_read_statistics(root / path) for path in STATISTICS)
    if std.min() <= 0:
        path = root / STATISTICS[1]
        raise CorruptFileError(
            "a deviation is not positive", path=path, remedy=fetch_again(path, FETCH)
        )
    return PublishedEvaluator(network, words, mean, std, captions)


def _check(row: int, motion: np.ndarray) -> None:
    if motion.ndim != 2 or motion.shape[1] != FEATURES or len(motion) < UNIT:
        raise InvalidMotionError(
            f"motion {row} cannot be evaluated",
            found=f"shape {motion.shape}",
            expected=f"(at least {UNIT}, {FEATURES})",
        )
    if not np.isfinite(motion).all():
        raise InvalidMotionError(f"motion {row} holds values that are not finite")


def _read_statistics(path: Path) -> np.ndarray:
    if not path.is_file():
        raise MissingAssetError(
            "normalisation of the published evaluator is missing", path=path, remedy=FETCH
        )
    remedy = fetch_again(path, FETCH)
    try:
        value = np.load(path, allow_pickle=False)
    except DAMAGE as error:
        raise CorruptFileError(
            "normalisation cannot be read", path=path, found=error, remedy=remedy
        ) from error
    if value.shape != (FEATURES,) or value.dtype.kind != "f" or not np.isfinite(value).all():
        raise CorruptFileError(
            "normalisation has the wrong shape or is not finite",
            path=path,
            found=f"{value.dtype} {value.shape}",
            expected=f"({FEATURES},)",
            remedy=remedy,
        )
    return value.astype(np.float32)
