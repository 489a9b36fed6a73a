"""What a user calls an experiment, and what follows from the name: data, runs, numbers, arms.

`0064`, `0128`, `0256`, `2794` are the sizes of the paper; `demo` is the one of the quick start; any
other name is a folder in `dataset/`. All paths are relative to the project's root.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from domains.motion.presets import PRESETS, MotionPreset, preset_named
from loop.errors import InvalidOptionError, MissingAssetError
from loop.rundir import layout
from loop.rundir.files import read_json
from loop.rundir.layout import ARGUMENTS, FINETUNING

logger = logging.getLogger("scsc")

PUBLISHED_SIZES = ("0064", "0128", "0256", "2794")
DATASETS, OUTPUTS, WEIGHTS = Path("dataset"), Path("exp_outputs"), Path("weights")
COMPLETE, PARENT = DATASETS / "HumanML3D", DATASETS / "HumanML3D_subset_2794"
"""What `exp_scripts/filter_dataset.py` takes clips from: for 2794, and for the smaller ones."""
GENERATION_0 = "generation_0"
"""Name of the arm that trains generation 0, and of the folder of that generation."""
BASELINE, RAW, WITH_CORRECTION = layout.BASELINE, "raw", "corrected"
KINEMATIC, REFINED, FILTER, NEAREST = "kinematic", "refined", "filter", "nearest"
_AUGMENTATION, _IMITATION = "--augmentation_type", ("--augmentation_type", "imitation_output")
ARMS = {
    BASELINE: ("", ()),
    RAW: ("", (_AUGMENTATION, "raw_mdm_output")),
    WITH_CORRECTION: (layout.WITH_CORRECTION.removeprefix(FINETUNING), _IMITATION),
    KINEMATIC: ("_kinematic", (*_IMITATION, "--correction", "kinematic")),
    REFINED: ("_refined", (*_IMITATION, "--correction", "refined")),
    FILTER: ("_filter", (_AUGMENTATION, "filter")),
    NEAREST: ("_nearest", (*_IMITATION, "--correction", "nearest")),
}
"""Kind of arm -> what its folder name ends in, and the trainer's options beside lambda."""
PUBLISHED_ARMS = (BASELINE, RAW, WITH_CORRECTION)
"""Kinds that are planned by default; the others are controls."""
MISPRINT = "2974"
"""How the published graph script spells 2794."""


@dataclass(frozen=True)
class Arm:
    """One arm of an experiment.

    Attributes:
        name: its folder, spelled as published.
        ratio: synthetic : real ratio lambda; 0 is the baseline.
        kind: one of `ARMS`.
    """

    name: str
    ratio: float = 0.0
    kind: str = BASELINE

    def options(self) -> list[str]:
        """Return what makes this arm out of `python -m train.train_mdm_iterative_finetuning`."""
        if self.ratio == 0:
            return []
        return ["--synthetic_augmentation_percent", str(self.ratio), *ARMS[self.kind][1]]


@dataclass(frozen=True)
class Experiment:
    """A data set, the folder of its runs, and the row of the preset table.

    Attributes:
        name: as the user said it.
        dataset: folder in HumanML3D layout.
        runs: folder of the runs; every arm is a folder in it.
        preset: sizes and numbers of steps.
    """

    name: str
    dataset: Path
    runs: Path
    preset: MotionPreset

    @property
    def generation_0(self) -> Path:
        """Folder of the generation that all arms start from."""
        return self.runs / GENERATION_0 / GENERATION_0

    def generation_0_options(self) -> list[str]:
        """Return the trainer's options for generation 0: weights of this name come along, if any.

        Only an experiment with the data and the numbers of its name takes them.
        """
        folder = WEIGHTS / self.name
        if self.preset.name != self.name or not (folder / "clips.safetensors").is_file():
            return ["--num_generations", "0"]
        return ["--num_generations", "0", "--generation_0_weights", str(folder)]

    def with_seed(self, seed: int) -> Experiment:
        """Return the experiment among repetitions that differ in the seed (published folder)."""
        return replace(self, runs=self.runs.with_name(f"{self.runs.name}_seed_{seed}"))

    def arms(self, kinds: Sequence[str] = PUBLISHED_ARMS) -> list[Arm]:
        """List the arms of some kinds: the baseline, then each published ratio in every other kind.

        Raises:
            InvalidOptionError: an unknown kind.
        """
        if unknown := [kind for kind in kinds if kind not in ARMS]:
            raise InvalidOptionError(
                "no such kind of arm", found=" ".join(unknown), expected=" ".join(ARMS)
            )
        percents = [f"{round(100 * ratio)}" for ratio in self.preset.ratios]
        others = [kind for kind in ARMS if kind in kinds and kind != BASELINE]
        made = [self.arm(percent, kind) for percent in percents for kind in others]
        return [Arm(BASELINE)] * (BASELINE in kinds) + made

    def arm(self, percent: str, kind: str) -> Arm:
        """Find the arm of a percentage as users type it: `025`, `25`, `5` ...

        Raises:
            InvalidOptionError: not a whole number from 1 to 999.
        """
        if not re.fullmatch(r"[0-9]{1,3}", percent) or int(percent) == 0:
            raise InvalidOptionError(
                "this is not a percentage of synthetic data",
                found=percent or "nothing",
                expected="a whole number from 1 to 999; published for this size: "
                + " ".join(self._digits(round(100 * ratio)) for ratio in self.preset.ratios),
                remedy="for no synthetic data at all, train_baseline.sh",
            )
        if int(percent) not in (published := [round(100 * ratio) for ratio in self.preset.ratios]):
            known = ", ".join(self._digits(each) for each in published)
            logger.warning("%s %% is no ratio of this size; published: %s", percent, known)
        name = f"synthetic_percent_{self._digits(int(percent))}_{FINETUNING}"
        return Arm(name + ARMS[kind][0], int(percent) / 100, kind)

    def _digits(self, percent: int) -> str:
        """Spell as published: three digits, but two where no ratio reaches 100 %."""
        return f"{percent:0{3 if max(self.preset.ratios) >= 1 else 2}d}"

    def require_dataset(self) -> None:
        """Say what to do where the data set has not been made yet.

        Raises:
            MissingAssetError: it has no train.txt.
        """
        if not (self.dataset / "train.txt").is_file():
            raise MissingAssetError(
                "the data set of this experiment is missing",
                path=self.dataset,
                expected="a folder in HumanML3D layout: "
                "new_joint_vecs/ texts/ train.txt test.txt Mean.npy Std.npy",
                remedy=_how_to_make(self.name, self.dataset),
            )


