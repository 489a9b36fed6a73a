"""Several ways to do one thing, timed in turns, so that a busy machine treats them alike."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch

Work = Callable[[], object]


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        part: what was done.
        plain: processor seconds of each turn of the plain reference; empty where there is none.
        ours: of ours.
        amount: how much was done in a turn, such as seconds of motion.
        unit: of the amount.
        goal: times faster than the plain one, or amount a second where there is none.
        note: what else to know.
    """

    part: str
    plain: list[float]
    ours: list[float]
    amount: float = 1.0
    unit: str = "turn"
    goal: float | None = None
    note: str = ""

    @property
    def reached(self) -> float:
        """Times faster, or amount a second."""
        ours = median(self.ours)
        return median(self.plain) / ours if self.plain else self.amount / ours

    def markdown(self) -> str:
        """Return the line: medians, least and most, ratio or rate, goal and whether it is met."""
        what = f"{self.reached:.3g} x" if self.plain else f"{self.reached:.3g} {self.unit}/s"
        goal, met = "", ""
        if self.goal is not None:
            goal = f"{self.goal:g}" + (" x" if self.plain else f" {self.unit}/s")
            met = "yes" if self.reached >= self.goal else "**no**"
        cells = (_spread(self.plain), _spread(self.ours), what, goal, met, self.note)
        return f"| {self.part} | {' | '.join(cells)} |"


HEAD = (
    "| part | plain, CPU s | ours, CPU s | ratio or rate | goal | met | note |\n"
    "|---|---|---|---|---|---|---|"
)


def timed(ways: Mapping[str, Work], turns: int, warm: bool = True) -> dict[str, list[float]]:
    """Return the processor seconds of each turn of each way, without a first one if `warm`."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(turns + warm):
        for name, work in ways.items():
            start = time.process_time()
            work()
            if turn or not warm:
                found[name].append(time.process_time() - start)
    return found


def _spread(seconds: list[float]) -> str:
    if not seconds:
        return ""
    return f"{median(seconds):.3g} ({min(seconds):.3g} to {max(seconds):.3g})"


def machine() -> list[str]:
    """Say what the numbers were measured on."""
    facts, info = {}, Path("/proc/cpuinfo")
    if info.is_file():
        pairs = (line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
        facts = {name.strip(): value.strip() for name, value in pairs}
    have = facts.get("flags", "").split()
    kinds = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
    flags = ", ".join(f"{kind} {'yes' if kind in have else 'no'}" for kind in kinds)
    gpu = "none, so `python -m benchmarks.gpu` has no numbers here"
    if torch.cuda.is_available():
        gpu = f"{torch.cuda.get_device_name()}; see `python -m benchmarks.gpu`"
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    return [
        f"processor: {facts.get('model name', platform.machine())}, {os.cpu_count()} cores, of "
        f"which one thread is used; {flags}",
        f"GPU: {gpu}",
        f"Python {platform.python_version()}, torch {torch.__version__}, {platform.system()}",
        f"load of the machine at the beginning: {load}",
    ]
