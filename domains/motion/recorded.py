"""What an arm of the motion experiment recorded of itself, for those who read it back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from domains.motion.presets import MotionPreset, Protocol
from domains.motion.registries import MDM
from loop.errors import RunStateError
from loop.rundir.files import read_json


@dataclass(frozen=True)
class RecordedArm:
    """The settings of an arm.

    Attributes:
        preset, protocol: its numbers and behaviour.
        dataset: folder of its data set.
        evaluator: what its metrics stand on.
        text_encoder: `kind`, `source` and `weights` of its text encoder; empty for arms that were
            made when there was only one.
    """

    preset: MotionPreset
    protocol: Protocol
    dataset: Path
    evaluator: str
    text_encoder: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> RecordedArm:
        """Read args.json of an arm, or config.json of weights that come along.

        Raises:
            MissingAssetError, CorruptFileError: the file is missing or damaged.
            RunStateError: it does not describe a motion arm.
        """
        stored = read_json(path)
        if isinstance(stored, dict):
            require_mdm(cast(dict[str, Any], stored), path)
        try:
            stored["preset"]["evaluator"]  # no default may stand in for the one that judged it
            return cls(
                MotionPreset(**stored["preset"]),
                Protocol(**stored["protocol"]),
                Path(stored["dataset"]),
                stored.get("evaluator", "trained"),
                stored.get("text_encoder", {}),
            )
        except (AttributeError, KeyError, TypeError) as error:
            raise RunStateError(
                "these are not the settings of a motion arm",
                path=path,
                found=error,
                expected="args.json as train.train_mdm_iterative_finetuning writes it",
            ) from error


def require_mdm(settings: Mapping[str, Any], path: Path) -> None:
    """Refuse the settings, read from `path`, of an arm whose generator is its user's own.

    Raises:
        RunStateError: they are.
    """
    if settings.get("generator", MDM) != MDM:
        raise RunStateError(
            "only the loop can draw from a generator of your own",
            path=path,
            found=f"--generator {settings['generator']}",
            expected=f"an arm of --generator {MDM}",
            remedy=f"its motions lie in {path.parent}/generation_<g>/synthetic_motions",
        )


def cache_of(arm: Path) -> Path:
    """Return the folder of what the arms beside this one share."""
    return arm.parent / "cache"


def own_evaluators(cache: Path) -> Path:
    """Return the folder of evaluators that older versions kept beside the arms."""
    return cache / "evaluator"
