"""The jobs of a plan side by side on this machine; each of them to its own end, whatever fails."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from shlex import join

from filelock import FileLock, Timeout

from loop.errors import JobFailedError, RunLockedError
from loop.rundir.files import storage
from loop.sweep.outcomes import Outcome, note
from loop.sweep.plan import Job, Plan

logger = logging.getLogger("scsc.loop")

POLL_S = 0.2
HEAD = "--- "
"""How the first line of an attempt begins in a log."""
PATIENCE_S = 20.0
"""How long an interrupted job may take to put its work away before it is killed."""


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
        """The share of a slot while `together` jobs can run at the same time.

        It depends on the plan alone, never on what happens to run: rounding depends on the number
        of threads, and a resumed job must get the same bytes.
        """
        cores = max(1, self.cores // max(1, min(self.slots, together)))
        if not self.gpus or self.device != "cuda":
            return Share(cores, self.device)
        first = slot * self.gpus_each
        dealt = [self.gpus[(first + i) % len(self.gpus)] for i in range(self.gpus_each)]
        return Share(cores, self.device, ",".join(dealt))


def start(job: Job, share: Share) -> subprocess.Popen[bytes]:
    """Start a job; what it says goes to the end of its log.

    Into a file and not through a pipe: whatever becomes of us, the job and its log go on.

    Raises:
        StorageError: the log cannot be written.
    """
    command = job.command_on(share.cores, share.device)
    threads = str(max(1, share.cores // job.processes))
    environment = {**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
    environment["PYTHONUNBUFFERED"] = "1"
    if share.gpus is not None:
        environment["CUDA_VISIBLE_DEVICES"] = share.gpus
    with storage(job.log):
        job.log.parent.mkdir(parents=True, exist_ok=True)
        with job.log.open("ab") as log:
            log.write(f"{HEAD}{datetime.now():%Y-%m-%d %H:%M:%S} {join(command)}\n".encode())
            log.flush()
            # In a session of its own, a job gets one interrupt on Ctrl-C: ours.
            return subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_leave_signals_to_parent,
            )


def _leave_signals_to_parent() -> None:
    # Slurm sends its warnings to every process of a job; ours passes them on, once, as SIGTERM.
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)


def stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Ask processes to put their work away; kill those that take longer than PATIENCE_S."""
    for process in processes:
        # Not SIGINT: shells let what they start in the background ignore it.
        process.terminate()
    deadline = time.monotonic() + PATIENCE_S
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # and whatever it started: the group is its own
            process.wait()


def explain(status: int) -> str:
    """An exit status in words."""
    if status == -signal.SIGKILL:
        return "killed by signal 9 (when nobody did it, the memory was full)"
    return f"killed by signal {-status}" if status < 0 else f"exit status {status}"


@dataclass
class _Running:
    job: Job
    slot: int
    process: subprocess.Popen[bytes]
    position: int
    """how much of the log has been shown"""

    def show(self, everything: bool = False) -> None:
        """Pass new lines of the log on, each under the name of its job."""
        try:
            with self.job.log.open("rb") as log:
                log.seek(self.position)
                new = log.read()
        except FileNotFoundError:
            return  # somebody removed it; the job itself goes on
        whole = len(new) if everything else new.rfind(b"\n") + 1
        self.position += whole
        lines = [line for line in new[:whole].decode(errors="replace").split("\n") if line]
        shown = [line.rsplit("\r", 1)[-1] for line in lines if not line.startswith(HEAD)]
        with suppress(OSError):  # the terminal is gone; the log has it all
            sys.stderr.write("".join(f"{self.job.title} | {line}\n" for line in shown))
            sys.stderr.flush()


