"""Names in a run directory: arms, generations, files, and the keys of `eval_dict.json`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from loop.errors import CorruptFileError
from loop.interfaces import RESAMPLES, Metrics
from loop.rundir.files import Json, read_json, write_json

ARGUMENTS = "args.json"
"""Settings of an arm."""
EVALUATION = "eval_dict.json"
"""Metrics of a generation."""
RESAMPLES_FILE = "eval_resamples.json"
"""{metric: its bootstrap resamples, less their mean} beside `EVALUATION`, of what has intervals."""
TIMES = "times.csv"
"""Seconds of each stage of an arm, see `loop.rundir.stage`."""
EARLIER = "eval_earlier.json"
"""{innermost key: metrics} of earlier states of the model of a generation, where its fit stage
leaves any: they go before its own in `eval_dict.json`."""


def _by_checkpoint(generation: int, checkpoint: str) -> Sequence[str]:
    return (checkpoint,)


@dataclass(frozen=True)
class Layout:
    """Names in a run directory; the defaults are those of the published motion experiment.

    Attributes:
        prefix: what stands before the number of a generation.
        digits: the number is padded with zeros to as many digits.
        keys: (generation, checkpoint file) -> the keys under which `eval_dict.json` holds the
            metrics, outermost first.
    """

    prefix: str = "generation_"
    digits: int = 1
    keys: Callable[[int, str], Sequence[str]] = _by_checkpoint

    def name(self, generation: int) -> str:
        """Name the folder of a generation."""
        return f"{self.prefix}{generation:0{self.digits}d}"

    def number(self, name: str) -> int | None:
        """Return the generation of a folder name, None where it is no such name."""
        match = re.fullmatch(re.escape(self.prefix) + r"(\d+)", name)
        generation = int(match[1]) if match else -1
        return generation if name == self.name(generation) else None


NUMBERED = Layout(prefix="", digits=2)
"""Generations 00, 01, ... of the published MNIST experiment."""

BASELINE, FINETUNING = "baseline", "iterative_finetuning"
WITH_CORRECTION = f"{FINETUNING}_with_correction"
_PERCENT_ARM = re.compile(rf"(?:{BASELINE}|synthetic_percent_(\d+)_({FINETUNING}\w*))")
_NUMBER_ARM = re.compile(rf"({BASELINE}|{WITH_CORRECTION}|{FINETUNING})_(\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class ArmName:
    """What the folder name of an arm says.

    Attributes:
        folder: the name.
        kind: `BASELINE`, `FINETUNING`, `WITH_CORRECTION`, or a control: `FINETUNING` and more.
        digits: the share of synthetic data as the name spells it, "" for a baseline: "025" percent
            (motion), or a ratio lambda such as "1.5" (MNIST).
        percent: synthetic samples per 100 real ones.
        layout: names of its generations.
    """

    folder: str
    kind: str
    digits: str
    percent: int
    layout: Layout

    def of_kind(self, kind: str) -> str:
        """Name the folder of the arm of another kind with the same share of synthetic data."""
        return self.folder.replace(self.kind, kind)


def numbered_arm(kind: str, number: float) -> str:
    """Name the folder of an MNIST arm; `number` is lambda, of a baseline the share of real data."""
    return f"{kind}_{number}"


def parse_arm(name: str) -> ArmName | None:
    """Parse the folder name of an arm; None for any other name.

    Published: `baseline`, `synthetic_percent_<percent>_iterative_finetuning[_with_correction]`
    (motion); `baseline_<fraction>`, `iterative_finetuning[_with_correction]_<lambda>` (MNIST).
    """
    if match := _PERCENT_ARM.fullmatch(name):
        digits, kind = match[1] or "", match[2] or BASELINE
        return ArmName(name, kind, digits, int(digits or 0), Layout())
    if match := _NUMBER_ARM.fullmatch(name):
        digits = "" if match[1] == BASELINE else match[2]
        return ArmName(name, match[1], digits, round(100 * float(digits or 0)), NUMBERED)
    return None


class EvaluationFile:
    """Codec of a generation's metrics, which lie under `keys` in `eval_dict.json`.

    Lists of resamples are no figures to read: they get a file of their own, and `load` leaves them.
    Numbers and arrays of numpy or torch are written as those of Python.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = keys

    def save(self, value: Metrics, folder: Path) -> None:
        *outer, own = self._keys
        path = folder / EARLIER
        content: dict[str, object] = read_json(path) if path.is_file() else {}
        plain = {key: _plain(item) for key, item in value.items()}
        content[own] = {key: item for key, item in plain.items() if not key.endswith(RESAMPLES)}
        for key in reversed(outer):
            content = {key: content}
        resamples = {
            key.removesuffix(RESAMPLES): item
            for key, item in plain.items()
            if key.endswith(RESAMPLES)
        }
        if resamples:
            write_json(folder / RESAMPLES_FILE, resamples)
        write_json(folder / EVALUATION, content)

    def load(self, folder: Path) -> Metrics:
        content: Json = read_json(folder / EVALUATION)
        for key in self._keys:
            content = content.get(key) if isinstance(content, dict) else None
        if not isinstance(content, dict):
            raise CorruptFileError(
                "no metrics in this file",
                path=folder / EVALUATION,
                found=repr(content)[:80],
                expected=" > ".join([*self._keys, "{metric: number}"]),
                remedy="remove the folder of this generation and run the arm again",
            )
        return cast(Metrics, content)


def _plain(value: Any) -> Any:
    """Return a metric in terms of JSON: numbers and arrays of numpy or torch as those of Python."""
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in cast(Sequence[Any], value)]
    return value.tolist() if hasattr(value, "tolist") else value


def read_metrics(folder: Path) -> Metrics:
    """Read the metrics of a finished generation in any layout.

    Of several checkpoints or epochs the one with the highest number in its name counts.

    Raises:
        MissingAssetError, CorruptFileError: as `loop.rundir.files.read_json`, or it holds no
            {key: {metric: number}}.
    """
    keys: list[str] = []
    content: Json = read_json(folder / EVALUATION)
    while isinstance(content, dict) and any(isinstance(value, dict) for value in content.values()):
        keys.append(max(content, key=_highest_number))
        content = content[keys[-1]]
    return EvaluationFile(keys or ["<checkpoint>"]).load(folder)


def _highest_number(key: str) -> tuple[int, str]:
    numbers = re.findall(r"\d+", key)
    return (int(numbers[-1]) if numbers else -1, key)
