"""Commands side by side on this machine: as many at a time as asked for, all or an error."""

from __future__ import annotations

import logging
import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass

from loop.errors import JobFailedError
from loop.progress import LINES_VARIABLE

logger = logging.getLogger("scsc.loop")

POLL_S = 0.2
PATIENCE_S = 20.0
"""How long an interrupted job may take to put its work away before it is killed."""


@dataclass(frozen=True)
class Job:
    """A command with the name that messages use."""

    name: str
    command: Sequence[str]


def run_jobs(jobs: Sequence[Job], slots: int) -> None:
    """Run all jobs, at most `slots` at a time, in order; their output goes where ours goes.

    The cores are shared out: each job's numerical libraries get cores // slots threads, because
    processes that fight over cores inside parallel sections are many times slower. When a job
    fails, or on Ctrl-C, the running ones are asked to end (SIGTERM) and waited for.

    Raises:
        JobFailedError: a job ended with another status than 0.
    """
    slots = max(1, min(slots, len(jobs)))
    threads = str(max(1, (os.cpu_count() or 1) // slots))
    environment = {**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
    if slots > 1:
        environment[LINES_VARIABLE] = "1"  # bars of several processes would overwrite each other
    waiting, running = list(jobs), []
    try:
        while waiting or running:
            while waiting and len(running) < slots:
                job = waiting.pop(0)
                # In a session of its own, a job gets one interrupt on Ctrl-C: ours.
                process = subprocess.Popen(job.command, env=environment, start_new_session=True)
                running.append((job, process))
            time.sleep(POLL_S)
            for job, process in running:
                if process.poll() not in (None, 0):
                    raise JobFailedError(
                        "a job failed; its own message stands above",
                        found=f"{job.name}: exit status {process.returncode}",
                        remedy="mend what it names and repeat the command; finished work is kept",
                    )
            running = [(job, process) for job, process in running if process.poll() is None]
    finally:
        _interrupt([process for _, process in running])


def _interrupt(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        if process.poll() is None:
            # Not SIGINT: shells let what they start in the background ignore it.
            process.terminate()
    deadline = time.monotonic() + PATIENCE_S
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
