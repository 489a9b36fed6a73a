"""The evidence as tables in Markdown: intervals over seeds, differences between arms in pairs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from domains.motion.experiments import BASELINE, RAW
from eval.metrics.statistics import Interval
from results.markdown import markdown, minus, over_seeds, written
from results.motion.plan import CONTROLS, HEADLINE, EvidenceArm
from results.motion.runs import SECONDS, Curve, Table, at, curves, last_common, late_means

DISTANCES = ("FID_test", "KID_test", "FID kinetic_test", "FID geometric_test")
SHARES = ("Precision_test", "Recall_test", "Density_test", "Coverage_test")
DIVERSITY = ("Diversity_test", "Vendi_test", "Log determinant_test", "Memorisation_test")
TEXT = ("Matching Score_test", "R_precision_test top-3", "R_precision same caption_test top-3")
PHYSICS = (
    *("Penetrate_test", "Float_test", "Skate_test", "Phys-Err_test", "Jitter_test"),
    *("Bone length error_test", "Residual force_correction", "Failed imitations_correction"),
)
GROUPS = {"Distances": DISTANCES, "Neighbours": SHARES, "Diversity": DIVERSITY, "Text": TEXT,
          "Physics (mm; skate mm a frame, jitter mm per frame³, force in body weights)": PHYSICS,
          "Seconds of a generation (by the clock, on shared cores)": (SECONDS,)}  # fmt: skip
TRAIN = {name: name.replace("_test", " train_ground truth") for name in (*DISTANCES, *SHARES)}
LATE = (*DISTANCES, *SHARES, TEXT[0], *PHYSICS[:3])
"""What is averaged over the later generations."""
SETS = (*DISTANCES, *SHARES, "Diversity_test", "Phys-Err_test", "Jitter_test")
"""What is shown of synthetic sets, under the names that it has for a model's draws."""
FLOOR = {name: name.replace("_test", "_ground truth") for name in DISTANCES}
"""Halves of the test set; for FID, which small sets raise, draws of real motions as many as are
compared."""


def title(arm: EvidenceArm) -> str:
    """Name an arm in a table."""
    return arm.name.replace("_", " ")


def arms_of(table: Table, dataset: str) -> list[EvidenceArm]:
    """List the arms of a data set once each, whatever their seeds."""
    found = {replace(arm, seed=0) for arm, _ in table if arm.dataset == dataset}
    return sorted(found, key=lambda arm: arm.name)


def outcome(table: Table, arms: Sequence[EvidenceArm], metrics: Sequence[str]) -> str:
    """Write every arm at the last generation that all its seeds reached; real data beside it."""
    lines = []
    for arm in arms:
        last = last_common([curves(table, arm, metrics[0])])
        for generation in dict.fromkeys((0, last)):
            found = [at(curves(table, arm, metric), generation) for metric in metrics]
            if any(found):
                cells = [cell(over_seeds(values)) for values in found]
                lines.append([title(arm), f"{max(map(len, found))}", f"{generation}", *cells])
    for label, names in (("training to test", TRAIN), ("floor", FLOOR)):
        real = [_real(table, arms, names.get(metric, "")) for metric in metrics]
        if any(real):
            lines.append([f"real: {label}", "", "", *real])
    return markdown(["arm", "seeds", "generation", *map(shown, metrics)], lines)


def before_training(table: Table, dataset: str) -> str:
    """Write what each correction makes of the samples of generation 0, on which 1 trains.

    Also, in pairs, how far it moves them in every distance.
    """
    kinds = [kind for kind in (*HEADLINE[:3], *CONTROLS) if kind != RAW]
    samples = [_of_set(table, EvidenceArm(dataset, 0, RAW), m, "sampled") for m in SETS]
    rows = {"samples, as drawn": samples}
    for kind in kinds:
        arm = EvidenceArm(dataset, 0, kind)
        made, drawn = (
            [_of_set(table, arm, metric, of) for metric in SETS] for of in ("corrected", "sampled")
        )
        moved = [minus(one, other) for one, other in zip(made, drawn, strict=True)]
        rows |= {kind: made, f"{kind} - samples": moved}
    lines = [
        [label, f"{max(map(len, found))}", *(cell(over_seeds(values)) for values in found)]
        for label, found in rows.items()
        if any(found)
    ]
    return markdown(["set", "seeds", *map(shown, SETS)], lines)


def _of_set(table: Table, like: EvidenceArm, metric: str, of: str) -> dict[int, float]:
    name = metric.replace("_test", f"_{of}")
    return {
        arm.seed: row[name]
        for (arm, generation), row in table.items()
        if generation == 1 and replace(arm, seed=like.seed) == like and name in row
    }


