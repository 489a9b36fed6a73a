"""Text encoders whose files the user brings: a local folder, or what the Hugging Face cache holds.

Nothing is fetched here. Where files are missing, the error names them and the command that gets
them.
"""

from __future__ import annotations

import hashlib
import pickle
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import safetensors
import torch
from torch import Tensor

from loop.errors import CorruptFileError, MissingAssetError
from model.text_encoder import UnreadTexts

BATCH_SIZE = 64
WEIGHTS = ("model.safetensors", "pytorch_model.bin")


class HubEncoder(ABC):
    """A frozen `transformers` text encoder; a `TextEncoder`.

    Nothing is read or imported before the first text is encoded, or `name` or `dim` is asked for.

    Args:
        source: folder with config, weights and tokenizer files, or a hub name that was downloaded
            before; the published one if left out.
        device: where the network runs.
    """

    hub_name: ClassVar[str]
    tokenizer_files: ClassVar[tuple[str, ...]]
    """Needed where there is no `tokenizer.json`."""
    network_class: ClassVar[str]
    tokenizer_class: ClassVar[str]

    def __init__(
        self, source: Path | str | None = None, device: torch.device | str = "cpu"
    ) -> None:
        self._source = self.hub_name if source is None else source
        self._device = device
        self._unread = UnreadTexts()

    @property
    def name(self) -> str:
        """Hub name and the first digits of the checksum of the weights.

        Raises:
            MissingAssetError: files are missing.
        """
        return f"{self.hub_name}/{self._digest[:8]}"

    @property
    @abstractmethod
    def dim(self) -> int:
        """Width of a vector."""

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Encode each text as a vector: (n, dim) float32 on the CPU.

        Raises:
            MissingAssetError: files are missing.
            CorruptFileError: files cannot be read, or weights are missing in them.
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
        tokenizer = self._loaded[1]
        cleaned = [self._cleaned(text) for text in texts]
        longest = self._context
        tokens = tokenizer(cleaned, verbose=False)["input_ids"]
        unknown = [_unknown(row[1:-1], tokenizer) for row in tokens]
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

    @property
    @abstractmethod
    def _context(self) -> int:
        """Most tokens of a text, with the start and end tokens."""

    @abstractmethod
    def _states(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Compute last hidden states (b, L, width) of token ids (b, L), 0 after lengths (b,)."""

    @abstractmethod
    def _pooled(self, states: Tensor, lengths: Tensor) -> Tensor:
        """Pool token states (b, L, width) to (b, dim)."""

    @property
    def _network(self) -> Any:
        return self._loaded[0]

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        folder, weights = self._folder, self._weights()
        import transformers

        quiet = transformers.logging.get_verbosity()
        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        try:
            tokenizer = getattr(transformers, self.tokenizer_class).from_pretrained(
                folder, local_files_only=True
            )
            network, found = getattr(transformers, self.network_class).from_pretrained(
                folder, local_files_only=True, dtype=torch.float32, output_loading_info=True
            )
        except (
            OSError,
            ValueError,
            RuntimeError,
            safetensors.SafetensorError,
            pickle.UnpicklingError,
        ) as error:
            raise CorruptFileError(
                "text encoder cannot be loaded",
                path=folder,
                found=str(error).splitlines()[0],
                expected=f"the files of {self.hub_name}",
                remedy=self._remedy,
            ) from error
        finally:
            transformers.logging.set_verbosity(quiet)
        # transformers fills what is missing with random numbers and goes on.
        if found["missing_keys"]:
            raise CorruptFileError(
                "weights of the text encoder are incomplete",
                path=weights,
                found=f"no {', '.join(sorted(found['missing_keys'])[:3])}",
                remedy=self._remedy,
            )
        return network.to(self._device).eval().requires_grad_(False), tokenizer

    @cached_property
    def _folder(self) -> Path:
        folder = Path(self._source)
        if not folder.is_dir():
            from huggingface_hub import constants, snapshot_download
            from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

            try:
                folder = Path(snapshot_download(str(self._source), local_files_only=True))
            except (LocalEntryNotFoundError, HFValidationError) as error:
                raise MissingAssetError(
                    "text encoder is not on this machine",
                    path=self._source,
                    found=f"no such folder, and no such name in {constants.HF_HUB_CACHE}",
                    expected=self._files,
                    remedy=self._remedy,
                ) from error
        names = {path.name for path in folder.iterdir()}
        missing = {"config.json"} - names
        if not names & set(WEIGHTS):
            missing.add(" or ".join(WEIGHTS))
        if "tokenizer.json" not in names and not set(self.tokenizer_files) <= names:
            missing.add(f"tokenizer.json or {' and '.join(self.tokenizer_files)}")
        if missing:
            raise MissingAssetError(
                "files of the text encoder are missing",
                path=folder,
                found=f"no {', no '.join(sorted(missing))}",
                expected=self._files,
                remedy=self._remedy,
            )
        return folder

    @cached_property
    def _digest(self) -> str:
        with self._weights().open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _weights(self) -> Path:
        return next(self._folder / name for name in WEIGHTS if (self._folder / name).is_file())

    @property
    def _files(self) -> str:
        tokenizer = " and ".join(self.tokenizer_files)
        return f"config.json; {' or '.join(WEIGHTS)}; tokenizer.json or {tokenizer}"

    @property
    def _remedy(self) -> str:
        return (
            f"`hf download {self.hub_name}` fetches it once into the cache, with `--local-dir "
            "FOLDER` into a folder that can be copied to a machine without network"
        )


def _unknown(tokens: Sequence[int], tokenizer: Any) -> int:
    """Count tokens for what the vocabulary lacks: the unknown token, or parts of a character.

    A vocabulary of bytes, as CLIP's, has no unknown token but spells such a character in pieces.
    """
    return sum(
        token == tokenizer.unk_token_id or "\ufffd" in tokenizer.decode([token]) for token in tokens
    )


def valid_tokens(states: Tensor, lengths: Tensor) -> Tensor:
    """Mark valid tokens, (b, L, 1) float: one up to the lengths, zero after."""
    index = torch.arange(states.shape[1], device=states.device)
    return (index < lengths[:, None]).to(states.dtype)[..., None]
