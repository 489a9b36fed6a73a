"""The graphs of an experiment by its name, as far as its arms have come."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from domains.motion.experiments import OUTPUTS, Experiment, recorded_experiment
from loop.errors import MissingAssetError
from loop.rundir.read import find_arms
from visualize.curves.records import Record, read_folder

logger = logging.getLogger("scsc")


def generate_graphs(
    name: str,
    seeds: Sequence[int] = (),
    preset: str | None = None,
    out: Path | None = None,
) -> list[Path]:
    """Draw the graphs of an experiment from whatever arms and generations are there.

    Args:
        name: 0064, 0128, 0256, 2794, demo, or another data set whose runs are in
            exp_outputs/dataset_<name>/.
        seeds: repetitions to draw together, from exp_outputs/dataset_<name>_seed_<s>/: a figure
            with a row for each, and their mean with its 95 % interval.
        preset: row of the preset table that tells which arms to expect; default: the one that was
            used.
        out: folder to draw in; default: graphs/ beside the arms, for several seeds
            exp_outputs/dataset_<name>_aggregated/graphs/.

    Raises:
        InvalidOptionError: no such name.
        MissingAssetError: nothing has been evaluated yet.
        CorruptFileError: an evaluation cannot be read.
        StorageError: the figures cannot be written.
    """
    experiment = recorded_experiment(name, preset)
    if seeds:
        return draw_repetitions(experiment, seeds, out)
    return draw_experiment(experiment, out)


def draw_experiment(experiment: Experiment, out: Path | None = None) -> list[Path]:
    """Draw the published graphs of a single run of an experiment; returns the paths.

    out: folder, default `exp_outputs/dataset_<name>/graphs`.
    Raises MissingAssetError where nothing has been evaluated, CorruptFileError, StorageError.
    """
    if not experiment.runs.is_dir() and (seeds := _seeds_there(experiment)):
        raise MissingAssetError(
            "this experiment has been run for several seeds only",
            path=experiment.runs,
            remedy=f"draw them together: --seeds {' '.join(map(str, seeds))}",
        )
    from visualize.curves.motion import draw_graphs  # matplotlib where it is needed

    _tell(experiment)
    return draw_graphs([experiment.runs], out)


def draw_repetitions(
    experiment: Experiment, seeds: Sequence[int], out: Path | None = None
) -> list[Path]:
    """Draw graphs of repetitions with several seeds; returns the paths.

    The published figure (a row for each seed) is `<name>_<pp>_combined_graphs`; the mean with its
    95 % interval has the names of the single run.

    out: folder, default `exp_outputs/dataset_<name>_aggregated/graphs`.
    Raises MissingAssetError where nothing has been evaluated, CorruptFileError, StorageError.
    """
    records: list[Record] = []
    for seed in dict.fromkeys(seeds):
        repetition = experiment.with_seed(seed)
        if not repetition.runs.is_dir():
            logger.warning("seed %d is not there yet: %s", seed, repetition.runs)
            continue
        _tell(repetition)
        records += read_folder(repetition.runs, seed)
    if not records:
        there = " ".join(map(str, _seeds_there(experiment)))
        raise MissingAssetError(
            "none of these seeds has been run",
            path=experiment.runs,
            found=f"seeds {there}" if there else "no seed at all",
            expected=" ".join(experiment.with_seed(seed).runs.name for seed in seeds),
        )
    from visualize.curves.figures import save_figure
    from visualize.curves.motion import published_figures

    figures = published_figures(records, experiment.name)
    out = out or experiment.runs.with_name(f"{experiment.runs.name}_aggregated") / "graphs"
    return [path for stem, figure in figures.items() for path in save_figure(figure, out / stem)]


def _seeds_there(experiment: Experiment) -> list[int]:
    """Return the seeds whose folders exist."""
    prefix = f"{experiment.runs.name}_seed_"
    found = (path.name.removeprefix(prefix) for path in OUTPUTS.glob(f"{prefix}*"))
    return sorted(int(seed) for seed in found if seed.isdigit())


def _tell(experiment: Experiment) -> None:
    """Say which arms are drawn, how far they are, and which are not there yet."""
    arms = find_arms(experiment.runs)
    reached = {arm.folder.name: arm.last for arm in arms if arm.last is not None}
    drawn = ", ".join(f"{arm} {last}" for arm, last in sorted(reached.items()))
    logger.info("%s: arms and their newest generations: %s", experiment.runs.name, drawn)
    missing = [arm.name for arm in experiment.arms() if arm.name not in reached]
    if missing:
        logger.warning("%s: not there yet: %s", experiment.runs.name, ", ".join(missing))
