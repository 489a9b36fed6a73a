"""How far a sweep is: read from the run directories while the arms run, without disturbing them.

Times are those that the arms measured with a monotonic clock; no wall clock is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from loop.rundir.read import ArmRecord, read_arm
from loop.sweep.outcomes import Outcome, outcome_of
from loop.sweep.plan import Job, Plan

STAGES = ("synthesise", "correct", "fit", "evaluate")
"""Of a generation, in the order of `loop.cycle`; a baseline has only the last two."""


@dataclass(frozen=True)
class Progress:
    """How far a job is.

    Attributes:
        job: the job.
        done: its finished generations, ascending.
        current: the generation in progress, None for none.
        stage: what is being done in it: the first stage that is not finished.
        seconds: generation -> what its finished stages took, also of the one in progress.
        outcome: the last attempt of a sweep at it; None where no sweep started it.
    """

    job: Job
    done: tuple[int, ...] = ()
    current: int | None = None
    stage: str = ""
    seconds: Mapping[int, float] = field(default_factory=dict[int, float])
    outcome: Outcome | None = None

    @property
    def finished(self) -> bool:
        """Nothing is left to do."""
        if self.job.run is None:
            return self.outcome is not None and self.outcome.state == "finished"
        return bool(self.done) and self.done[-1] >= self.job.last

    @property
    def state(self) -> str:
        """The state in a word.

        It is waiting, running, stopped (goes on with the next attempt), queued (by Slurm, for it),
        failed, finished, or begun (by hand, so that nobody knows whether it runs).
        """
        if self.finished:
            return "finished"
        if self.outcome is not None:
            # Finished attempt, unfinished arm: it was asked for fewer generations before.
            return "waiting" if self.outcome.state == "finished" else self.outcome.state
        # Nobody keeps record of an arm that a user started by hand.
        return "waiting" if self.current is None else "begun"

    @property
    def pace(self) -> float | None:
        """Mean seconds of its finished generations that it fine-tuned itself; None before."""
        own = [
            self.seconds[g] for g in self.done if g in self.seconds and (g > 0 or not self._tunes)
        ]
        return sum(own) / len(own) if own else None

    @property
    def _tunes(self) -> bool:
        return self.job.last > 0

    def left(self, pace: float | None) -> float | None:
        """Estimate seconds of work left at `pace` seconds a generation; None where nobody knows.

        The unfinished stage of the generation in progress counts as not begun.
        """
        if self.finished or self.job.run is None:
            return 0.0
        if pace is None:
            return None
        missing = self.job.last - (self.done[-1] if self.done else -1)
        spent = self.seconds.get(self.current, 0.0) if self.current is not None else 0.0
        return max(0.0, missing * pace - min(spent, pace))


def progress_of(job: Job) -> Progress:
    """Read how far a job is; whatever is not there, or half written, counts as not there yet."""
    outcome = outcome_of(job)
    if job.run is None:
        return Progress(job, outcome=outcome)
    arm = read_arm(job.run, job.layout)
    stage = "" if arm.current is None else _next_stage(arm, arm.current)
    seconds = {generation: sum(stages.values()) for generation, stages in arm.seconds.items()}
    return Progress(job, arm.generations, arm.current, stage, seconds, outcome)


def _next_stage(arm: ArmRecord, current: int) -> str:
    """Name the first unfinished stage of the generation in progress."""
    whole = [g for g in arm.seconds if (g > 0) == (current > 0) and "evaluate" in arm.seconds[g]]
    known: set[str] = set(arm.seconds[whole[-1]] if whole else ())
    # A first generation has no example: it is a baseline's if it fitted without samples.
    if not known:
        short = current == 0 or ("fit" in arm.stages and "correct" not in arm.stages)
        known = set(STAGES[2:] if short else STAGES)
    return next((stage for stage in STAGES if stage in known - arm.stages), "commit")


def paces(rows: Sequence[Progress]) -> dict[str, float | None]:
    """Estimate seconds a generation of every job: its own, else its kind's mean, else all arms'."""
    measured: dict[str, list[float]] = {}
    for row in rows:
        if row.pace is not None and row.job.last > 0:
            measured.setdefault(row.job.kind, []).append(row.pace)
    everything = [pace for group in measured.values() for pace in group]

    def guess(row: Progress) -> float | None:
        if row.pace is not None or row.job.last == 0:
            return row.pace
        similar = measured.get(row.job.kind, everything)
        return sum(similar) / len(similar) if similar else None

    return {row.job.name: guess(row) for row in rows}


def time_left(plan: Plan, rows: Sequence[Progress], slots: int) -> float | None:
    """Estimate seconds until all is done with `slots` jobs at a time; None where nobody knows yet.

    Jobs start in the order of the plan as soon as a slot is free and what they wait for is done.
    """
    pace = paces(rows)
    left = {row.job.name: row.left(pace[row.job.name]) for row in rows}
    free = [0.0] * max(1, slots)
    ends: dict[str, float] = {}
    for job in plan.jobs:
        need = left[job.name]
        if need is None:
            return None
        start = max((ends[name] for name in (*job.after, *job.after_end)), default=0.0)
        if need > 0:
            slot = min(range(len(free)), key=lambda i: free[i])
            start = max(start, free[slot])
            free[slot] = start + need
        ends[job.name] = start + need
    return max(ends.values(), default=0.0)
