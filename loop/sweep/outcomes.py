"""How a job of a sweep is doing, kept beside its log for `status` and for the morning.

<runs>/logs/<job>.log    everything that it said, of all its attempts
<runs>/logs/<job>.json   the state of its last attempt
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, cast

import psutil

from loop.cli import INTERRUPTED
from loop.errors import ScscError
from loop.rundir.files import prepare_file, read_json, write_json
from loop.sweep.plan import Job

State = Literal["running", "finished", "stopped", "queued", "failed"]
_SLURM_ALIVE = ("RUNNING", "COMPLETING", "SUSPENDED", "CONFIGURING")


@dataclass(frozen=True)
class Outcome:
    """The last attempt at a job.

    Attributes:
        state: stopped is put away in peace and goes on with the next attempt, which Slurm has in
            its queue where the state is queued.
        status: exit status, negative for a signal; None while it runs.
        host, pid, command: where it runs or ran, and what.
        slurm: id of the Slurm job, if it is one.
    """

    state: State
    status: int | None
    host: str
    pid: int
    command: Sequence[str]
    slurm: str | None = None


def note(
    job: Job, process: subprocess.Popen[bytes], status: int | None = None, stopped: bool = False
) -> Outcome:
    """Keep how an attempt is doing.

    Args:
        job: the job.
        process: the attempt.
        status: its exit status, None while it runs.
        stopped: it was asked to end; its exit status says nothing then.

    Raises:
        StorageError: the folder of the log cannot be written.
    """
    state: State = "running"
    if status is not None:
        state = "finished" if status == 0 else "failed"
        state = "stopped" if status and (stopped or status == INTERRUPTED) else state
    command = [str(part) for part in cast("list[str]", process.args)]
    slurm = os.environ.get("SLURM_JOB_ID")
    outcome = Outcome(state, status, socket.gethostname(), process.pid, command, slurm)
    prepare_file(job.log)
    write_json(_record(job), asdict(outcome))
    return outcome


def outcome_of(job: Job) -> Outcome | None:
    """Read the last attempt, "stopped" where it was killed without a word; None for none."""
    try:
        outcome = Outcome(**read_json(_record(job)))
    except (ScscError, TypeError):  # absent, or of another version: the run directory tells enough
        return None
    if outcome.state == "running" and not _alive(outcome):
        outcome = replace(outcome, state="stopped")
    if outcome.state == "stopped" and outcome.slurm and _in_slurm(outcome.slurm) == "PENDING":
        outcome = replace(outcome, state="queued")
    return outcome


def _record(job: Job) -> Path:
    return job.log.with_suffix(".json")


def _alive(outcome: Outcome) -> bool:
    if outcome.host == socket.gethostname():
        try:
            # After a restart of the machine, the number may be another process's.
            found = psutil.Process(outcome.pid).cmdline()
        except psutil.NoSuchProcess:
            return False
        except psutil.AccessDenied:
            return True
        return all(part in found for part in outcome.command[1:])
    if outcome.slurm is not None and shutil.which("squeue"):
        return _in_slurm(outcome.slurm) in _SLURM_ALIVE
    return True  # cannot be seen from here


def _in_slurm(job: str) -> str:
    """Return the state of a Slurm job, empty where it is gone or there is no Slurm to ask."""
    query = ["squeue", "--noheader", "--jobs", job, "--format", "%T"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip()
