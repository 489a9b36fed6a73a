"""Gather what a visual comparison needs: each arm's newest model, and a few test clips."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dataset.humanml3d import read_ids
from domains.motion.experiments import Experiment
from domains.motion.generator import model_file
from domains.motion.recorded import require_mdm
from loop.errors import InvalidOptionError, MissingAssetError
from loop.rundir.files import make_folder, storage, write_json
from loop.rundir.layout import ARGUMENTS
from loop.rundir.read import read_arm, read_settings
from sample.models import CHECKPOINT

logger = logging.getLogger("scsc")


def prepare(experiment: Experiment, clips: int, seed: int = 0) -> Path:
    """Make `<runs>/visualization` with checkpoints/, motions_gt/ and texts/; returns it.

    An arm without the preset's last generation gives its newest, and the log says so; an arm
    without any is left out, aloud. A second call adds what is new and keeps what was drawn.

    Raises:
        InvalidOptionError: more clips than the test split has, or none.
        MissingAssetError: nothing has been trained, or the data set is not there.
    """
    experiment.require_dataset()
    ids = read_ids(experiment.dataset, "test")
    if not 1 <= clips <= len(ids):
        raise InvalidOptionError(
            "not as many clips in the test split", found=clips, expected=len(ids)
        )
    folder = experiment.runs / "visualization"
    arms = [arm.name for arm in experiment.arms()]
    last = experiment.preset.generations
    taken = [name for name in arms if _take_checkpoint(experiment.runs / name, folder, last)]
    if not taken:
        raise MissingAssetError(
            "no arm has a finished generation yet",
            path=experiment.runs,
            expected=f"one of {', '.join(arms)}",
        )
    chosen = np.random.default_rng(seed).permutation(len(ids))[:clips]
    _copy_clips(experiment.dataset, folder, [ids[i] for i in sorted(chosen)])
    return folder


def _take_checkpoint(arm: Path, folder: Path, last: int) -> bool:
    record = read_arm(arm)
    newest = record.last
    if newest is None:
        logger.warning("%s has no finished generation; it is left out", arm.name)
        return False
    if newest < last:
        logger.info("%s: generation %d is its newest, not %d", arm.name, newest, last)
    generation = record.generation(newest)
    target = folder / "checkpoints" / f"{generation.name}_{arm.name}"
    settings = read_settings(arm)
    require_mdm(settings, arm / ARGUMENTS)  # an arm of another generator has no such checkpoint
    model = model_file(generation)
    make_folder(target)
    with storage(target):
        shutil.copyfile(model, target / CHECKPOINT)
        optimiser = generation / f"opt{model.stem.removeprefix('model')}.pt"
        if optimiser.is_file():  # a run need not keep all of them
            shutil.copyfile(optimiser, target / "opt.pt")
    write_json(target / ARGUMENTS, settings)
    return True


def _copy_clips(dataset: Path, folder: Path, ids: Sequence[str]) -> None:
    for source, name, ending in (
        ("texts", "texts", ".txt"),
        ("new_joint_vecs", "motions_gt", ".npy"),
    ):
        target = folder / name
        make_folder(target)
        with storage(target):
            for clip in ids:
                flat = clip.replace("/", "__")  # ids may hold folders
                shutil.copyfile(dataset / source / f"{clip}{ending}", target / f"{flat}{ending}")
