"""What jobs may use of this machine (found without torch): cores, GPUs, and shares of them."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """What one job gets of a machine.

    Attributes:
        cores: for the threads of its numerical libraries.
        device: cpu or cuda.
        gpus: those that it sees, as CUDA_VISIBLE_DEVICES names them; None for what we see.
    """

    cores: int
    device: str = "cpu"
    gpus: str | None = None


@dataclass(frozen=True)
class Machine:
    """What the jobs may use together.

    Attributes:
        slots: jobs at a time.
        cores: processor cores, shared out among the jobs that can run at the same time.
        gpus: names for CUDA_VISIBLE_DEVICES, dealt out to the slots, round and round.
        device: for commands that ask: cpu or cuda.
        gpus_each: GPUs of one job.
    """

    slots: int
    cores: int
    gpus: tuple[str, ...] = ()
    device: str = "cpu"
    gpus_each: int = 1

    def share(self, slot: int, together: int) -> Share:
        """Return the share of a slot while `together` jobs can run at the same time.

        It depends on the plan alone, never on what happens to run: rounding depends on the number
        of threads, and a resumed job must get the same bytes.
        """
        cores = max(1, self.cores // max(1, min(self.slots, together)))
        if not self.gpus or self.device != "cuda":
            return Share(cores, self.device)
        first = slot * self.gpus_each
        dealt = [self.gpus[(first + i) % len(self.gpus)] for i in range(self.gpus_each)]
        return Share(cores, self.device, ",".join(dealt))


def cores() -> int:
    """Count processor cores: Slurm's share inside a job, else those that we may run on."""
    for variable in ("SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE"):
        if os.environ.get(variable, "").isdigit():
            return max(1, int(os.environ[variable]))
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def gpus() -> tuple[str, ...]:
    """List the GPUs as CUDA_VISIBLE_DEVICES names them: what it allows already, else all."""
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is not None:
        names = [name.strip() for name in allowed.split(",")]
        return tuple(name for name in names if name and name != "-1")
    query = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    try:
        found = subprocess.run(query, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()  # no NVIDIA driver: this machine computes on its cores
    return tuple(found.stdout.split())
