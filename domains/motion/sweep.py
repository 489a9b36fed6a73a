"""The motion experiment as a plan: generation 0, the published arms, graphs.

`python -m loop.sweep run 0064` finds it here.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from domains.motion.experiments import (
    BASELINE,
    FILTER,
    GENERATION_0,
    KINEMATIC,
    PUBLISHED_ARMS,
    REFINED,
    WITH_CORRECTION,
    Arm,
    Experiment,
    experiment_named,
)
from domains.motion.scripts import arm_command
from loop.sweep.plan import CORES, DEVICE, Job, Plan, Request


def plan(request: Request) -> Plan:
    """Plan an experiment by its name.

    Raises:
        InvalidOptionError: the name, the preset or a kind of arm is unknown.
    """
    return motion_plan(experiment_named(request.name, request.preset), request)


def motion_plan(experiment: Experiment, request: Request) -> Plan:
    """Plan an experiment; with several seeds one repetition each, and graphs over all."""
    several = len(request.seeds) > 1
    # The usual seed alone has the experiment's own folder, as when arms are run by hand.
    apart = several or request.seeds != Request(experiment.name).seeds
    repetitions = [
        (seed, experiment.with_seed(seed) if apart else experiment) for seed in request.seeds
    ]
    starts = [_generation_0(one, seed, request) for seed, one in repetitions]
    arms = [
        _arm(one, arm, seed, request, start.name)
        for start, (seed, one) in zip(starts, repetitions, strict=True)
        for arm in _longest_first(experiment.arms(request.arms or PUBLISHED_ARMS))
    ]
    folder = repetitions[0][1].runs
    if several:
        folder = experiment.runs.with_name(f"{experiment.runs.name}_aggregated")
    graphs = Job(
        name="graphs",
        command=[
            *(sys.executable, "-m", "visualize.curves.graphs"),
            *(str(one.runs) for _, one in repetitions),
            *("--out", str(folder / "graphs")),
        ],
        log=folder / "logs" / "graphs.log",
        after=tuple(job.name for job in starts),
        after_end=tuple(job.name for job in arms),
    )
    return Plan(folder, (*starts, *arms, graphs), folder / "graphs", experiment.require_dataset)


def _longest_first(arms: Sequence[Arm]) -> list[Arm]:
    """Sort arms: with physics, then the baseline, then others; so the slots run empty together."""
    order = (WITH_CORRECTION, FILTER, REFINED, KINEMATIC, BASELINE)
    return sorted(arms, key=lambda arm: (*order, arm.kind).index(arm.kind))


def _generation_0(experiment: Experiment, seed: int, request: Request) -> Job:
    options = experiment.generation_0_options()
    return _job(experiment, Arm(GENERATION_0), seed, request, options, label="generation 0")


def _arm(experiment: Experiment, arm: Arm, seed: int, request: Request, start: str) -> Job:
    last = experiment.preset.generations if request.generations is None else request.generations
    options = ["--start_from", str(experiment.generation_0), "--num_generations", str(last)]
    label = BASELINE if arm.kind == BASELINE else f"{round(100 * arm.ratio)} % {arm.kind}"
    return _job(experiment, arm, seed, request, options, label, (start,), last, arm.kind)


def _job(
    experiment: Experiment,
    arm: Arm,
    seed: int,
    request: Request,
    options: Sequence[str],
    label: str,
    after: tuple[str, ...] = (),
    last: int = 0,
    kind: str = GENERATION_0,
) -> Job:
    run: Path = experiment.runs / arm.name
    share = ["--seed", str(seed), "--workers", CORES, "--device", DEVICE]
    several = len(request.seeds) > 1
    line = [*arm_command(experiment, arm), *options, *share, *request.extra]
    if request.processes > 1:
        together = ["--standalone", "--nproc_per_node", str(request.processes)]
        line = [line[0], "-m", "torch.distributed.run", *together, *line[1:]]
    return Job(
        name=f"seed_{seed}_{arm.name}" if several else arm.name,
        command=line,
        log=experiment.runs / "logs" / f"{arm.name}.log",
        label=f"{label}, seed {seed}" if several else label,
        after=after,
        run=run,
        last=last,
        kind=kind,
        processes=request.processes,
    )
