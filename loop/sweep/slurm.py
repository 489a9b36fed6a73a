"""A plan as Slurm jobs: what waits for the same jobs becomes one job array (through submitit).

A job that Slurm interrupts, before its time limit or to make room, puts its work away and is queued
again; it goes on where it was, because every arm does.
"""

from __future__ import annotations

import math
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from submitit.core.core import Job as Submitted
from submitit.core.utils import FailedSubmissionError
from submitit.helpers import Checkpointable, DelayedSubmission, clean_env
from submitit.slurm.slurm import SlurmExecutor

from loop.cli import INTERRUPTED
from loop.errors import InvalidOptionError, JobFailedError
from loop.sweep.local import POLL_S, explain, start, stop
from loop.sweep.machine import Share
from loop.sweep.outcomes import note
from loop.sweep.plan import Job, Plan

VERDICT_S = 5.0
"""How long an interrupted job waits for Slurm to say whether it is to be queued again."""


@dataclass(frozen=True)
class Cluster:
    """What each job asks of Slurm."""

    partition: str | None = field(default_factory=lambda: os.environ.get("SBATCH_PARTITION"))
    """queue; default: SBATCH_PARTITION, else the cluster's"""
    account: str | None = field(default_factory=lambda: os.environ.get("SBATCH_ACCOUNT"))
    """who is charged; default: SBATCH_ACCOUNT, else yours"""
    hours: float = 24.0
    """time limit of one attempt; a longer arm is queued again and goes on"""
    cpus: int = 4
    """cores of a job"""
    gpus: int = 1
    """GPUs of an arm; 0 computes on the cores"""
    memory_gb: float = 32.0
    """memory of a job"""
    at_once: int = 256
    """arms of one array that may run at the same time"""
    grace_s: int = 120
    """seconds before the time limit at which a job starts to put its work away"""
    requeues: int = 1000
    """time limits that a job may run into before it is given up"""
    sbatch: tuple[str, ...] = ()
    """anything else that sbatch understands, such as constraint=a100 mail-type=FAIL"""

    def __post_init__(self) -> None:
        wrong = [word for word in self.sbatch if "=" not in word]
        if wrong or self.hours <= 0 or self.cpus < 1 or self.gpus < 0:
            raise InvalidOptionError(
                "Slurm options out of range",
                found=wrong or self,
                expected="hours > 0, cpus >= 1, gpus >= 0, --sbatch name=value ...",
            )

    def for_processes(self, processes: int) -> Cluster:
        """Return the same with a GPU for each process of an arm, where it has GPUs."""
        return replace(self, gpus=max(self.gpus, processes) if self.gpus else 0)

    @property
    def share(self) -> Share:
        """What an arm gets."""
        return Share(self.cpus, "cuda" if self.gpus else "cpu")


class ClusterJob(Checkpointable):
    """What runs inside a Slurm job: one job of the plan, and what to do about Slurm's signals."""

    def __init__(self, job: Job, share: Share) -> None:
        self._job, self._share = job, share
        self._process: subprocess.Popen[bytes] | None = None

    def __call__(self) -> None:
        """Run the job to its end.

        Raises:
            JobFailedError: it ended with another status than 0.
        """
        # Slurm sends USR2 (submitit's choice); people and other tools send USR1. Both mean: queue
        # me again.
        signal.signal(signal.SIGUSR1, signal.getsignal(signal.SIGUSR2))
        self._process = process = start(self._job, self._share)
        note(self._job, process)
        while not _ended(process):
            time.sleep(POLL_S)
        status = process.wait()
        note(self._job, process, status)
        if status == INTERRUPTED:
            time.sleep(VERDICT_S)  # Slurm sent SIGTERM; USR2, SIGKILL or nothing may follow
        if status:
            raise JobFailedError(
                f"{self._job.title} did not come to its end",
                path=self._job.log,
                found=explain(status),
                remedy="mend what the log names and submit again; finished work is kept",
            )

    def checkpoint(self) -> DelayedSubmission:
        """Put the work away (submitit calls this from its signal handler), to be queued again."""
        if self._process is not None:
            stop([self._process])
            note(self._job, self._process, self._process.returncode, stopped=True)
        return DelayedSubmission(ClusterJob(self._job, self._share))


def _ended(process: subprocess.Popen[bytes]) -> bool:
    # Not `poll`: it holds a lock, and `stop` in a signal handler would wait for it for ever.
    flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return os.waitid(os.P_PID, process.pid, flags) is not None


def submit(plan: Plan, cluster: Cluster) -> dict[str, str]:
    """Hand a plan to Slurm and return at once.

    Returns:
        job's name -> id of its Slurm job, in the order of the plan.

    Raises:
        InvalidOptionError: there is no Slurm here, or it refuses the options.
    """
    if shutil.which("sbatch") is None or shutil.which("srun") is None:
        raise InvalidOptionError(
            "there is no Slurm on this machine",
            found="no sbatch and srun on the PATH",
            remedy="submit from a login node of the cluster, or leave --cluster out",
        )
    with _outside_allocation():
        return _submit(plan, cluster)


