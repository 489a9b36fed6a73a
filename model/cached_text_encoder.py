"""A text encoder that encodes each text once, whatever is asked for beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from filelock import FileLock
from torch import Tensor

from loop.errors import CorruptFileError, InvalidOptionError
from loop.rundir.files import storage, write_bytes
from model.text_encoder import TextEncoder

TEXTS_KEPT = 4096
"""Texts whose token vectors stay in memory: about 40 kB each, 160 MB in all."""


class CachedTextEncoder:
    """Encodes each distinct text once: per process, or for good where a cache file is given.

    Args:
        encoder: answers for texts that were not seen before.
        cache_file: safetensors file with the vectors, made on first use and kept up to date by all
            processes that use it.
    """

    def __init__(self, encoder: TextEncoder, cache_file: Path | None = None) -> None:
        self._encoder = encoder
        self._file = cache_file
        self._vectors: dict[str, Tensor] | None = None
        self._tokens = lru_cache(maxsize=TEXTS_KEPT)(self._tokens_of)

    @property
    def name(self) -> str:
        """The name of the encoder behind the cache."""
        return self._encoder.name

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return self._encoder.dim

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Encode each text as a vector: (n, dim) float32.

        Raises:
            CorruptFileError: the cache file cannot be read.
            InvalidOptionError: the cache file belongs to another encoder.
        """
        if self._vectors is None:
            self._vectors = self._read()
        keys = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._vectors}
        if new:
            # One by one: in a batch, rounding would depend on what else is asked for.
            fresh = torch.cat([self._encoder.encode([text]) for text in new.values()])
            self._vectors.update(zip(new, fresh, strict=True))
            self._keep()
        if not keys:
            return torch.empty(0, self.dim)
        return torch.stack([self._vectors[key] for key in keys])

    def encode_tokens(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Encode tokens, the last texts' from memory: (n, L, dim), zeros as padding, and (n,)."""
        if not texts:
            return self._encoder.encode_tokens(texts)
        vectors = [self._tokens(text) for text in texts]
        lengths = torch.tensor([len(row) for row in vectors])
        return torch.nn.utils.rnn.pad_sequence(vectors, batch_first=True), lengths

    def _tokens_of(self, text: str) -> Tensor:
        """Encode the tokens of a text alone, as in `encode`: (L, dim)."""
        tokens, lengths = self._encoder.encode_tokens([text])
        return tokens[0, : int(lengths[0])]

    def _read(self) -> dict[str, Tensor]:
        if self._file is None or not self._file.exists():
            return {}
        try:
            with safetensors.safe_open(self._file, framework="pt") as file:
                owner = (file.metadata() or {}).get("encoder")
                keys, vectors = file.get_tensor("keys"), file.get_tensor("vectors")
        except safetensors.SafetensorError as error:
            raise CorruptFileError(
                "cache of text embeddings cannot be read",
                path=self._file,
                found=f"{self._file.stat().st_size} bytes: {error}",
                remedy="remove it; it is made again",
            ) from error
        if owner != self.name:
            raise InvalidOptionError(
                "cache of text embeddings belongs to another encoder",
                path=self._file,
                found=owner,
                expected=self.name,
                remedy="choose another cache file",
            )
        return {bytes(key.tolist()).hex(): row for key, row in zip(keys, vectors, strict=True)}

    def _keep(self) -> None:
        if self._file is None or self._vectors is None:
            return
        with storage(self._file), FileLock(self._file.with_name(f".{self._file.name}.lock")):
            # Processes side by side may have been asked for other texts.
            self._vectors = self._read() | self._vectors
            keys = [list(bytes.fromhex(key)) for key in self._vectors]
            table = {
                "keys": torch.tensor(keys, dtype=torch.uint8),
                "vectors": torch.stack(list(self._vectors.values())),
            }
            write_bytes(self._file, safetensors.torch.save(table, metadata={"encoder": self.name}))
