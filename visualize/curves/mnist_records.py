"""What the MNIST arms measured, as records: <parent>/<type>_<number>/<gg>/eval_dict.json.

Reads the published layout, nested one key deeper in generation 0, from published runs and ours.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from loop.errors import CorruptFileError, MissingAssetError
from loop.rundir.files import read_json
from loop.rundir.layout import EVALUATION
from visualize.curves.records import BASELINE, CORRECTED, FINETUNING, Record

logger = logging.getLogger("scsc")

_ARM = re.compile(rf"({BASELINE}|{CORRECTED}|{FINETUNING})_(\d+(?:\.\d+)?)")
_GENERATION = re.compile(r"\d{2,}")


def read_parents(folders: Sequence[Path]) -> list[Record]:
    """Records of several folders of arms, which are repetitions: the place in the list is the seed.

    Raises as `read_parent`.
    """
    return [record for seed, folder in enumerate(folders) for record in read_parent(folder, seed)]


def read_parent(folder: Path, seed: int = 0) -> list[Record]:
    """Records of a folder such as exp_outputs/mnist: every generation that has been evaluated.

    Raises:
        MissingAssetError: there is none.
        CorruptFileError: an eval_dict.json does not read as one.
    """
    records: list[Record] = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        match = _ARM.fullmatch(path.name)
        if match and path.is_dir():
            records += read_arm(path, match[1], match[2], seed)
    if not records:
        raise MissingAssetError(
            "nothing has been evaluated here yet",
            path=folder,
            expected="<type>_<number>/<gg>/eval_dict.json, such as baseline_0.2/00/eval_dict.json",
            remedy="run self_consuming_ddpm_mini.py first; graphs can be drawn while it still runs",
        )
    return records


def read_arm(folder: Path, arm: str, number: str, seed: int) -> Iterator[Record]:
    """Records of one arm, under the name `arm`; `number` is lambda as its folder spells it.

    The number of a baseline is the share of the training set (published), not a lambda.

    Raises:
        CorruptFileError: an eval_dict.json does not read as one.
    """
    digits = "" if arm == BASELINE else number
    percent = round(100 * float(digits or 0))
    for path in sorted(folder.iterdir()):
        if _GENERATION.fullmatch(path.name) is None:
            continue  # args.json, a generation in progress
        if not (path / EVALUATION).is_file():
            logger.warning("%s has no %s yet; left out", path, EVALUATION)
            continue
        for metric, value in _latest(path / EVALUATION).items():
            if isinstance(value, int | float):
                yield Record(arm, percent, digits, seed, int(path.name), metric, float(value))


def sheet_of(folder: Path) -> Path | None:
    """The picture of a generation's samples: the one with the highest number in its name."""
    found = list(folder.glob("image_*.png"))
    numbers = {path: int(re.findall(r"\d+", path.name)[0]) for path in found}
    return max(found, key=lambda path: numbers[path]) if found else None


def _latest(path: Path) -> Mapping[str, Any]:
    """The metrics under the numerically last keys, one or two deep."""
    found = read_json(path)
    while isinstance(found, dict) and found and all(str(key).isdigit() for key in found):
        found = found[max(found, key=int)]
    if not isinstance(found, dict) or not found:
        raise CorruptFileError(
            "evaluation file does not read as one",
            path=path,
            found=repr(found)[:80],
            expected='{"0": {"FID": ..., "Diversity": ...}}, nested once more in generation 00',
            remedy="remove the folder of this generation and repeat the command that made it",
        )
    return found
