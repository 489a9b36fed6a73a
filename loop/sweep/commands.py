"""A whole experiment: generation 0, then its arms side by side, then graphs.

    python -m loop.sweep run 0064                  # on this machine; Ctrl-C, and repeat to go on
    python -m loop.sweep run 0064 --cluster slurm  # the same plan as Slurm jobs
    python -m loop.sweep status 0064               # how far it is

What an experiment consists of, its module says (`--experiment`, default domains.motion.sweep).
Options after `--` go to every arm: `python -m loop.sweep run 0064 -- --faithful`.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from shlex import join
from typing import Annotated, Literal, cast

import tyro
from rich.console import Console
from tyro.conf import OmitArgPrefixes, Positional, subcommand

from loop.cli import command
from loop.errors import InvalidOptionError
from loop.sweep import machine
from loop.sweep.local import run_plan
from loop.sweep.machine import Machine, Share
from loop.sweep.plan import Plan, Request, planner_of
from loop.sweep.slurm import Cluster, submit
from loop.sweep.status import progress_of
from loop.sweep.status_table import tables

logger = logging.getLogger("scsc.loop")
LAST = "--num_generations"
"""How trainers call `--generations`."""


def _last_generation(asked: int | None, extra: Sequence[str]) -> tuple[int | None, tuple[str, ...]]:
    """Take --num_generations out of the options for every arm: generation 0 has none after it.

    Trainers understand dashes in its name, too.
    """
    words: list[str] = []
    for word in extra:
        name, *value = word.split("=", 1)
        words += [LAST, *value] if name.replace("_", "-") == LAST.replace("_", "-") else [word]
    if LAST not in words:
        return asked, tuple(extra)
    place = words.index(LAST)
    said = "".join(words[place + 1 : place + 2])
    if not said.isdigit() or asked not in (None, int(said)):
        raise InvalidOptionError(
            "not the last generation of these arms",
            found=f"{LAST} {said}" + f" behind --generations {asked}" * (asked is not None),
            expected="one number from 0",
        )
    return int(said), (*words[:place], *words[place + 2 :])


@dataclass(frozen=True)
class Names:
    """List the jobs, for scripts: in one line those that can run at the same time."""

    name: Positional[str]
    """of the experiment, such as 0064, demo, or a folder in dataset/"""
    seeds: tuple[int, ...] = (42,)
    """one repetition for each; graphs show their mean and its 95 % interval"""
    experiment: str = "domains.motion.sweep"
    """module that plans it"""
    preset: str | None = None
    """row of its table of numbers; default: the one that belongs to the name"""
    generations: int | None = None
    """last generation of every arm; default: the preset's"""
    arms: tuple[str, ...] = ()
    """kinds of arms, of motion: baseline raw corrected (published, the default) kinematic refined
    filter nearest (controls)"""
    processes: int = 1
    """processes that make one arm together (torchrun), with a GPU each where there are GPUs"""

    def plan(self, extra: Sequence[str] = ()) -> Plan:
        """Plan the experiment, with options for every arm.

        Raises:
            InvalidOptionError: no such experiment, or numbers that nothing can be planned with.
        """
        generations, others = _last_generation(self.generations, extra)
        given = (self.name, self.seeds, self.preset, generations, self.processes)
        plan = planner_of(self.experiment)(Request(*given, others, self.arms))
        return replace(plan, status=self.status())

    def status(self) -> str:
        """Return the command that tells how far this experiment is."""
        words = ["python", "-m", "loop.sweep", "status", self.name]
        for option in fields(Names)[1:]:
            value: object = getattr(self, option.name)
            if value != option.default:
                several = isinstance(value, tuple)
                words += [
                    f"--{option.name}",
                    *map(str, cast(tuple[object, ...], value) if several else (value,)),
                ]
        return join(words)

    def do(self, plan: Plan) -> None:
        """Print the names."""
        for wave in plan.waves():
            sys.stdout.write(" ".join(job.name for job in wave) + "\n")


