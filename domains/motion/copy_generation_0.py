"""Generation 0 copied to the arms of an experiment, as the published protocol's second step.

The arms of `exp_scripts/` also fetch it by themselves when they start.
"""

from __future__ import annotations

import filecmp
import logging
from pathlib import Path

from domains.motion.experiments import GENERATION_0, experiment_named
from domains.motion.scripts import require_generation_0
from loop.errors import RunStateError
from loop.rundir.directory import EVALUATION
from loop.rundir.generation_0 import copy_generation_0

logger = logging.getLogger("scsc")


def copy_experiment(dataset: str, preset: str | None = None, seed: int | None = None) -> None:
    """Copy generation 0 into the folder of every arm; repeating it changes nothing.

    Args:
        dataset: 0064, 0128, 0256, 2794, demo, or a folder in dataset/.
        preset: row of the preset table, where the name of the data set contains none.
        seed: of a repetition in exp_outputs/dataset_<DATASET>_seed_<N>.

    Raises:
        MissingAssetError: generation 0 is not finished.
        RunStateError: an arm has started from another generation 0.
        StorageError: the folder of an arm cannot be written.
    """
    experiment = experiment_named(dataset, preset)
    if seed is not None:
        experiment = experiment.with_seed(seed)
    require_generation_0(experiment)
    source, others = experiment.generation_0, []
    for arm in experiment.arms():
        target = experiment.runs / arm.name / GENERATION_0
        if not target.exists():
            copy_generation_0(source, target.parent)
            logger.info("%s: got generation 0", arm.name)
        elif _same(source, target):
            logger.info("%s: has generation 0 already", arm.name)
        else:
            others.append(arm.name)
    if others:
        raise RunStateError(
            "arms have started from another generation 0; they were left as they are",
            path=experiment.runs,
            found=", ".join(others),
            expected=f"that of {source}",
            remedy="move their folders away to start them anew",
        )


def _same(source: Path, target: Path) -> bool:
    """Tell whether both were measured alike; the model itself may have been cleared away since."""
    stored = target / EVALUATION
    return stored.is_file() and filecmp.cmp(source / EVALUATION, stored, shallow=False)
