"""The evidence of the motion experiment as a plan: data set x seed x mixing x lambda x correction.

    bash exp_scripts/motion_evidence.sh BVH_DIR

What matters most comes first, and the same command goes on where it was stopped. All arms of a data
set and a seed start from one generation 0 and share prompts and noise, so that they can be compared
in pairs. The runs lie in exp_outputs/<name>/<data set>_seed_<s>/<arm>; `python -m results.motion`
reads them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from domains.motion.experiments import (
    BASELINE,
    FILTER,
    GENERATION_0,
    KINEMATIC,
    NEAREST,
    OUTPUTS,
    RAW,
    REFINED,
    WITH_CORRECTION,
    experiment_named,
)
from domains.motion.experiments import Arm as ExperimentArm
from domains.motion.scripts import arm_command
from loop.sweep.plan import CORES, DEVICE, Job, Plan, Request

NAME = "motion_evidence"
DATASETS = ("cmu_0064", "demo", "cmu_0128")
HEADLINE = (RAW, WITH_CORRECTION, KINEMATIC, BASELINE)
CONTROLS = (REFINED, FILTER, NEAREST)
RATIOS = (0.25, 0.5, 2.0)
"""lambda besides the published 1."""
GAMMAS = (0.3, 1.0, 3.0)
"""Strengths besides 0, which is the raw arm, and infinity, which is the corrected one."""
CHANGES = {
    "guidance": ("--guidance_param", "2.5"),
    "no_ema": ("--ema_decay", "0"),
    "fresh_optimizer": ("--carry_optimizer", "False"),
    "rate": ("--lr", "1.5e-3"),
    "faithful": ("--faithful",),
}
"""What is changed, one at a time -> the trainer's options; the rate is three times the preset's."""
OTHER_MODEL = ("guidance", "no_ema", "faithful")
"""Changes that also change generation 0 or what is measured of it: it is made anew with them."""
OTHER_MEASURES = ("faithful",)
"""Changes whose distances are others, so that they compare among themselves alone."""
CONTROL_SEEDS, LONG = 3, 50
"""Seeds of everything but the headline; generations of its first seed."""


@dataclass(frozen=True)
class EvidenceArm:
    """Which arm of the evidence.

    Attributes:
        dataset: folder in dataset/.
        seed: of the repetition.
        kind: one of `domains.motion.experiments.ARMS`.
        mixing: policy.
        ratio: lambda; without a meaning for the baseline.
        gamma: strength of the correction.
        change: one of `CHANGES`, or nothing.
    """

    dataset: str
    seed: int
    kind: str
    mixing: str = "latest"
    ratio: float = 1.0
    gamma: float = math.inf
    change: str = ""

    @property
    def name(self) -> str:
        """Its folder."""
        if self.kind in (BASELINE, GENERATION_0):
            return "_".join(filter(None, (self.kind, self.change)))
        strength = "" if math.isinf(self.gamma) else f"gamma_{self.gamma:g}"
        parts = (self.kind, self.mixing, f"{self.ratio:g}", strength, self.change)
        return "_".join(filter(None, parts))

    def folder(self, root: Path) -> Path:
        """Return the run directory."""
        return root / f"{self.dataset}_seed_{self.seed}" / self.name

    def start(self) -> EvidenceArm:
        """Return the arm that trains its generation 0."""
        change = self.change if self.change in OTHER_MODEL else ""
        return EvidenceArm(self.dataset, self.seed, GENERATION_0, change=change)

    def command(self, root: Path, preset: str | None, start: Path | None) -> list[str]:
        """Return the trainer's command for this arm; `start`: the generation 0 it starts from."""
        experiment = experiment_named(self.dataset, preset)
        ratio = 0.0 if self.kind in (BASELINE, GENERATION_0) else self.ratio
        arm = ExperimentArm(self.name, ratio, self.kind)
        line = arm_command(experiment, arm, self.folder(root))
        if ratio:
            line += ["--mixing", self.mixing, "--controller", "tracker"]
            line += [] if math.isinf(self.gamma) else ["--gamma", f"{self.gamma:g}"]
        line += [] if start is None else ["--start_from", str(start)]
        line += ["--seed", str(self.seed), *CHANGES.get(self.change, ())]
        return [*line, "--workers", CORES, "--device", DEVICE]


