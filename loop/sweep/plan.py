"""What a sweep consists of: jobs, what each of them waits for, and who makes the plan.

An experiment is a module with a function `plan(request: Request) -> Plan`; the sweep finds it by
name, so `loop` knows no experiment.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path

from loop.errors import InvalidOptionError
from loop.registry import is_missing, is_module_name
from loop.rng import check_seed
from loop.rundir.layout import Layout

CORES, DEVICE = "{cores}", "{device}"
"""Words of a command that are filled in where the job runs: its share of the cores; cpu or cuda."""


@dataclass(frozen=True)
class Request:
    """What a user asks for.

    Attributes:
        name: of the experiment, such as 0064.
        seeds: one repetition for each.
        preset: row of the experiment's table of numbers; None for the one that belongs to `name`.
        generations: last generation of every arm; None for the preset's.
        processes: that make one arm together, with a GPU each where there are GPUs.
        extra: further options, handed to every arm as they are.
        arms: kinds of arms to plan, where the experiment has a choice; none: its usual ones.
    """

    name: str
    seeds: tuple[int, ...] = (42,)
    preset: str | None = None
    generations: int | None = None
    processes: int = 1
    extra: tuple[str, ...] = ()
    arms: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise InvalidOptionError(
                "seeds have to be different, and at least one", found=f"--seeds {self.seeds}"
            )
        if self.processes < 1:
            raise InvalidOptionError("an arm needs a process", found=f"{self.processes}")
        for seed in self.seeds:
            check_seed(seed)
        if self.generations is not None and self.generations < 0:
            raise InvalidOptionError(
                "an arm has no fewer generations than generation 0 alone",
                found=f"--generations {self.generations}",
                expected="0 or more; without --generations as many as the preset says",
            )

    def with_usual_arms(self) -> Request:
        """Return this request, for an experiment that has no choice of arms.

        Raises:
            InvalidOptionError: a choice is asked for.
        """
        if self.arms:
            raise InvalidOptionError(
                "this experiment has no choice of arms",
                found=f"--arms {' '.join(self.arms)}",
                remedy="leave --arms out; --only runs some of the jobs",
            )
        return self


@dataclass(frozen=True)
class Job:
    """A command that makes all generations of an arm, or something out of several arms.

    Attributes:
        name: unique in the plan, and good as a file name.
        command: program and arguments; may contain the words CORES and DEVICE.
        log: file that its output is appended to.
        label: what tables and lines on a terminal call it; default: its name.
        after: names of jobs that must have succeeded.
        after_end: names of jobs that must have ended, well or not.
        run: run directory of the arm; None for a job that is none.
        last: last generation of the arm.
        kind: arms of one kind take about as long as each other.
        layout: how the run directory names its generations.
        processes: that its command starts; they share the cores of the job.
    """

    name: str
    command: Sequence[str]
    log: Path
    label: str = ""
    after: tuple[str, ...] = ()
    after_end: tuple[str, ...] = ()
    run: Path | None = None
    last: int = 0
    kind: str = ""
    layout: Layout = field(default_factory=Layout)
    processes: int = 1

    @property
    def title(self) -> str:
        """Its label, else its name."""
        return self.label or self.name

    def command_on(self, cores: int, device: str) -> list[str]:
        """Return the command with its share of a machine filled in."""
        words = {CORES: str(cores), DEVICE: device}
        return [words.get(part, part) for part in self.command]


@dataclass(frozen=True)
class Plan:
    """Jobs, each after the ones that it waits for.

    Attributes:
        folder: of the experiment; what belongs to no job goes there.
        jobs: in the order in which they should start.
        out: where a user finds what comes last.
        check: raises an error of ours where something is missing that the jobs need.
        status: command that tells how far it is.
    """

    folder: Path
    jobs: tuple[Job, ...]
    out: Path | None = None
    check: Callable[[], None] = lambda: None
    status: str = "python -m loop.sweep status --help"

    def __post_init__(self) -> None:
        known: set[str] = set()
        for job in self.jobs:
            missing = {*job.after, *job.after_end} - known
            if missing or job.name in known:
                raise ValueError(f"job {job.name}: listed twice, or before {sorted(missing)}")
            known.add(job.name)

    def job(self, name: str) -> Job:
        """Find the job of that name.

        Raises:
            InvalidOptionError: there is none.
        """
        found = {job.name: job for job in self.jobs}
        if name in found:
            return found[name]
        raise InvalidOptionError(
            "no job of that name in this plan", found=name, expected=" | ".join(found)
        )

    def waves(self) -> list[list[Job]]:
        """Group the jobs by how many others they have to wait for, one after the other."""
        order = TopologicalSorter({job.name: (*job.after, *job.after_end) for job in self.jobs})
        order.prepare()
        waves: list[list[Job]] = []
        while order.is_active():
            names = order.get_ready()
            waves.append([job for job in self.jobs if job.name in names])
            order.done(*names)
        return waves


def planner_of(experiment: str) -> Callable[[Request], Plan]:
    """Import the function `plan` of a module such as `domains.motion.sweep`.

    Raises:
        InvalidOptionError: there is no such module, or it has no plan.
    """
    unknown = InvalidOptionError(
        "no module of that name",
        found=f"--experiment {experiment or repr(experiment)}",
        expected="such as domains.motion.sweep",
    )
    if not is_module_name(experiment):
        raise unknown
    try:
        module = importlib.import_module(experiment)
    except ModuleNotFoundError as error:
        if not is_missing(experiment, error):
            raise
        raise unknown from error
    plan = getattr(module, "plan", None)
    if plan is None:
        raise InvalidOptionError(
            "this module plans no sweep",
            found=experiment,
            expected="a function plan(request: loop.sweep.plan.Request) -> loop.sweep.plan.Plan",
        )
    return plan
