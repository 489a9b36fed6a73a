"""The evidence of the MNIST experiment: seeds x mixing x ratio x correction, as a plan.

    python -m loop.sweep run mnist_evidence --experiment results.mnist.plan --seeds 0 1 2 \\
        -- --data_dir DIR

What matters most comes first, and the same command goes on where it was stopped, so it can be
given as many hours as there are. `python exp_scripts/mnist/evidence.py` makes tables and figures of
whatever is there.

The arms lie in exp_outputs/mnist_evidence/seed_<s>/, in folders <mixing>_raw, <mixing>_<correction>
and rate_<lr> (learning rates) but for the baseline; see `ArmKey.folder`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from domains.mnist.presets import MnistPreset, preset_named
from domains.mnist.sweep import OUTPUTS, arm_job
from loop.rundir.layout import BASELINE, FINETUNING, NUMBERED, WITH_CORRECTION, numbered_arm
from loop.sweep.plan import Job, Plan, Request

CORRECTIONS = ("transport", "kmeans", "local_pca", "nearest")
LATER = ("grey_values", "local_convex")
"""Corrections whose arms come after all others."""
MIXINGS = ("replace", "latest")
PUBLISHED_RATE = 2.5e-7
"""lr / (lr_divisor epochs) of the published run."""
RATES = {f"rate_{rate:g}": rate for rate in (PUBLISHED_RATE, 0.0)}
"""Of raw arms, mixing `latest` and lambda = 1, that ask whether the published rate moves anything:
a rate of zero, which leaves the weights as they are, shows what drawing other samples does."""


@dataclass(frozen=True)
class ArmKey:
    """Which arm of the evidence.

    Attributes:
        seed: of the repetition.
        mixing: "replace" or "latest", or one of `RATES`; "" for the baseline.
        correction: its name, "raw" without one, "baseline".
        ratio: lambda; 0 for the baseline.
    """

    seed: int
    mixing: str
    correction: str
    ratio: float

    def folder(self, root: Path, fraction: float) -> Path:
        """Return the run directory."""
        parent = root / f"seed_{self.seed}"
        if self.correction == "baseline":
            return parent / numbered_arm(BASELINE, fraction)
        kind = FINETUNING if self.correction == "raw" else WITH_CORRECTION
        group = self.mixing if self.mixing in RATES else f"{self.mixing}_{self.correction}"
        return parent / group / numbered_arm(kind, self.ratio)


def arms(seeds: tuple[int, ...], ratios: tuple[float, ...]) -> Iterator[ArmKey]:
    """Yield every arm, the most telling first, and all seeds of an arm before the next one."""
    for seed in seeds:
        yield ArmKey(seed, "", "baseline", 0.0)
    for corrections in (("raw", *CORRECTIONS), LATER):
        for ratio in ratios:
            for mixing in MIXINGS:
                for name in corrections:
                    yield from (ArmKey(seed, mixing, name, ratio) for seed in seeds)
    for rate in RATES:
        yield from (ArmKey(seed, rate, "raw", 1.0) for seed in seeds)


def plan(request: Request) -> Plan:
    """Make the plan of exp_outputs/<name>; one thread an arm, so that arms share the cores.

    Raises:
        InvalidOptionError: the preset is unknown, or there is a choice of arms.
    """
    preset = preset_named(request.with_usual_arms().preset or "evidence")
    last = preset.generations if request.generations is None else request.generations
    root = OUTPUTS / request.name
    start = {seed: _generation_0(root, preset, seed, request) for seed in request.seeds}
    made = [
        _arm(root, preset, key, last, request, start[key.seed].name)
        for key in arms(request.seeds, preset.ratios)
    ]
    return Plan(root, (*start.values(), *made))


def _generation_0(root: Path, preset: MnistPreset, seed: int, request: Request) -> Job:
    folder = ArmKey(seed, "", "baseline", 0.0).folder(root, preset.fraction)
    return arm_job(
        folder.parent, BASELINE, preset.fraction, preset, _options(root, seed, request),
        name=f"seed_{seed}_generation_0", last=0, kind="generation_0",
    )  # fmt: skip


def _arm(
    root: Path, preset: MnistPreset, key: ArmKey, last: int, request: Request, start: str
) -> Job:
    folder, options = key.folder(root, preset.fraction), _options(root, key.seed, request)
    if key.correction == "baseline":
        return arm_job(
            folder.parent, BASELINE, preset.fraction, preset, options,
            name=f"seed_{key.seed}_baseline", last=last, after=(start,),
        )  # fmt: skip
    train_type, _, _ = folder.name.rpartition("_")
    generation_0 = ArmKey(key.seed, "", "baseline", 0.0).folder(root, preset.fraction)
    options += ["--start_from", str(generation_0 / NUMBERED.name(0))]
    if key.mixing in RATES:
        return arm_job(
            folder.parent, train_type, key.ratio, preset,
            [*options, "--fine_tune_rate", str(RATES[key.mixing])],
            name=f"seed_{key.seed}_{key.mixing}", last=last, after=(start,), kind="rate",
        )  # fmt: skip
    options += ["--mixing", key.mixing]
    if key.correction != "raw":
        options += ["--correction", key.correction]
    return arm_job(
        folder.parent, train_type, key.ratio, preset, options,
        name=f"seed_{key.seed}_{key.mixing}_{key.ratio}_{key.correction}", last=last,
        after=(start,), kind=f"{key.mixing}_{key.ratio}",
    )  # fmt: skip


def _options(root: Path, seed: int, request: Request) -> list[str]:
    more = ["--precision", "fp32", "--classifier_dir", str(root)]
    return ["--seed", str(seed), *more, *request.extra]
