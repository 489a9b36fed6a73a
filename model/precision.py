"""Whether bfloat16 pays on a device: asked of the device itself, never assumed."""

from __future__ import annotations

import time
from functools import cache

import torch

GAIN = 1.5
"""Times faster a product in bfloat16 has to be. Where it is native it is 4 to 16 times faster;
where it is emulated, a training step was 10 times slower."""
SIZE = {"cpu": 512, "cuda": 4096}


@cache
def bfloat16_pays(kind: str) -> bool:
    """Tell whether matrix products in bfloat16 are native on a `cpu` or `cuda` device, and faster.

    Takes some milliseconds, once a process; the margin keeps the answer from depending on the load.
    """
    if kind == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    if not native:
        return False
    whole, half = (_seconds(kind, dtype) for dtype in (torch.float32, torch.bfloat16))
    return whole > GAIN * half


def _seconds(kind: str, dtype: torch.dtype) -> float:
    """Return the least time of a product of square matrices over some turns, after a first one."""
    matrix = torch.ones(SIZE[kind], SIZE[kind], dtype=dtype, device=kind)
    clock = time.perf_counter if kind == "cuda" else time.thread_time
    least = float("inf")
    for _ in range(6):
        start = clock()
        torch.mm(matrix, matrix)
        if kind == "cuda":
            torch.cuda.synchronize()
        least = min(least, clock() - start)
    return least
