"""The device that a name means on this machine."""

from __future__ import annotations

import torch

from loop.errors import InvalidOptionError


def device_named(name: str) -> torch.device:
    """Return the device of that name; `auto` is a GPU if there is one.

    Raises:
        InvalidOptionError: the device is not there.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InvalidOptionError(
            "this device cannot be used", found=f"{name}: {error}", remedy="try --device cpu"
        ) from error
    return device
