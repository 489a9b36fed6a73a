"""How the networks of MNIST are computed: precision, compilation, threads."""

from __future__ import annotations

from model.compiled import can_compile
from model.device import device_named
from model.precision import bfloat16_pays

COMPILED_FROM = 64
"""Width from which drawing a generation takes hours and compiling it a minute."""


THREADS_FROM = 64
"""Width from which several threads pay. Narrower networks hardly gain on idle cores, and on busy
ones, where threads wait for each other spinning, two took 10 times as long as one and 14 times the
processor time (a draw at width 16, two cores)."""


def threads_of(width: int) -> int | None:
    """Return the threads of a network; None for as many as torch was given.

    One thread also makes the weights independent of how many cores an arm happens to get.
    """
    return 1 if width < THREADS_FROM else None


def runs_in_bfloat16(precision: str, device: str, faithful: bool) -> bool:
    """Decide what `--precision` means here: auto is bfloat16 where a probe finds that it pays.

    Raises:
        InvalidOptionError: the device is not there.
    """
    if precision == "auto":
        return not faithful and bfloat16_pays(device_named(device).type)
    return precision == "bf16"


def compiles(wanted: str, width: int, faithful: bool) -> bool:
    """Decide what `--compile` means here, once a run, so that all its samples round alike."""
    if wanted == "auto":
        return not faithful and width >= COMPILED_FROM and can_compile()
    return wanted == "yes"
