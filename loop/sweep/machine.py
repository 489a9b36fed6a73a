"""What this process may use of the machine: cores and GPUs, found without torch."""

from __future__ import annotations

import os
import subprocess


def cores() -> int:
    """Processor cores: Slurm's share inside a job, else those that we may run on."""
    for variable in ("SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE"):
        if os.environ.get(variable, "").isdigit():
            return max(1, int(os.environ[variable]))
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def gpus() -> tuple[str, ...]:
    """Names that CUDA_VISIBLE_DEVICES understands: what it allows already, else every GPU."""
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
