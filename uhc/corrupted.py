"""`python -m uhc.corrupted --motions DIR --out FILE.csv`: how near to clean are corrected motions.

Every clip is corrupted in known ways (`uhc.measure.corruptions`), and what each stage makes of it
is compared with the clean clip: one row a clip, corruption and seed, and a table of medians.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import tyro
from numpy.typing import NDArray

from loop.cli import command
from loop.errors import InvalidOptionError, MissingAssetError
from loop.progress import track
from loop.rundir.files import prepare_file
from uhc.clips import ClipFilter, MotionClip, choose
from uhc.controllers.registry import DEFAULT, ControllerName, create_controller
from uhc.evaluate import show_table, write_csv
from uhc.measure.corruptions import KINDS
from uhc.options import CorrectionOptions
from uhc.trials import COLUMNS, STAGES, Row, Trials, run_trials
from uhc.workers import WorkerLostError, run_batch

logger = logging.getLogger(__name__)

SECONDS_A_TRIAL = 60.0
RESAMPLES = 2000
MOTIONS = ("input", *STAGES)


def try_clips(clips: Sequence[MotionClip], trials: Trials, *, workers: int = 2) -> list[Row]:
    """Run the trials of all clips; a clip that is no motion is logged and has no rows."""
    limit = SECONDS_A_TRIAL * (len(trials.kinds) * trials.seeds + 2)
    limits = [limit] * len(clips)
    rows: dict[int, list[Row]] = {}
    running = run_batch(run_trials, clips, trials, workers=workers, time_limits=limits)
    with closing(running):
        for index, found in track(running, "corrupt and correct", len(clips)):
            rows[index] = [] if isinstance(found, WorkerLostError) else found
            if not rows[index]:
                logger.warning("%s gives no rows: %s", clips[index].name, found or "no motion")
    return [row for index in range(len(clips)) for row in rows[index]]


def by_clip(rows: Sequence[Row], column: str) -> NDArray[np.float64]:
    """Average a column over each clip's draws (clips,); draws without a number are left out."""
    found: dict[object, list[float]] = {}
    for row in rows:
        value = row.get(column)
        if isinstance(value, int | float) and np.isfinite(value):
            found.setdefault(row["id"], []).append(float(value))
    return np.array([float(np.mean(values)) for values in found.values()])


def ratio_of_medians(rows: Sequence[Row], column: str) -> tuple[float, float, float]:
    """Compare simulated with kinematic: ratio of medians over clips, bootstrap 95 % interval."""
    whole = [row for row in rows if f"simulated_{column}" in row]
    above, below = (by_clip(whole, f"{stage}_{column}") for stage in ("simulated", "kinematic"))
    if not len(above):
        return float("nan"), float("nan"), float("nan")
    draws = np.random.default_rng(0).integers(len(above), size=(RESAMPLES, len(above)))
    ratios = np.median(above[draws], axis=1) / np.median(below[draws], axis=1)
    low, high = np.percentile(ratios, (2.5, 97.5))
    return float(np.median(above) / np.median(below)), float(low), float(high)


def summary(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """Summarise rows as (corruption, measure, each of `MOTIONS`, simulated / kinematic)."""
    lines: list[tuple[str, ...]] = []
    for kind in dict.fromkeys(row["corruption"] for row in rows):
        some = [row for row in rows if row["corruption"] == kind]
        done = sum(bool(row["success"]) for row in some)
        lines.append((str(kind), "success", "", "", "", f"{done} of {len(some)}", ""))
        for column in (*COLUMNS, "force_bw"):
            medians = [by_clip(some, f"{motion}_{column}") for motion in MOTIONS]
            cells = [f"{np.median(each):.3g}" if len(each) else "" for each in medians]
            interval = ""
            if column in ("global", "aligned"):
                interval = "{:.2f} ({:.2f} to {:.2f})".format(*ratio_of_medians(some, column))
            lines.append(("", column, *cells, interval))
    return lines


def main(
    motions: Path,
    out: Path,
    choice: ClipFilter = ClipFilter(),  # noqa: B008 - frozen, and tyro reads its fields from it
    controller: ControllerName = DEFAULT,
    controller_weights: Path | None = None,
    corruptions: tuple[str, ...] = KINDS,
    seeds: int = 2,
    workers: int = 2,
) -> None:
    """Corrupt clips, correct them, and say how far each stage's motion is from the clean one.

    Args:
        motions: data set in HumanML3D layout, or folder of .npy files with joints (F, 22, 3) in
            metres, y up, at 20 fps.
        out: CSV file to write.
        choice: which clips.
        controller: see `uhc.controllers.registry`.
        controller_weights: file of its weights; default: those that come along, or where
            prepare/download_uhc.sh puts them.
        corruptions: kinds to try: clean (none), noise (30 mm), height (5 to 15 cm), travel (feet
            slide), shake (5 Hz), slide (one foot).
        seeds: draws per clip of each kind that is random.
        workers: processes; no result depends on it.
    """
    if unknown := set(corruptions) - set(KINDS):
        raise InvalidOptionError("Unknown corruption.", found=sorted(unknown), expected=KINDS)
    if min(workers, seeds) < 1:
        raise InvalidOptionError("There must be a worker and a seed.", expected=">= 1")
    options = CorrectionOptions(
        controller=create_controller(controller, controller_weights), also=STAGES
    )
    prepare_file(out)
    trials = Trials(corruptions, seeds, options)
    rows = try_clips(choose(motions, choice), trials, workers=workers)
    if not rows:
        raise MissingAssetError("None of these clips is a motion.", path=motions)
    write_csv(rows, out, digits=2)
    title = f"{len({row['id'] for row in rows})} clips, medians over clips of the mean over draws"
    headings = ("corruption", "measure", *MOTIONS, "simulated / kinematic")
    show_table(title, headings, summary(rows), 2)
    logger.info("Wrote %s", out)


if __name__ == "__main__":
    with command():
        tyro.cli(main, prog="python -m uhc.corrupted", config=(tyro.conf.OmitArgPrefixes,))