def same_but(arm: EvidenceArm, kind: str) -> EvidenceArm:
    """Return the arm of another kind that an arm is compared with."""
    if kind == BASELINE:
        return EvidenceArm(arm.dataset, arm.seed, kind, change=arm.change)
    return replace(arm, kind=kind, gamma=math.inf)


Partner = Callable[[EvidenceArm], EvidenceArm]


def unchanged(arm: EvidenceArm) -> EvidenceArm:
    """Return the arm without the change of an ablation."""
    return replace(arm, change="")


def differences(table: Table, arms: Sequence[EvidenceArm], partner: Partner, name: str) -> str:
    """Write paired differences of arms to their partners; `name`: what the partners are.

    Each is averaged over the later half of the generations that both reached: single ones scatter.
    """
    lines = []
    for arm in arms:
        other = partner(arm)
        later = _later(table, arm, other)
        pairs = [paired(table, arm, other, metric, later) for metric in LATE]
        if arm != other and later and pairs[0]:
            lines.append(_line(arm, later, pairs))
    return _late_table(f"minus {name}", lines)


def late(table: Table, arms: Sequence[EvidenceArm]) -> str:
    """Write the means of the later half of the generations, over the seeds that reached the end."""
    lines = []
    for arm in arms:
        later = _later(table, arm)
        found = [late_means(curves(table, arm, metric), later) for metric in LATE]
        if found[0]:
            lines.append(_line(arm, later, found))
    return _late_table("arm", lines)


def _later(table: Table, *arms: EvidenceArm) -> range:
    last = last_common([curves(table, arm, LATE[0]) for arm in arms])
    return range(last // 2 + 1, last + 1)


def _line(arm: EvidenceArm, later: range, found: Sequence[Mapping[int, float]]) -> list[str]:
    which = f"{later[0]} to {later[-1]}" if len(later) > 1 else f"{later[-1]}"
    cells = [cell(over_seeds(values)) for values in found]
    return [title(arm), f"{len(found[0])}", which, *cells]


def _late_table(first: str, lines: Sequence[Sequence[str]]) -> str:
    return markdown([first, "seeds", "generations", *map(shown, LATE)], lines)


def paired(
    table: Table, arm: EvidenceArm, other: EvidenceArm, metric: str, generations: Sequence[int]
) -> dict[int, float]:
    """Return seed -> mean difference, of the seeds that have all generations of both arms."""
    one, two = (late_means(curves(table, each, metric), generations) for each in (arm, other))
    return minus(one, two)


COURSES: dict[str, Callable[[Curve], float]] = {
    "slope of log10 a generation": Curve.slope_of_log,
    "area under the curve / length": Curve.mean_height,
}


def courses(table: Table, arms: Sequence[EvidenceArm], metric: str) -> str:
    """Write how a distance moves: slope of its logarithm, area under its curve, and doubling.

    The first two also minus those of the raw arm like it, up to the last generation of both.
    """
    lines = []
    for arm in arms:
        found, raw = (curves(table, one, metric) for one in (arm, same_but(arm, RAW)))
        last = last_common([found, raw])
        found, raw = (
            {s: c.until(last) for s, c in some.items() if c.generations[-1] >= last}
            for some in (found, raw)
        )
        if not found:
            continue
        cells: list[str] = []
        for measure in COURSES.values():
            ours, theirs = ({s: measure(c) for s, c in some.items()} for some in (found, raw))
            both = cell(over_seeds(minus(ours, theirs))) if arm.kind != RAW else ""
            cells += [cell(over_seeds(ours)), both]
        doubled = [curve.doubling() for curve in found.values()]
        when = ", ".join("never" if math.isinf(g) else f"{g:.0f}" for g in doubled)
        lines.append([title(arm), f"{len(found)}", f"{last}", *cells, when])
    titles = [title for name in COURSES for title in (name, "minus raw")]
    return markdown(["arm", "seeds", "until", *titles, "doubles in generation"], lines)


def cell(found: Interval | None) -> str:
    """Write a mean and half the width of its interval."""
    if found is None:
        return ""
    return written(found, max(0, 2 - math.floor(math.log10(max(abs(found.value), 1e-3)))))


def shown(metric: str) -> str:
    """Name a metric in a heading."""
    return metric.replace("_test", "").replace("_correction", "")


def _real(table: Table, arms: Sequence[EvidenceArm], name: str) -> str:
    kinds = {replace(arm, seed=0) for arm in arms}
    found = {
        arm.seed: row[name]
        for (arm, generation), row in table.items()
        if generation == 0 and replace(arm, seed=0) in kinds and name in row
    }
    return cell(over_seeds(found))