@dataclass(frozen=True)
class Status(Names):
    """Show how far an experiment is, also while it runs; name it as you named it to `run`."""

    slots: int | None = None
    """arms at a time, for the estimate; default: as in `run`"""
    times: bool = False
    """also list the seconds of every generation"""

    def do(self, plan: Plan) -> None:
        """Print the tables."""
        rows = [progress_of(job) for job in plan.jobs]
        # A file or a pipe has no width of its own: do not fold there.
        console = Console(width=None if sys.stdout.isatty() else 200)
        slots = machine_for(plan, self.slots, processes=self.processes).slots
        console.print(tables(plan, rows, slots, self.times))


@dataclass(frozen=True)
class Run(Names):
    """Run an experiment, or go on with it; finished work is never done twice."""

    slots: int | None = None
    """arms at a time; default: one on each GPU, else one on each core"""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """what networks run on; auto: a GPU where there is one"""
    only: tuple[str, ...] = ()
    """run only these jobs of the plan (`names` lists them)"""
    dry_run: bool = False
    """print the plan and do nothing"""
    cluster: Literal["slurm"] | None = None
    """slurm: submit the plan and return; what each job asks for stands below"""
    resources: OmitArgPrefixes[Cluster] = field(default_factory=Cluster)

    def do(self, plan: Plan) -> None:
        """Run, submit or print the plan."""
        if self.cluster == "slurm":
            self._submit(plan, self.resources.for_processes(self.processes))
            return
        able = machine_for(plan, self.slots, self.device, self.processes)
        if self.dry_run:
            _print_plan(plan, able.share, able.slots)
            return
        plan.check()
        run_plan(plan, able, self.only)
        logger.info("finished; look at %s", plan.out or plan.folder)

    def _submit(self, plan: Plan, cluster: Cluster) -> None:
        if self.dry_run:
            _print_plan(plan, lambda slot, together: cluster.share, cluster.at_once)
            return
        plan.check()
        for name, slurm in submit(plan, cluster).items():
            logger.info("%s: Slurm job %s", name, slurm)
        logger.info("submitted; `squeue` and `%s` tell how far it is", plan.status)


def machine_for(
    plan: Plan, slots: int | None = None, device: str = "auto", processes: int = 1
) -> Machine:
    """Describe this machine: slots for all GPUs, else all cores, but not more than are of use.

    Raises:
        InvalidOptionError: it has not enough GPUs for the processes of one job, or `slots` is less
            than 1.
    """
    if slots is not None and slots < 1:
        raise InvalidOptionError(
            "no arm could run",
            found=f"--slots {slots}",
            expected="1 or more; without --slots one on each GPU, else one on each core",
        )
    cores = machine.cores()
    gpus = machine.gpus() if device != "cpu" else ()
    if device == "auto":
        device = "cuda" if gpus else "cpu"
    widest = max(len(wave) for wave in plan.waves())
    if 0 < len(gpus) < processes:
        raise InvalidOptionError(
            "not enough GPUs", found=f"{len(gpus)} for {processes} processes of one arm"
        )
    room = (len(gpus) or cores) // processes
    return Machine(slots or max(1, min(widest, room)), cores, gpus, device, processes)


def _print_plan(plan: Plan, share_of: Callable[[int, int], Share], slots: int) -> None:
    lines: list[str] = []
    for wave in plan.waves():
        share = share_of(0, len(wave))
        lines.append(f"# {len(wave)} job(s), {min(slots, len(wave))} at a time:")
        for job in wave:
            lines += [f"#   {job.name}", join(job.command_on(share.cores, share.device))]
    sys.stdout.write("\n".join(lines) + "\n")


Choice = (
    Annotated[Run, subcommand("run")]
    | Annotated[Status, subcommand("status")]
    | Annotated[Names, subcommand("names")]
)


def main() -> None:
    """Parse the command line and run the command."""
    words, extra = sys.argv[1:], []
    if "--" in words:
        place = words.index("--")
        words, extra = words[:place], words[place + 1 :]
    choice = tyro.cli(Choice, prog="python -m loop.sweep", args=words)
    with command(interrupted="stopped; finished work is kept, the same command goes on"):
        choice.do(choice.plan(extra))


if __name__ == "__main__":
    main()
