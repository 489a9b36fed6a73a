"""Run the jobs of a plan side by side on this machine; each to its own end, whatever fails."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import datetime
from graphlib import TopologicalSorter
from shlex import join

from filelock import FileLock, Timeout

from loop.errors import JobFailedError, RunLockedError
from loop.rundir.files import make_folder, prepare_file, storage
from loop.sweep.machine import Machine, Share
from loop.sweep.outcomes import note
from loop.sweep.plan import Job, Plan
from loop.sweep.status import progress_of, time_left
from loop.sweep.status_table import duration

logger = logging.getLogger("scsc.loop")

POLL_S = 0.2
TELL_S = 15.0
"""How often it says how far all of it is."""
HEAD = "--- "
"""How the first line of an attempt begins in a log."""
PATIENCE_S = 20.0
"""How long an interrupted job may take to put its work away before it is killed."""


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
    prepare_file(job.log)
    with storage(job.log), job.log.open("ab") as log:
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


def stop(processes: Collection[subprocess.Popen[bytes]]) -> None:
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
    """Put an exit status in words."""
    if status == -signal.SIGKILL:
        return "killed by signal 9 (when nobody did it, the memory was full)"
    return f"killed by signal {-status}" if status < 0 else f"exit status {status}"


def _follow(job: Job, process: subprocess.Popen[bytes], position: int) -> int:
    """Pass on what a job adds to its log after `position`, until it ends; return its status."""
    while True:
        status = process.poll()
        position = _show(job, position, everything=status is not None)
        if status is not None:
            return status
        time.sleep(POLL_S)


def _show(job: Job, position: int, everything: bool) -> int:
    """Print new lines of a log, each under the name of its job; return how far they reach."""
    try:
        with job.log.open("rb") as log:
            log.seek(position)
            new = log.read()
    except FileNotFoundError:
        return position  # somebody removed it; the job itself goes on
    whole = len(new) if everything else new.rfind(b"\n") + 1
    lines = [line for line in new[:whole].decode(errors="replace").split("\n") if line]
    shown = [line.rsplit("\r", 1)[-1] for line in lines if not line.startswith(HEAD)]
    with suppress(OSError):  # the terminal is gone; the log has it all
        sys.stderr.write("".join(f"{job.title} | {line}\n" for line in shown))
        sys.stderr.flush()
    return position + whole


class _Sweep:
    """The jobs of a plan on the slots of a machine.

    Args:
        jobs: by name, in the order in which they should start.
        together: name -> how many jobs can run at the same time as this one.
        machine: what they may use.
        plan: that they are all the jobs of; None for a part of one, whose rest is not estimated.
    """

    def __init__(
        self,
        jobs: dict[str, Job],
        together: dict[str, int],
        machine: Machine,
        plan: Plan | None = None,
    ) -> None:
        self._jobs, self._together, self._machine, self._plan = jobs, together, machine, plan
        self._told = time.monotonic()
        self._order = TopologicalSorter(
            {name: jobs.keys() & {*job.after, *job.after_end} for name, job in jobs.items()}
        )
        self._ready: list[Job] = []
        self._running: dict[Future[int], tuple[Job, int, subprocess.Popen[bytes]]] = {}
        self._faults: dict[str, str] = {}

    def run(self) -> None:
        """Run all jobs; when interrupted, stop those that run, and wait for them.

        Raises:
            JobFailedError: names every job that did not come to its end.
        """
        self._order.prepare()
        with ThreadPoolExecutor(self._machine.slots) as pool:
            try:
                while self._order.is_active():
                    ready = {job.name for job in self._ready} | {*self._order.get_ready()}
                    self._ready = [job for name, job in self._jobs.items() if name in ready]
                    self._start(pool)
                    ended = wait(self._running, TELL_S, return_when=FIRST_COMPLETED).done
                    for future in ended:
                        self._finish(future)
                    self._tell()
            finally:
                stop([process for _, _, process in self._running.values()])
                for future in list(self._running):
                    self._finish(future, stopped=True)
        if self._faults:
            lines = [f"\n    {self._jobs[name].title}: {why}" for name, why in self._faults.items()]
            raise JobFailedError(
                "not every job came to its end; the others did",
                found="".join(lines),
                remedy="mend what the logs name and repeat the command; finished work is kept",
            )

    def _start(self, pool: ThreadPoolExecutor) -> None:
        """Fill the free slots, and leave out what needs a job that failed."""
        free = sorted(set(range(self._machine.slots)) - {s for _, s, _ in self._running.values()})
        for job in list(self._ready):
            if self._faults.keys() & set(job.after):
                self._faults[job.name] = "not started"
                self._order.done(job.name)
            elif free:
                slot = free.pop(0)
                position = job.log.stat().st_size if job.log.exists() else 0
                process = start(job, self._machine.share(slot, self._together[job.name]))
                self._running[pool.submit(_follow, job, process, position)] = job, slot, process
                note(job, process)
            else:
                continue
            self._ready.remove(job)

    def _tell(self) -> None:
        """Say how far the plan is and how long the rest takes, at most every TELL_S."""
        if self._plan is None or time.monotonic() - self._told < TELL_S:
            return
        self._told = time.monotonic()
        rows = [progress_of(job) for job in self._plan.jobs]
        arms = [row for row in rows if row.job.run is not None]
        done = sum(min(len(row.done), row.job.last + 1) for row in arms)
        left = time_left(self._plan, rows, self._machine.slots)
        rest = "the first one tells how long the rest takes"
        logger.info(
            "%d of %d generations done; %s",
            done, sum(row.job.last + 1 for row in arms),
            rest if left is None else f"about {duration(left)} left",
        )  # fmt: skip

    def _finish(self, future: Future[int], stopped: bool = False) -> None:
        status = future.result()
        job, _, process = self._running.pop(future)
        state = note(job, process, status, stopped).state
        if state != "finished":
            self._faults[job.name] = f"{explain(status)}, see {job.log}"
            text = "%s %s (%s); its log is %s"
            logger.error(text, job.title, state, explain(status), job.log)
        self._order.done(job.name)


def run_plan(plan: Plan, machine: Machine, only: Collection[str] = ()) -> None:
    """Run the jobs of a plan, as many at a time as the machine has slots.

    A job starts once those have ended that it waits for, and not at all where one had to succeed
    and did not; the others go on. On Ctrl-C the running ones are asked to end, and waited for.

    Args:
        plan: the jobs.
        machine: what they may use.
        only: names of jobs to run, whether or not what they wait for was run here; () for all. They
            share the cores among themselves.

    Raises:
        JobFailedError: not every job succeeded; raised when all that could be done is done.
        InvalidOptionError: no job has a name in `only`.
        RunLockedError: another process is running this plan, and not only some of its jobs.
        StorageError: a log cannot be written.
    """
    if only:
        named = {plan.job(name).name for name in only}
        chosen = {job.name: job for job in plan.jobs if job.name in named}
        waves = [[job for job in wave if job.name in named] for wave in plan.waves()]
        _Sweep(chosen, {job.name: len(wave) for wave in waves for job in wave}, machine).run()
        return
    together = {job.name: len(wave) for wave in plan.waves() for job in wave}
    make_folder(plan.folder)
    try:
        with FileLock(plan.folder / ".sweep.lock", timeout=0):
            _Sweep({job.name: job for job in plan.jobs}, together, machine, plan).run()
    except Timeout as error:
        raise RunLockedError(
            "another process is running this experiment",
            path=plan.folder,
            remedy=f"wait for it or stop it; `{plan.status}` tells how far it is",
        ) from error