def _submit(plan: Plan, cluster: Cluster) -> dict[str, str]:
    ids: dict[str, str] = {}
    sizes: dict[str, int] = {}
    for _, group in groupby(plan.jobs, key=lambda job: (job.after, job.after_end, job.run is None)):
        jobs = list(group)
        executor = SlurmExecutor(plan.folder / "logs" / "slurm", max_num_timeout=cluster.requeues)
        executor.update_parameters(**_parameters(jobs, cluster, _dependency(jobs[0], ids, sizes)))
        try:
            calls = [ClusterJob(job, cluster.share) for job in jobs]
            submitted: list[Submitted[Any]] = executor.submit_array(calls)
        except (subprocess.SubprocessError, RuntimeError) as error:
            raise InvalidOptionError(
                "Slurm refuses this job", found=str(error), remedy="see sbatch --help, sinfo"
            ) from error
        ids |= {job.name: str(new.job_id) for job, new in zip(jobs, submitted, strict=True)}
        sizes |= {str(new.job_id).split("_")[0]: len(jobs) for new in submitted}
    return ids


def job_id(string: bytes | str) -> str:
    """Find the number of a job in what sbatch prints: a sentence, or `4711;cluster`; or banners.

    Raises:
        FailedSubmissionError: there is none.
    """
    said = string if isinstance(string, str) else string.decode(errors="replace")
    text = re.sub(r"\x1b\[[\d;]*[A-Za-z]", "", said)  # colours
    words = r'(?i)\bjob(?:[ _]?id"?(?:\s+is)?)?(?:\s*[:=]\s*|\s+)["<]?(\d+)'
    for pattern in (r"Submitted batch job\s(\d+)", r"^\s*(\d+)\s*(?:[;.]\S*)?\s*$", words):
        if found := re.findall(pattern, text, re.MULTILINE):
            return found[-1]
    raise FailedSubmissionError(f"no number of a job in the answer of sbatch: {text!r}")


# Of the class itself: for arrays, submitit makes executors of it, whatever class asks.
SlurmExecutor._get_job_id_from_submission_command = staticmethod(job_id)  # pyright: ignore[reportPrivateUsage]


@contextmanager
def _outside_allocation() -> Generator[None]:
    """Hide what an allocation that we run in would hand on to new jobs: its tasks, memory, ranks.

    Where Slurm finds its configuration is no matter of the allocation.
    """
    site = {name: value for name, value in os.environ.items() if name == "SLURM_CONF"}
    with clean_env([name for name in os.environ if name.startswith(("PMI_", "PMI2_", "PMIX_"))]):
        os.environ.update(site)
        yield


def _parameters(jobs: Sequence[Job], cluster: Cluster, dependency: str | None) -> dict[str, Any]:
    more = dict(word.split("=", 1) for word in cluster.sbatch)
    # Without it, what waits for a job that failed would stay in the queue for ever.
    more = {"kill-on-invalid-dep": "yes", "requeue": True, **more}
    parameters: dict[str, Any] = {
        "job_name": jobs[0].name if len(jobs) == 1 else "arms",
        "partition": cluster.partition,
        "account": cluster.account,
        "time": math.ceil(60 * cluster.hours),
        "cpus_per_task": cluster.cpus,
        "mem": f"{math.ceil(1024 * cluster.memory_gb)}M",
        "gpus_per_node": cluster.gpus if cluster.gpus and jobs[0].run is not None else None,
        "signal_delay_s": cluster.grace_s,
        "array_parallelism": cluster.at_once,
        "dependency": dependency,
        "additional_parameters": more,
        # Slurm 22.05 and later hand --cpus-per-task on to steps only when told.
        "srun_args": [f"--cpus-per-task={cluster.cpus}"],
    }
    return {name: value for name, value in parameters.items() if value is not None}


def _dependency(job: Job, ids: dict[str, str], sizes: dict[str, int]) -> str | None:
    parts: list[str] = []
    for kind, names in (("afterok", job.after), ("afterany", job.after_end)):
        if names:
            parts.append(":".join([kind, *_compact([ids[name] for name in names], sizes)]))
    return ",".join(parts) or None


def _compact(ids: Sequence[str], sizes: dict[str, int]) -> list[str]:
    """Name an array instead of each of its tasks, where all of them are meant."""
    compact: list[str] = []
    for array, group in groupby(ids, key=lambda name: name.split("_")[0]):
        tasks = list(group)
        compact += [array] if len(tasks) == sizes[array] else tasks
    return compact
