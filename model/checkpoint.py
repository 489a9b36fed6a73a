"""Checkpoints: written whole or not at all, read without running code from the file."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from body_models.damage import DAMAGE
from loop.errors import CorruptFileError, MissingAssetError, RunStateError
from loop.rundir.files import write_bytes

CHECKPOINT_INTERVAL_S = 30.0
"""Wall time between checkpoints inside a training stage; no result depends on it."""
SHOWN_NAMES = 4


def save_checkpoint(path: Path, content: Mapping[str, Any]) -> None:
    """Write tensors, numbers, strings, lists and dicts to a file; equal content gives equal bytes.

    Tensors are written from wherever they live; the file replaces an older one in a single step.

    Raises:
        StorageError: the disk is full, the folder is read-only or not ours.
    """
    buffer = io.BytesIO()
    torch.save(dict(content), buffer)
    write_bytes(path, buffer.getvalue())


def load_checkpoint(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Load what `save_checkpoint` wrote, with its tensors on `device`.

    Raises:
        MissingAssetError: there is no such file.
        CorruptFileError: it is truncated, damaged, or no checkpoint.
    """
    if not path.is_file():
        raise MissingAssetError("checkpoint is missing", path=path)
    data = path.read_bytes()
    try:
        # torch.load does not compare checksums, so a flipped bit would pass for a weight.
        damaged = zipfile.ZipFile(io.BytesIO(data)).testzip()
        if damaged is not None:
            raise zipfile.BadZipFile(f"checksum of {damaged} is wrong")
        content = torch.load(io.BytesIO(data), map_location=device, weights_only=True)
    except DAMAGE as error:
        raise CorruptFileError(
            "checkpoint cannot be read",
            path=path,
            found=f"{len(data)} bytes: {(str(error) or repr(error)).splitlines()[0]}",
            expected="a whole PyTorch checkpoint of plain tensors",
            remedy="remove it (the step that made it will run again), or restore it",
        ) from error
    if not isinstance(content, dict):
        raise CorruptFileError(
            "checkpoint holds no dictionary", path=path, found=type(content).__name__
        )
    return content


def load_state(module: nn.Module, state: Mapping[str, Tensor], path: Path | None = None) -> None:
    """Call `module.load_state_dict`, with an error that one can read.

    Raises:
        RunStateError: tensors are missing, unexpected, or of other shapes.
    """
    check_tensors(module.state_dict(), state, path)
    module.load_state_dict(dict(state))


def check_tensors(
    expected: Mapping[str, Tensor], found: Mapping[str, Tensor], path: Path | None = None
) -> None:
    """Compare names and shapes.

    Raises:
        RunStateError: they differ; names the first few.
    """
    shared = expected.keys() & found.keys()
    faults = {
        "missing": sorted(expected.keys() - found.keys()),
        "unexpected": sorted(found.keys() - expected.keys()),
        "of another shape": [
            f"{name} {tuple(found[name].shape)} instead of {tuple(expected[name].shape)}"
            for name in sorted(shared)
            if found[name].shape != expected[name].shape
        ],
    }
    if any(faults.values()):
        raise RunStateError(
            "checkpoint does not fit the network",
            path=path,
            found="; ".join(
                f"{len(names)} {fault}: {', '.join(names[:SHOWN_NAMES])}"
                + (", ..." if len(names) > SHOWN_NAMES else "")
                for fault, names in faults.items()
                if names
            ),
            remedy="use the options that the checkpoint was made with",
        )
