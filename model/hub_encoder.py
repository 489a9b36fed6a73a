"""Text encoders whose files the user brings: a local folder, or what the Hugging Face cache holds.

Nothing is fetched here. Where files are missing, the error names them and the command that gets
them.
"""

from __future__ import annotations

import hashlib
import pickle
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import safetensors
import torch

from loop.errors import CorruptFileError, MissingAssetError
from model.text_encoder import FrozenEncoder

WEIGHTS = ("model.safetensors", "pytorch_model.bin")


class HubEncoder(FrozenEncoder):
    """An encoder of the Hugging Face hub; `name` and `dim` read its files, too.

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
        super().__init__(device)
        self._source = self.hub_name if source is None else source

    @property
    def name(self) -> str:
        """Hub name and the first digits of the checksum of the weights.

        Raises:
            MissingAssetError: files are missing.
        """
        return f"{self.hub_name}/{self._digest[:8]}"

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
