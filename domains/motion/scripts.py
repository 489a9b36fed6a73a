"""One arm of a named experiment: what the scripts of `exp_scripts/` call.

`python -m domains.motion.scripts baseline 0064` is the published trainer with the folders, the
numbers and the start that these words mean; it shows that command and becomes it.
"""

from __future__ import annotations

import argparse
import logging
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from domains.motion.experiments import (
    BASELINE,
    GENERATION_0,
    RAW,
    WITH_CORRECTION,
    Arm,
    Experiment,
    experiment_named,
)
from loop.cli import command
from loop.errors import InvalidOptionError
from loop.rundir import generation_0, layout
from loop.rundir.layout import ARGUMENTS, EVALUATION, FINETUNING

logger = logging.getLogger("scsc")

WITH_PERCENT = (FINETUNING, layout.WITH_CORRECTION)
KINDS = (GENERATION_0, BASELINE, *WITH_PERCENT)
HELP = """\
usage: bash exp_scripts/train_generation_0.sh DATASET [options]
       bash exp_scripts/train_baseline.sh DATASET [options]
       bash exp_scripts/train_iterative_finetuning.sh DATASET PP [options]
       bash exp_scripts/train_iterative_finetuning_with_correction.sh DATASET PP [options]

One arm of the motion experiment; exp_scripts/dataset_<size>/ holds the same with DATASET said.
Stop it at any moment: the same command goes on where it was. What it makes appears in
exp_outputs/dataset_<DATASET>/<arm>/generation_<g>/.

  DATASET      0064, 0128, 0256 or 2794 (dataset/HumanML3D_subset_<size>), demo, or any folder in
               dataset/ in HumanML3D layout, such as cmu_0064
  PP           synthetic data in percent of the real data, such as 025
               (published: 025 050 075 100; for 2794: 05 10 15 20 25)
  --preset P   row of the preset table (domains/motion/presets.py); default: by the name
  --save_dir D another folder for the arm, for a variant of it (--mixing, --correction ...)
  --from_scratch  train generation 0 here also where weights/DATASET bring it along
  --seed N     a repetition of the experiment, kept apart in exp_outputs/dataset_<DATASET>_seed_<N>/

All other options go to `python -m train.train_mdm_iterative_finetuning`, whose --help lists them.
Those that shape the model must be the same for generation 0 and for all arms.
"""


def command_line(arguments: Sequence[str]) -> list[str]:
    """Return the trainer's command for `KIND DATASET [PP] [options]`.

    Raises:
        InvalidOptionError: a word is missing, or is none of those that are understood.
        MissingAssetError: the data set or generation 0 is missing.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--preset")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--save_dir", type=Path)
    try:
        known, rest = parser.parse_known_args(list(arguments))
    except argparse.ArgumentError as error:
        raise InvalidOptionError(str(error)) from error
    first = next((i for i, word in enumerate(rest) if word.startswith("-")), len(rest))
    words, options = rest[:first], rest[first:]
    kind = words.pop(0) if words else ""
    wanted = ["DATASET", "PP"] if kind in WITH_PERCENT else ["DATASET"]
    if len(words) == 1 < len(wanted):
        words.append("")  # refused below, together with the percentages of this size
    if kind not in KINDS or len(words) != len(wanted):
        raise InvalidOptionError(
            "these are not the words that this script takes",
            found=" ".join(words) or "nothing",
            expected=" ".join(wanted) + " [options]",
            remedy="--help explains them",
        )
    experiment = experiment_named(words[0], known.preset)
    arm = _arm(experiment, kind, words[1:])
    if known.seed is not None:
        experiment = experiment.with_seed(known.seed)
        options = ["--seed", str(known.seed), *options]
    experiment.require_dataset()
    return [*trainer_command(experiment, arm, known.save_dir), *options]


def _arm(experiment: Experiment, kind: str, percent: Sequence[str]) -> Arm:
    if not percent:
        return Arm(kind)
    return experiment.arm(percent[0], RAW if kind == FINETUNING else WITH_CORRECTION)


def arm_command(experiment: Experiment, arm: Arm, save_dir: Path | None = None) -> list[str]:
    """Return the start of commands that make an arm; save_dir: its folder, if not the usual one."""
    line = [sys.executable, "-m", "train.train_mdm_iterative_finetuning"]
    line += ["--save_dir", str(save_dir or experiment.runs / arm.name)]
    line += ["--mini_dataset_dir", str(experiment.dataset)]
    return [*line, "--preset", experiment.preset.name, *arm.options()]


def trainer_command(experiment: Experiment, arm: Arm, save_dir: Path | None = None) -> list[str]:
    """Return the command that makes an arm, or goes on with it.

    An arm that has not begun is compared with generation 0, also where that was copied into it
    (copy_generation_0.py, published); one without anything to compare with takes what it holds.

    Raises:
        MissingAssetError: there is no generation 0 to start from.
    """
    line, folder = arm_command(experiment, arm, save_dir), save_dir or experiment.runs / arm.name
    if arm.name == GENERATION_0:
        return [*line, *experiment.generation_0_options()]
    begun = (folder / ARGUMENTS).is_file()
    comparable = (experiment.generation_0 / EVALUATION).is_file()
    if (folder / GENERATION_0 / EVALUATION).is_file() and (begun or not comparable):
        return line
    require_generation_0(experiment)
    return [*line, "--start_from", str(experiment.generation_0)]


def require_generation_0(experiment: Experiment) -> None:
    """Say what to do where generation 0 has not been trained yet.

    Raises:
        MissingAssetError: it is not finished.
    """
    generation_0.require_generation_0(
        experiment.generation_0,
        f"bash exp_scripts/train_generation_0.sh {experiment.name} and the options that this "
        "command was given",
    )


def main() -> None:
    """Parse the command line and run the trainer."""
    if not sys.argv[1:] or {"-h", "--help"} & set(sys.argv):
        sys.stdout.write(HELP)
        return
    with command():
        line = command_line(sys.argv[1:])
    logger.info("%s", shlex.join(["python", *line[1:]]))
    os.execv(line[0], line)


if __name__ == "__main__":
    main()
