"""What the runs measured, as a tidy list: one record a number.

Reads the published layout: <runs>/<arm>/generation_<g>/eval_dict.json =
{checkpoint file: {metric: number, or list of numbers}}, with ours beside the published keys.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from loop.errors import CorruptFileError, InvalidOptionError, MissingAssetError
from loop.rundir.directory import EVALUATION
from loop.rundir.files import read_json

logger = logging.getLogger("scsc")

BASELINE = "baseline"
FINETUNING = "iterative_finetuning"
CORRECTED = "iterative_finetuning_with_correction"

_ARM = re.compile(r"synthetic_percent_(\d+)_(iterative_finetuning\w*)")
_GENERATION = re.compile(r"generation_(\d+)")
_SEED = re.compile(r"_seed_(\d+)")


class Record(NamedTuple):
    """One number: `metric` of `generation` in a run of `arm` at `percent` synthetic data.

    `arm` is the kind of arm ("baseline", "iterative_finetuning", "..._with_correction"); `digits`
    is the percentage as the folder spells it, because published file names repeat it ("025",
    "05"), and is empty for the baseline. `seed` tells repeated runs apart.
    """

    arm: str
    percent: int
    digits: str
    seed: int
    generation: int
    metric: str
    value: float


def read_runs(folders: Sequence[Path]) -> list[Record]:
    """Records of several size folders that differ in the seed.

    The seed is taken from a folder name that ends in `_seed_<n>`, else it is the folder's place
    in the list. Raises as `read_folder`, and InvalidOptionError without any folder.
    """
    if not folders:
        raise InvalidOptionError(
            "no folder of runs was named", expected="such as exp_outputs/dataset_demo"
        )
    records: list[Record] = []
    for place, folder in enumerate(folders):
        named = _SEED.search(folder.name)
        records += read_folder(folder, seed=int(named[1]) if named else place)
    return records


def read_folder(folder: Path, seed: int = 0) -> list[Record]:
    """Records of one size folder: every arm and generation that is finished.

    Raises MissingAssetError when the folder is not there or no generation in it has been
    evaluated, CorruptFileError when an eval_dict.json does not read as one.
    """
    if not folder.is_dir():
        raise MissingAssetError(
            "no such folder of runs",
            path=folder,
            expected="a folder such as exp_outputs/dataset_demo",
        )
    records: list[Record] = []
    for path in sorted(folder.iterdir()):
        arm = parse_arm(path.name)
        if arm is not None and path.is_dir():
            records += _read_arm(path, *arm, seed)
    if not records:
        raise MissingAssetError(
            "nothing has been evaluated here yet",
            path=folder,
            expected="<arm>/generation_<g>/eval_dict.json, arm = baseline or "
            "synthetic_percent_<P>_iterative_finetuning[_with_correction]",
            remedy="run the loop first; graphs can be drawn while it still runs",
        )
    return records


def size_name(folder: Path) -> str:
    """The published name of a size: "0064" of dataset_0064 (any seed), "demo" of demo."""
    return _SEED.sub("", folder.resolve().name).removeprefix("dataset_")


def parse_arm(name: str) -> tuple[str, str] | None:
    """(kind, digits of the percentage) of an arm's folder name, None for any other name."""
    if name == BASELINE:
        return BASELINE, ""
    match = _ARM.fullmatch(name)
    return (match[2], match[1]) if match else None


def _read_arm(folder: Path, arm: str, digits: str, seed: int) -> Iterable[Record]:
    for path in folder.iterdir():
        match = _GENERATION.fullmatch(path.name)
        if match is None:
            continue  # args.json, a generation in progress
        if not (path / EVALUATION).is_file():
            logger.warning("%s has no %s yet; left out", path, EVALUATION)
            continue
        for metric, value in _read_metrics(path / EVALUATION):
            yield Record(arm, int(digits or 0), digits, seed, int(match[1]), metric, value)


def _read_metrics(path: Path) -> Iterable[tuple[str, float]]:
    """(metric, value) of the checkpoint that counts, the one with the highest number in its name.

    A list becomes one metric an entry ("R_precision_test top-1", ...); null is a metric that does
    not exist for this generation and is left out.
    """
    stored = read_json(path)
    if not isinstance(stored, dict) or not stored:
        raise _corrupt(path, "{checkpoint file: {metric: number}}", stored)
    metrics = stored[max(stored, key=_checkpoint_number)]
    if not isinstance(metrics, dict):
        raise _corrupt(path, "{metric: number} for each checkpoint", metrics)
    for name, value in metrics.items():
        if isinstance(value, list):
            for place, entry in enumerate(value, start=1):
                yield f"{name} top-{place}", _number(path, name, entry)
        elif value is not None:
            yield name, _number(path, name, value)


def _checkpoint_number(name: str) -> tuple[int, str]:
    numbers = re.findall(r"\d+", name)
    return (int(numbers[-1]) if numbers else -1, name)


def _number(path: Path, metric: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _corrupt(path, f'a finite number, or null, for "{metric}"', value)
    return float(value)


def _corrupt(path: Path, expected: str, found: object) -> CorruptFileError:
    return CorruptFileError(
        "evaluation file does not read as one",
        path=path,
        found=repr(found)[:80],
        expected=expected,
        remedy="evaluate this generation again: remove its folder and resume the run",
    )