def experiment_named(name: str, preset: str | None = None) -> Experiment:
    """Describe the experiment of that name; nothing has to exist yet.

    Args:
        name: `0064`, `0128`, `0256`, `2794`, `demo`, or a folder in `dataset/` such as `cmu_0064`.
        preset: row of the preset table; default: the one that the name contains.

    Raises:
        InvalidOptionError: no name of a folder, or it does not say which preset is meant.
    """
    _check_name(name)
    size = name in PUBLISHED_SIZES
    return Experiment(
        name=name,
        dataset=DATASETS / (f"HumanML3D_subset_{name}" if size else name),
        runs=_runs(name),
        preset=preset_named(preset or _preset_in(name)),
    )


def recorded_experiment(name: str, preset: str | None = None) -> Experiment:
    """Describe the experiment of that name by the preset that its runs have recorded, if any.

    Args, Raises: as `experiment_named`.
    """
    _check_name(name)
    runs = _runs(name)
    folders = [runs, *sorted(runs.parent.glob(f"{runs.name}_seed_*"))]
    for path in (path for folder in folders for path in sorted(folder.glob(f"*/{ARGUMENTS}"))):
        stored = read_json(path)
        row = stored.get("preset") if isinstance(stored, dict) else None
        if preset is None and isinstance(row, dict) and row.get("name") in PRESETS:
            preset = row["name"]
    return experiment_named(name, preset)


def _runs(name: str) -> Path:
    return OUTPUTS / f"dataset_{name}"


def _check_name(name: str) -> None:
    known = "0064 | 0128 | 0256 | 2794 | demo | a folder in dataset/, such as cmu_0064"
    if name == MISPRINT:
        raise InvalidOptionError(
            "2974 is how the published graph script misspells 2794", found=name, remedy="say 2794"
        )
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name):
        raise InvalidOptionError("this is not the name of a data set", found=name, expected=known)
    if "_seed_" in name:
        raise InvalidOptionError(
            "a seed is no part of a data set's name", found=name, remedy="name it with --seeds"
        )
    if name.isdigit() and name not in PUBLISHED_SIZES:
        raise InvalidOptionError("there is no such published size", found=name, expected=known)


def _preset_in(name: str) -> str:
    parts = re.split(r"[_.-]", name)
    # A size says more than the name of a source: cmu_0064 has the numbers of 0064.
    sizes = [part for part in parts if part in PUBLISHED_SIZES]
    found = sizes or [part for part in parts if part in PRESETS]
    if len(found) != 1:
        raise InvalidOptionError(
            "the name of this data set does not say which numbers to use",
            found=name,
            expected="one of " + ", ".join(PRESETS),
            remedy="choose with --preset, or name the folder so that it contains one (cmu_0064)",
        )
    return found[0]


def how_to_filter(options: str) -> str:
    """Return the command that filters HumanML3D, or else the step that must go before."""
    command = "python exp_scripts/filter_dataset.py"
    if (PARENT if options else COMPLETE).joinpath("train.txt").is_file():
        return f"{command} {options}".rstrip()
    if options and (COMPLETE / "train.txt").is_file():
        return f"{command} && {command} {options}"
    return (
        "bash prepare/extract_humanml_3d.sh --check tells how to get HumanML3D; without any "
        "licence, another data set: python -m dataset.demo_clips --out dataset/demo && "
        "bash exp_scripts/train_generation_0.sh demo"
    )


def _how_to_make(name: str, folder: Path) -> str:
    if name == "demo":
        return "python -m dataset.demo_clips --out dataset/demo"
    if name in PUBLISHED_SIZES:
        return how_to_filter("" if name == "2794" else f"--size {int(name)}")
    size = next((str(int(p)) for p in name.split("_") if p in PUBLISHED_SIZES), "max")
    line = f"python -m dataset.cmu --bvh_dir BVH_FOLDER --size {size} --out {folder}"
    if size == "2794":
        line += " --captions humanml3d --humanml3d dataset/HumanML3D_texts"
    return (
        f"{line} (open motion capture), or put a data set of your own there; "
        "`python -m dataset.doctor` checks it"
    )
