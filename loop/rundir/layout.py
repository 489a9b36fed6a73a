"""How a run directory names its generations, and where `eval_dict.json` keeps their metrics."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from loop.errors import CorruptFileError
from loop.interfaces import Metrics
from loop.rundir.files import read_json, write_json

ARGUMENTS = "args.json"
"""Settings of an arm."""
EVALUATION = "eval_dict.json"
"""Metrics of a generation."""
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
        """Folder name of a generation."""
        return f"{self.prefix}{generation:0{self.digits}d}"

    def number(self, name: str) -> int | None:
        """The generation of a folder name, None where it is no such name."""
        match = re.fullmatch(re.escape(self.prefix) + r"(\d+)", name)
        generation = int(match[1]) if match else -1
        return generation if name == self.name(generation) else None


class EvaluationFile:
    """Codec of a generation's metrics, which lie under `keys` in `eval_dict.json`."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = keys

    def save(self, value: Metrics, folder: Path) -> None:
        *outer, own = self._keys
        earlier = read_json(folder / EARLIER) if (folder / EARLIER).is_file() else {}
        content: object = {**earlier, own: dict(value)}
        for key in reversed(outer):
            content = {key: content}
        write_json(folder / EVALUATION, content)

    def load(self, folder: Path) -> Metrics:
        content = read_json(folder / EVALUATION)
        for key in self._keys:
            content = content.get(key) if isinstance(content, dict) else None
        if not isinstance(content, dict):
            raise CorruptFileError(
                "no metrics in this file",
                path=folder / EVALUATION,
                expected=" > ".join([*self._keys, "{metric: number}"]),
            )
        return content


def read_metrics(folder: Path) -> Metrics:
    """Metrics of a finished generation in any layout: those under the last key of each level.

    Raises:
        MissingAssetError, CorruptFileError: as `loop.rundir.files.read_json`, or there are none.
    """
    keys: list[str] = []
    content = read_json(folder / EVALUATION)
    while isinstance(content, dict) and content and isinstance(list(content.values())[-1], dict):
        keys.append(list(content)[-1])
        content = content[keys[-1]]
    return EvaluationFile(keys).load(folder)
