"""What can the metrics see? `python -m eval.sensitivity --dataset DIR [--out FILE.md]`.

The test motions of a data set are split in halves; one half is made worse by a known amount
(`eval.metrics.doses`) and compared with the other, over several splits. A number that passes the
95 % band of real half against real half is marked with a star.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dataset.humanml3d import MotionItem, MotionSet, load_split
from dataset.split_distance import split_distance
from domains.motion.distances import (
    HEADLINE,
    PHYS_ERR,
    SHARES,
    SPREADS,
    MotionReference,
    MotionTable,
)
from eval.metrics.doses import CORRUPTIONS, dropped_modes
from loop.cli import command
from loop.errors import InvalidSamplesError
from loop.progress import setup_logging, track
from loop.rundir.files import prepare_file, write_bytes
from translation.humanml import (
    face_forward,
    joints_to_vectors,
    start_at_origin,
    vectors_to_joints,
)

if TYPE_CHECKING:  # which loads torch
    from domains.motion.evaluator.protocol import Evaluator

COLUMNS = (*HEADLINE, *SHARES, *SPREADS, PHYS_ERR)
LOW_IS_BAD = (*SHARES, *SPREADS)
DROPPED, DROPPED_DOSES = "modes dropped", (0.25, 0.5, 0.75)
DROPPED_SEEN = 1

FEWEST = 24

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Row:
    """One corruption at one dose.

    Attributes:
        name, dose, unit: of the corruption.
        values: mean over the splits of each column.
        passed: columns that are outside the band of real motions.
        seen: a person sees a corruption of this dose.
    """

    name: str
    dose: float
    unit: str
    values: Mapping[str, float]
    passed: frozenset[str]
    seen: bool

    def cells(self) -> list[str]:
        """Return name, dose and every column, with a star where it has passed."""
        numbers = (
            f"{self.values[column]:.3g}" + "*" * (column in self.passed) for column in COLUMNS
        )
        return [self.name, f"{self.dose:g} {self.unit}" + " (seen)" * self.seen, *numbers]


@dataclass(frozen=True)
class Sensitivity:
    """What `measure` found.

    Attributes:
        floor: low end, median and high end of every column for half of the test motions against
            the other.
        train: mean of every column for the training motions against such halves.
        rows: in the order of the doses.
    """

    floor: Mapping[str, tuple[float, float, float]]
    train: Mapping[str, float]
    rows: Sequence[Row]

    def blind(self, column: str) -> list[str]:
        """List corruptions that a person sees and this column does not."""
        return [row.name for row in self.rows if row.seen and column not in row.passed]

    def falling(self, column: str) -> list[str]:
        """List corruptions whose largest dose does not read worst in this column, beyond 5 %."""
        sign = -1 if column in LOW_IS_BAD else 1
        by_name: dict[str, list[float]] = {}
        for row in self.rows:
            by_name.setdefault(row.name, []).append(sign * row.values[column])
        return [n for n, v in by_name.items() if v[-1] < max(v) - 0.05 * abs(max(v))]


def measure(
    train: MotionSet, test: MotionSet, evaluator: Evaluator, splits: int = 10
) -> Sensitivity:
    """Compare corrupted halves of the test motions, and the training motions, with other halves.

    Raises:
        InvalidSamplesError: fewer than FEWEST test motions.
    """
    if len(test.items) < FEWEST:
        raise InvalidSamplesError(
            "sensitivity needs a larger test split",
            found=f"{len(test.items)} motions in {test.root}",
            expected=f"at least {FEWEST}",
        )
    ids = [item.id for item in test.items]
    joints = [vectors_to_joints(item.vectors).astype(np.float64) for item in test.items]
    real = MotionTable.of([_encoded(positions) for positions in joints], ids, evaluator)
    training = MotionTable.of(
        [item.vectors for item in train.items], [item.id for item in train.items], evaluator
    )
    halves = [real.blocks.halves(np.random.default_rng(seed)) for seed in range(splits)]
    references = [MotionReference(real.take(first)) for first, _ in halves]
    modes = [_mode(item) for item in test.items]

    def corrupted() -> Iterator[tuple[str, float, str, bool, list[dict[str, float]]]]:
        for name, kind in CORRUPTIONS.items():
            for number, dose in enumerate(kind.doses):
                rng = np.random.default_rng(0)
                motions = [_encoded(kind.apply(positions, dose, rng)) for positions in joints]
                table = MotionTable.of(motions, ids, evaluator)
                parts = [table.take(second) for _, second in halves]
                yield name, dose, kind.unit, number >= kind.seen, _compare(references, parts)
        for number, share in enumerate(DROPPED_DOSES):
            parts = [
                real.take(rows[dropped_modes([modes[i] for i in rows], share)])
                for _, rows in halves
            ]
            seen = number >= DROPPED_SEEN
            yield DROPPED, share, "of the motions", seen, _compare(references, parts)

    alike = _compare(references, [real.take(second) for _, second in halves])
    floor = {
        column: tuple(np.quantile([v[column] for v in alike], [0.025, 0.5, 0.975]).tolist())
        for column in COLUMNS
    }
    learnt = _compare(references, [training] * splits)
    steps = sum(len(kind.doses) for kind in CORRUPTIONS.values()) + len(DROPPED_DOSES)
    rows = []
    for name, dose, unit, seen, found in track(corrupted(), "corrupting", steps):
        values = {column: float(np.mean([v[column] for v in found])) for column in COLUMNS}
        passed = frozenset(c for c in COLUMNS if _outside(c, values[c], floor[c]))
        rows.append(Row(name, dose, unit, values, passed, seen))
    means = {column: float(np.mean([v[column] for v in learnt])) for column in COLUMNS}
    return Sensitivity(floor, means, rows)


def _compare(
    references: Sequence[MotionReference], tables: Sequence[MotionTable]
) -> list[dict[str, float]]:
    pairs = zip(references, tables, strict=True)
    return [reference.values(table) for reference, table in pairs]


def _outside(column: str, value: float, band: tuple[float, float, float]) -> bool:
    return value < band[0] if column in LOW_IS_BAD else value > band[2]


def _mode(item: MotionItem) -> str:
    """Say what a motion shows: its first caption, without the side of a mirror image."""
    return item.captions[0].text.replace("left", "side").replace("right", "side")


def _encoded(joints: np.ndarray) -> np.ndarray:
    return joints_to_vectors(face_forward(start_at_origin(joints)), placed=True)


def as_markdown(found: Sensitivity, title: str, head: Sequence[str]) -> str:
    """Write the table, the floor above it and what each headline distance cannot see below it."""
    lines = [f"# {title}", "", *head, "", "| corruption | dose | " + " | ".join(COLUMNS) + " |"]
    lines.append("|" + "---|" * (len(COLUMNS) + 2))
    for place, label in enumerate(("2.5 %", "median", "97.5 %")):
        cells = " | ".join(f"{found.floor[column][place]:.3g}" for column in COLUMNS)
        lines.append(f"| half against half | {label} | {cells} |")
    cells = " | ".join(f"{found.train[column]:.3g}" for column in COLUMNS)
    lines.append(f"| training motions | all | {cells} |")
    lines += [f"| {' | '.join(row.cells())} |" for row in found.rows]
    lines += ["", "Seen by a person (rows so marked), not by the distance:", ""]
    for column in HEADLINE:
        blind = ", ".join(dict.fromkeys(found.blind(column))) or "nothing"
        falling = ", ".join(found.falling(column)) or "nothing"
        lines.append(f"- {column}: {blind}. Falls again at a larger dose: {falling}.")
    return "\n".join(lines) + "\n"


def run(
    dataset: Path, out: Path | None, preset: str, splits: int, cache: Path | None = None
) -> Sensitivity:
    """Measure a data set with the evaluator of its pool, print the table, and keep it in `out`.

    Raises: see `measure`, `domains.motion.evaluator.choice.motion_evaluator`.
    """
    import torch
    from rich.console import Console

    from domains.motion.evaluator.choice import motion_evaluator, shared_evaluators

    if out is not None:
        prepare_file(out)
    train, test = (load_split(dataset, split) for split in ("train", "test"))
    evaluator = motion_evaluator(
        "trained",
        trained_on=dataset,
        cache=shared_evaluators() if cache is None else cache,
        preset=preset,
        root=Path(),
        captions=(),
        device=torch.device("cpu"),
    )
    found = measure(train, test, evaluator, splits)
    head = [
        f"Test motions of `{dataset.name}` ({len(test.items)}), half of them made worse against "
        f"the other half, mean of {splits} splits; * outside the 95 % band of half against half. "
        f"Evaluator: preset `{preset}`, {getattr(evaluator, 'fingerprint', '')}. Made by "
        f"`python -m eval.sensitivity --dataset dataset/{dataset.name} --preset {preset}`.",
        "",
        f"{split_distance(train.items, test.items)}.",
    ]
    text = as_markdown(found, f"What the metrics see: {dataset.name}", head)
    if out is not None:
        write_bytes(out, text.encode())
        logger.info("wrote %s", out)
    Console(width=200).print(text, markup=False, highlight=False)
    return found


@command()
def main(
    dataset: Path,
    out: Path | None = None,
    preset: str = "demo",
    splits: int = 10,
    cache: Path | None = None,
) -> None:
    """Say which corruptions of real motions the metrics see, and at which dose.

    Args:
        dataset: data set in HumanML3D layout.
        out: file for the table, such as results/evaluator/demo.md.
        preset: of the evaluator: demo, cmu or paper.
        splits: random halves of the test motions.
        cache: folder of the trained evaluators; default: the one that all experiments share.
    """
    setup_logging()
    run(dataset, out, preset, splits, cache)


if __name__ == "__main__":
    import tyro

    tyro.cli(main)
