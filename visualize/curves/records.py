"""What the arms measured as a tidy list, one record a number; the same list as a CSV table."""

from __future__ import annotations

import csv
import io
import itertools
import logging
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from loop.errors import InvalidOptionError, MissingAssetError
from loop.rundir.files import prepare_file, write_bytes
from loop.rundir.read import find_arms
from visualize.arms import arm_styles

logger = logging.getLogger("scsc")

HALVES, TRAINING = "FID halves_ground truth", " train"
"""FID between two halves of the test data, where it was measured; see `real_key`."""

_SEED = re.compile(r"(?:^|_)seed_(\d+)$")


class Record(NamedTuple):
    """One number: `metric` of `generation` in a run of `arm` at `percent` synthetic data.

    `arm` is the kind of arm (see `loop.rundir.layout.ArmName`); `digits` is the share of synthetic
    data as the folder spells it, because published file names repeat it ("025", "05", "1.5"), and
    is empty for the baseline. `seed` tells repeated runs apart.
    """

    arm: str
    percent: int
    digits: str
    seed: int
    generation: int
    metric: str
    value: float


def read_runs(folders: Sequence[Path]) -> list[Record]:
    """Read folders of arms that differ in the seed.

    Raises:
        InvalidOptionError: there is no folder in the list, or two have one seed.
        ScscError: as `read_folder`.
    """
    if not folders:
        raise InvalidOptionError(
            "no folder of runs was named", expected="such as exp_outputs/dataset_demo"
        )
    records: list[Record] = []
    for folder, seed in zip(folders, seeds_of(folders), strict=True):
        records += read_folder(folder, seed=seed)
    return records


def seeds_of(folders: Sequence[Path]) -> list[int]:
    """Return the seed of each folder: that of a name `..._seed_<n>`, else one that no other has.

    Raises:
        InvalidOptionError: two folders are named after one seed, or one of them is there twice.
    """
    named = [_SEED.search(folder.resolve().name) for folder in folders]
    taken = {int(match[1]) for match in named if match}
    free = itertools.filterfalse(taken.__contains__, itertools.count())
    seeds = [int(match[1]) if match else next(free) for match in named]
    if len(set(seeds)) < len(seeds) or len({folder.resolve() for folder in folders}) < len(seeds):
        raise InvalidOptionError(
            "runs that are averaged have to differ in the seed",
            found=" ".join(map(str, folders)),
            expected="folders whose names end in different _seed_<n>",
        )
    return seeds


def read_folder(folder: Path, seed: int = 0) -> list[Record]:
    """Read one folder of arms of motion or MNIST: every generation that is finished.

    Raises:
        MissingAssetError: the folder is not there, or nothing in it has been evaluated yet.
        CorruptFileError: an eval_dict.json does not read as one.
    """
    if not folder.is_dir():
        raise MissingAssetError(
            "no such folder of runs",
            path=folder,
            expected="a folder such as exp_outputs/dataset_demo or exp_outputs/mnist",
        )
    records: list[Record] = []
    for arm in find_arms(folder):
        for fault in arm.faults:
            logger.warning("%s", fault)
        if arm.name is not None:
            place = (arm.name.kind, arm.name.percent, arm.name.digits, seed)
            for generation in arm.generations:
                found = arm.metrics(generation)
                records += [Record(*place, generation, *item) for item in found.items()]
    if not records:
        raise MissingAssetError(
            "nothing has been evaluated here yet",
            path=folder,
            expected="baseline/generation_0/eval_dict.json and others beside it; of MNIST "
            "baseline_0.2/00/eval_dict.json",
            remedy="run the loop first; graphs can be drawn while it still runs",
        )
    return records


def size_name(folder: Path) -> str:
    """Return the published name of a size: "0064" of dataset_0064 (any seed), "demo" of demo."""
    name = folder.resolve().name
    return (_SEED.sub("", name) or name).removeprefix("dataset_")


def arms_in_order(records: Sequence[Record]) -> list[tuple[str, int]]:
    """List (kind of arm, percentage) of every arm: by percentage, the published arms first."""
    order = list(arm_styles(record.arm for record in records))
    pairs = {(record.arm, record.percent) for record in records}
    return sorted(pairs, key=lambda pair: (pair[1], order.index(pair[0])))


def real_key(metric: str, of: str = "") -> str:
    """Name the metric that holds the value of a model's `metric` for real data.

    of: "", or TRAINING for the training data in the model's place.
    Returns "" where `metric` is not one of a model of motion.
    """
    name, test, entry = metric.partition("_test")
    return f"{name}{of}_ground truth{entry}" if test else ""


def reference_value(records: Iterable[Record], keys: Sequence[str]) -> float | None:
    """Average the first of the keys that was measured; None where none was."""
    records = list(records)
    for key in keys:
        values = [record.value for record in records if record.metric == key]
        if values:
            return sum(values) / len(values)
    return None


def write_csv(
    path: Path,
    places: Sequence[str],
    metrics: Sequence[str],
    numbers: Iterable[tuple[tuple[object, ...], str, float]],
    digits: str = "",
) -> None:
    """Write numbers as CSV with one row for each place and one column for each metric.

    Args:
        path: the file; its folder is made.
        places: headings of what tells rows apart.
        metrics: headings of the columns; other metrics are left out.
        numbers: (place, metric, value); rows keep the order in which they come first.
        digits: format of the values, such as ".6g"; default: so that they read back exactly.

    Raises:
        StorageError: the file cannot be written.
    """
    rows: dict[tuple[object, ...], dict[str, float]] = {}
    for place, metric, value in numbers:
        rows.setdefault(place, {})[metric] = value
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*places, *metrics])
    for place, found in rows.items():
        writer.writerow(
            [*place, *(format(found[m], digits) if m in found else "" for m in metrics)]
        )
    prepare_file(path)
    write_bytes(path, buffer.getvalue().encode())
