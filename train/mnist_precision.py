"""Whether the networks of MNIST run in bfloat16."""

from __future__ import annotations

import torch

from loop.errors import InvalidOptionError


def runs_in_bfloat16(precision: str, device: str, faithful: bool) -> bool:
    """What `--precision` means here: auto takes bfloat16 where the hardware multiplies in it.

    Raises:
        InvalidOptionError: the device is not there.
    """
    if precision == "auto":
        return not faithful and multiplies_bfloat16(device)
    return precision == "bf16"


def multiplies_bfloat16(device: str) -> bool:
    """Whether a matrix product in bfloat16 is native on this device.

    Raises:
        InvalidOptionError: the device is not there.
    """
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InvalidOptionError(
            "this device cannot be used", found=f"{device}: {error}", remedy="try --device cpu"
        ) from error
    if torch.device(device).type == "cuda":
        return torch.cuda.is_bf16_supported()
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
