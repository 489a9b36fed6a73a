"""The MNIST experiment as a plan: generation 0, the published arms, graphs.

`python -m loop.sweep run mnist --experiment domains.mnist.sweep` finds it here.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from domains.mnist.arguments import WITH_CORRECTION
from domains.mnist.presets import MnistPreset, preset_named
from loop.rundir.layout import NUMBERED
from loop.sweep.plan import DEVICE, Job, Plan, Request

SCRIPTS = Path("exp_scripts/mnist")
OUTPUTS = Path("exp_outputs")


def plan(request: Request) -> Plan:
    """Plan exp_outputs/<name>: every ratio of the preset, raw and corrected.

    Raises:
        InvalidOptionError: the preset is unknown, or there is a choice of arms.
    """
    preset = preset_named(request.with_usual_arms().preset or "published")
    last = preset.generations if request.generations is None else request.generations
    several = len(request.seeds) > 1
    folder = OUTPUTS / request.name
    jobs: list[Job] = []
    for seed in request.seeds:
        parent = folder / f"seed_{seed}" if several else folder
        jobs += _repetition(parent, preset, seed, last, request, f"seed_{seed}_" if several else "")
    parents = sorted({str(job.run.parent) for job in jobs if job.run is not None})
    graphs = Job(
        name="graphs",
        command=[
            *(sys.executable, str(SCRIPTS / "generate_graphs.py"), *parents),
            *("--out", str(folder / "graphs")),
        ],
        log=folder / "logs" / "graphs.log",
        after_end=tuple(job.name for job in jobs),
    )
    return Plan(folder, (*jobs, graphs), folder / "graphs")


def arm_job(
    parent: Path,
    train_type: str,
    number: float,
    preset: MnistPreset,
    options: Sequence[str],
    *,
    name: str,
    last: int,
    after: tuple[str, ...] = (),
    kind: str = "",
) -> Job:
    """Return the job that makes an arm, or goes on with it.

    Args:
        parent: folder of arms.
        train_type: as published.
        number: lambda, or the fraction of a baseline: the arm's folder is called by it.
        preset: row of the table.
        options: more of them.
        name, last, after, kind: of the job.
    """
    command = [sys.executable, str(SCRIPTS / "self_consuming_ddpm_mini.py")]
    command += ["--train_type", train_type, "--preset", preset.name]
    command += ["--save_dir_parent", str(parent), "--num_generations", str(last)]
    if not train_type.startswith("baseline"):
        command += ["--synth_aug_percent", str(number)]
    return Job(
        name=name,
        command=[*command, "--device", DEVICE, *options],
        log=parent / "logs" / f"{name}.log",
        after=after,
        run=parent / f"{train_type}_{number}",
        last=last,
        kind=kind or train_type,
        layout=NUMBERED,
    )


def _repetition(
    parent: Path, preset: MnistPreset, seed: int, last: int, request: Request, prefix: str
) -> list[Job]:
    options = ["--seed", str(seed), *request.extra]
    start = arm_job(
        parent, "baseline", preset.fraction, preset, options,
        name=f"{prefix}generation_0", last=0, kind="generation_0",
    )  # fmt: skip
    arms = [
        arm_job(
            parent, train_type, ratio, preset, options,
            name=f"{prefix}{train_type}_{ratio}", last=last, after=(start.name,),
        )
        for ratio in sorted(preset.ratios, reverse=True)  # the longest first
        for train_type in (WITH_CORRECTION, "iterative_finetuning")
    ]  # fmt: skip
    baseline = arm_job(
        parent, "baseline", preset.fraction, preset, options,
        name=f"{prefix}baseline", last=last, after=(start.name,),
    )  # fmt: skip
    return [start, *arms, baseline]