def arms(datasets: tuple[str, ...], seeds: tuple[int, ...]) -> Iterator[EvidenceArm]:
    """Yield every arm, the most telling first: a seed of the headline, then the next one."""
    few = seeds[:CONTROL_SEEDS]
    first, *others = datasets
    for seed in seeds:
        yield from (EvidenceArm(first, seed, kind) for kind in HEADLINE)
    for seed in few:
        yield from (EvidenceArm(first, seed, kind) for kind in CONTROLS)
        yield from (EvidenceArm(first, seed, WITH_CORRECTION, gamma=gamma) for gamma in GAMMAS)
    for dataset in others:
        for seed in few:
            yield from (EvidenceArm(dataset, seed, kind) for kind in HEADLINE)
    for seed in few:
        for kind in HEADLINE[:3]:
            yield EvidenceArm(first, seed, kind, mixing="replace")
            yield from (EvidenceArm(first, seed, kind, ratio=ratio) for ratio in RATIOS)
        yield from (
            EvidenceArm(first, seed, WITH_CORRECTION, mixing="replace", gamma=gamma)
            for gamma in GAMMAS
        )
    for change in CHANGES:
        yield from (EvidenceArm(first, seeds[0], kind, change=change) for kind in HEADLINE[:2])


def far(datasets: tuple[str, ...], seeds: tuple[int, ...]) -> list[EvidenceArm]:
    """List the arms that go on to generation LONG when everything else is done."""
    return [EvidenceArm(datasets[0], seeds[0], kind) for kind in HEADLINE]


def plan(request: Request) -> Plan:
    """Make the plan of exp_outputs/<name>; one core an arm, so that arms share the machine.

    `--arms` chooses data sets, such as `--arms cmu_0064`.

    Raises:
        InvalidOptionError: there is no such preset or data set.
    """
    root = OUTPUTS / request.name
    datasets = request.arms or DATASETS
    preset = request.preset or "evidence"
    last = experiment_named(datasets[0], preset).preset.generations
    last = last if request.generations is None else request.generations
    jobs: dict[str, Job] = {}
    for arm in arms(datasets, request.seeds):
        start = arm.start()
        for one, after in ((start, ()), (arm, (_title(start),))):
            jobs.setdefault(_title(one), _job(one, root, preset, last, after, request))
    if request.generations is None:
        for arm in far(datasets, request.seeds):
            job = _job(arm, root, preset, LONG, (_title(arm),), request)
            jobs[f"{job.name}_long"] = replace(job, name=f"{job.name}_long")
    return Plan(root, tuple(jobs.values()), check=lambda: _require(datasets, preset))


def _job(
    arm: EvidenceArm,
    root: Path,
    preset: str,
    last: int,
    after: tuple[str, ...],
    request: Request,
) -> Job:
    start = arm.start().folder(root) / GENERATION_0 if after else None
    last = last if after else 0
    line = [*arm.command(root, preset, start), "--num_generations", str(last)]
    if arm in far(request.arms or DATASETS, request.seeds):
        # It goes on beyond what all arms reach; without its state it could not.
        line += ["--keep", f"every:{LONG}"]
    return Job(
        name=_title(arm),
        command=[*line, *request.extra],
        log=arm.folder(root).parent / "logs" / f"{arm.name}.log",
        after=after,
        run=arm.folder(root),
        last=last,
        kind=arm.kind,
    )


def _title(arm: EvidenceArm) -> str:
    return f"{arm.dataset}_seed_{arm.seed}_{arm.name}"


def _require(datasets: tuple[str, ...], preset: str) -> None:
    for dataset in datasets:
        experiment_named(dataset, preset).require_dataset()
