"""What a generator made of arrays is: kept as one .npz file, with nothing executed to read it."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from loop.errors import CorruptFileError, MissingAssetError, RunStateError

STATE = "state.npz"


def save_state(owner: object, names: Sequence[str], folder: Path) -> str:
    """Write the attributes `names` of `owner` (arrays, numbers, strings) into `folder`.

    Returns:
        Name of the file.

    Raises:
        RunStateError: no names, or an attribute that is no array.
    """
    if not names:
        raise RunStateError(
            f"{type(owner).__name__} does not say what it has to keep",
            found="no `state`, and no save and load of its own",
            expected='names of attributes that are arrays, such as state = ("points",)',
            remedy="add `state`, or write `save` and `load`, or run without a folder",
        )
    values = {name: np.asarray(getattr(owner, name)) for name in names}
    wrong = sorted(name for name, value in values.items() if value.dtype == object)
    if wrong:
        raise RunStateError(
            f"the state of {type(owner).__name__} is not made of arrays",
            found=", ".join(wrong),
            expected="numpy arrays, numbers or strings",
            remedy="name other attributes in `state`, or write `save` and `load`",
        )
    np.savez(folder / STATE, allow_pickle=False, **values)
    return STATE


def load_state(owner: object, names: Sequence[str], folder: Path) -> str:
    """Set the attributes that `save_state` wrote; returns the name of the file.

    Raises:
        MissingAssetError: the file is missing.
        CorruptFileError: it is damaged, or holds other attributes.
    """
    path = folder / STATE
    try:
        with np.load(path, allow_pickle=False) as stored:
            values: dict[str, Any] = {name: stored[name] for name in stored.files}
    except FileNotFoundError as error:
        raise MissingAssetError("the state of a generator is missing", path=path) from error
    except (zipfile.BadZipFile, ValueError, EOFError, OSError) as error:
        raise CorruptFileError(
            "the state of a generator cannot be read", path=path, found=error
        ) from error
    if set(values) != set(names):
        raise CorruptFileError(
            "this is the state of another generator",
            path=path,
            found=sorted(values),
            expected=sorted(names),
        )
    for name, value in values.items():
        setattr(owner, name, value if value.ndim else value.item())
    return STATE