@dataclass
class _Sweep:
    machine: Machine
    waiting: list[Job]
    together: dict[str, int]
    running: list[_Running] = field(default_factory=list)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    left_out: list[Job] = field(default_factory=list)

    def turn(self) -> None:
        """Start what can start, and see what has ended."""
        self._leave_out()
        free = sorted(set(range(self.machine.slots)) - {run.slot for run in self.running})
        for job in [job for job in self.waiting if self._ready(job)][: len(free)]:
            slot = free.pop(0)
            position = job.log.stat().st_size if job.log.exists() else 0
            process = start(job, self.machine.share(slot, self.together[job.name]))
            self.running.append(_Running(job, slot, process, position))
            self.waiting.remove(job)
            note(job, process)
        for run in list(self.running):
            run.show()
            if run.process.poll() is not None:
                self.finish(run)

    def finish(self, run: _Running, stopped: bool = False) -> None:
        status = run.process.wait()
        run.show(everything=True)
        self.running.remove(run)
        outcome = note(run.job, run.process, status, stopped)
        self.outcomes[run.job.name] = outcome
        if outcome.state != "finished":
            text = "%s %s (%s); its log is %s"
            logger.error(text, run.job.title, outcome.state, explain(status), run.job.log)

    def _waits_for(self, names: Collection[str]) -> bool:
        ours = {job.name for job in self.waiting} | {run.job.name for run in self.running}
        return any(name in ours for name in names)

    def _ready(self, job: Job) -> bool:
        return not self._waits_for((*job.after, *job.after_end))

    def _leave_out(self) -> None:
        bad = {job.name for job in self.left_out}
        bad |= {name for name, outcome in self.outcomes.items() if outcome.state != "finished"}
        for job in list(self.waiting):
            if bad & set(job.after):
                self.waiting.remove(job)
                self.left_out.append(job)
                bad.add(job.name)  # so that what waits for it is left out in this turn too

    def check(self) -> None:
        """Name everything that did not come to its end."""
        lines = [
            f"{job.title}: {explain(outcome.status or 0)}, see {job.log}"
            for job, outcome in self._unfinished()
        ]
        lines += [f"{job.title}: not started" for job in self.left_out]
        if lines:
            raise JobFailedError(
                "not every job came to its end; the others did",
                found="\n    ".join(["", *lines]),
                remedy="mend what the logs name and repeat the command; finished work is kept",
            )

    def _unfinished(self) -> list[tuple[Job, Outcome]]:
        return [(self._jobs[n], o) for n, o in self.outcomes.items() if o.state != "finished"]

    def __post_init__(self) -> None:
        self._jobs = {job.name: job for job in self.waiting}


def run_plan(plan: Plan, machine: Machine, only: Collection[str] = ()) -> None:
    """Run the jobs of a plan, as many at a time as the machine has slots.

    A job starts once those have ended that it waits for, and not at all where one had to succeed
    and did not; the others go on. On Ctrl-C the running ones are asked to end, and waited for.

    Args:
        plan: the jobs.
        machine: what they may use.
        only: names of jobs to run, whether or not what they wait for was run here; () for all.

    Raises:
        JobFailedError: not every job succeeded; raised when all that could be done is done.
        InvalidOptionError: no job has a name in `only`.
        RunLockedError: another process is running this plan, and not only some of its jobs.
        StorageError: a log cannot be written.
    """
    if only:
        _run(plan, machine, only)
        return
    with storage(plan.folder):
        plan.folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(plan.folder / ".sweep.lock", timeout=0):
            _run(plan, machine, only)
    except Timeout as error:
        raise RunLockedError(
            "another process is running this experiment",
            path=plan.folder,
            remedy="wait for it or stop it; `python -m loop.sweep status` tells how far it is",
        ) from error


def _run(plan: Plan, machine: Machine, only: Collection[str]) -> None:
    chosen = {plan.job(name).name for name in only}
    together = {job.name: len(wave) for wave in plan.waves() for job in wave}
    jobs = [job for job in plan.jobs if not chosen or job.name in chosen]
    sweep = _Sweep(machine, jobs, {job.name: 1 if chosen else together[job.name] for job in jobs})
    try:
        while sweep.waiting or sweep.running:
            sweep.turn()
            time.sleep(POLL_S)
    finally:
        stop([run.process for run in sweep.running])
        for run in list(sweep.running):
            sweep.finish(run, stopped=True)
    sweep.check()
