"""`python -m uhc.fixed_point --motions DIR`: whether the correction leaves real motions alone.

A correction pi is meant to move samples towards the real distribution p* and to leave that where it
is, pi(p*) = p*. Here every method corrects windows of real motion, and what comes out is held
against real windows that it was not made of: a random half of the windows, corrected, against the
other half as captured. The floor is that distance without a correction, with the band in which 95 %
of the splits fall.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from body_models.arrays import Array
from eval.metrics.frechet import fid
from eval.metrics.kid import kid
from eval.metrics.motion_spaces import MotionDistances, motion_spaces
from eval.metrics.samples import Features
from eval.metrics.statistics import Blocks
from loop.cli import command
from loop.errors import InvalidOptionError, MissingAssetError
from loop.progress import track
from loop.rundir.files import prepare_file
from uhc.clips import ClipFilter, MotionClip, choose
from uhc.controllers.registry import DEFAULT, ControllerName, create_controller
from uhc.evaluate import write_csv
from uhc.measure.plausibility import mpjpe_mm, plausibility
from uhc.measure.spectra import BANDS_HZ, LEAST_FRAMES, band_power
from uhc.options import CorrectionOptions, Method, Outcome
from uhc.workers import WorkerLostError, run_batch

logger = logging.getLogger(__name__)

Row = dict[str, object]
METHODS: tuple[Method, ...] = ("kinematic", "refined", "simulated")
REAL = "real"
SPLITS = 200
LEVEL = 0.95
SECONDS_A_WINDOW = 300.0
MIN_WINDOWS = 8


@dataclass(frozen=True)
class Windows:
    """Windows of real motion and what each method made of them.

    `joints` maps "real" and every method to N motions (F, 22, 3), metres, y up, 20 fps, and `takes`
    are the N clips that they were cut from.
    """

    joints: dict[str, list[Array]]
    takes: list[str]
    failed: int


def cut(clips: Sequence[MotionClip], frames: int, count: int) -> list[MotionClip]:
    """Cut `count` windows of `frames` frames, evenly spread over the whole windows of all clips.

    Raises:
        MissingAssetError: there are fewer than `MIN_WINDOWS`.
    """
    whole = [
        MotionClip(clip.name, clip.joints[start : start + frames])
        for clip in clips
        for start in range(0, len(clip.joints) - frames + 1, frames)
    ]
    if len(whole) < MIN_WINDOWS:
        raise MissingAssetError(
            "There are too few windows of real motion to compare halves of.",
            found=f"{len(whole)} of {frames} frames",
            expected=f"at least {MIN_WINDOWS}",
            remedy="give a larger data set, or a smaller --frames",
        )
    chosen = np.unique(np.linspace(0, len(whole) - 1, count).round().astype(int))
    return [whole[place] for place in chosen]


def correct_windows(
    windows: Sequence[MotionClip], options: CorrectionOptions, *, workers: int = 2
) -> Windows:
    """Correct every window by every method; windows that any method fails on are left out."""
    from uhc.pipeline import correct_stages  # it needs the simulator, which --help does not

    outcomes: dict[int, dict[Method, Outcome]] = {}
    limits = [SECONDS_A_WINDOW] * len(windows)
    motions = [window.joints for window in windows]
    running = run_batch(correct_stages, motions, options, workers=workers, time_limits=limits)
    with closing(running):
        for place, found in track(running, "correct real windows", len(windows)):
            if not isinstance(found, WorkerLostError) and all(o.success for o in found.values()):
                outcomes[place] = found
    joints: dict[str, list[Array]] = {REAL: [], **{method: [] for method in METHODS}}
    for place in sorted(outcomes):
        joints[REAL].append(windows[place].joints.astype(np.float64))
        for method in METHODS:
            corrected = outcomes[place][method].joints
            assert corrected is not None
            joints[method].append(corrected.astype(np.float64))
    takes = [windows[place].name for place in sorted(outcomes)]
    return Windows(joints, takes, len(windows) - len(outcomes))


def distances(windows: Windows, *, seed: int = 0) -> list[Row]:
    """Tabulate floor, band, and the value of each method, one row a measure.

    Distances of distributions are means over random splits, which keep the windows of a clip in
    one half; `inside` names the methods whose mean lies at most at the band's upper end.
    """
    real = windows.joints[REAL]
    spaces = {name: motion_spaces(joints) for name, joints in windows.joints.items()}
    whitened = MotionDistances(spaces[REAL])
    features = {name: whitened.apply(space) for name, space in spaces.items()}
    rng = np.random.default_rng(seed)
    blocks = Blocks(np.array(windows.takes))
    splits = [blocks.halves(rng) for _ in range(SPLITS)]
    rows = []
    for measure, space, distance in (
        ("kinetic Frechet", "kinetic", fid),
        ("geometric Frechet", "geometric", fid),
        ("kinetic KID", "kinetic", kid),
        ("geometric KID", "geometric", kid),
    ):
        tables = {name: each[space] for name, each in features.items()}
        rows.append(_distribution_row(measure, tables, distance, splits))
    rows += _spectra_rows(windows, splits)
    rows += [_paired_row(name, windows.joints, measure) for name, measure in PAIRED.items()]
    for name in plausibility(real[0]):
        values = {
            key: float(np.median([plausibility(each)[name] for each in joints]))
            for key, joints in windows.joints.items()
        }
        rows.append({"measure": f"{name}, median", "floor": values.pop(REAL), **values})
    return rows


def _distribution_row(
    measure: str,
    tables: Mapping[str, Features],
    distance: Callable[[Features, Features], float],
    splits: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]],
) -> Row:
    found = {
        name: np.array([distance(table[a], tables[REAL][b]) for a, b in splits])
        for name, table in tables.items()
    }
    low, high = _band(found[REAL])
    means = {name: float(values.mean()) for name, values in found.items()}
    floor = means.pop(REAL)
    inside = " ".join(name for name, value in means.items() if value <= high)
    return {"measure": measure, "floor": floor, "low": low, "high": high, **means, "inside": inside}


def _spectra_rows(
    windows: Windows, splits: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]]
) -> list[Row]:
    """Return the share of the 22 joints whose power is within the band of real halves, by band."""
    rows = []
    for kind in ("speed", "acceleration"):
        ratios, low, high = spectra_ratios(windows, splits, kind)
        for place, (start, end) in enumerate(BANDS_HZ):
            row: Row = {"measure": f"{kind}, {start:g} to {end:g} Hz, joints of 22 inside"}
            inside = []
            for method in METHODS:
                ratio = ratios[method][place]
                within = (ratio >= low[place]) & (ratio <= high[place])
                row[method] = int(within.sum())
                row[f"{method} outside"] = " ".join(map(str, np.flatnonzero(~within)))
                if within.all():
                    inside.append(method)
            median = {
                f"{method} ratio": float(np.median(ratios[method][place])) for method in METHODS
            }
            rows.append(row | {"inside": " ".join(inside)} | median)
    return rows


def spectra_ratios(
    windows: Windows,
    splits: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]],
    kind: str,
) -> tuple[dict[str, Array], Array, Array]:
    """Return power corrected / real (bands, 22), and the band of real halves.

    The band's ends (bands, 22) are quantiles, over splits, of the power of one real half over that
    of the other.
    """
    power = {
        name: np.stack([band_power(each, kind) for each in joints])
        for name, joints in windows.joints.items()
    }
    real = power[REAL]
    halves = np.stack([real[a].mean(axis=0) / real[b].mean(axis=0) for a, b in splits])
    low, high = _band(halves)
    whole = real.mean(axis=0)
    return {method: power[method].mean(axis=0) / whole for method in METHODS}, low, high


def _paired_row(
    measure: str, joints: dict[str, list[Array]], paired: Callable[[Array, Array], float]
) -> Row:
    real = joints[REAL]
    values = {
        method: float(np.median([paired(*pair) for pair in zip(joints[method], real, strict=True)]))
        for method in METHODS
    }
    return {"measure": measure, **values}


def _raised_mm(joints: Array, given: Array) -> float:
    return 1000.0 * float(joints[:, 0, 1].mean() - given[:, 0, 1].mean())


PAIRED: dict[str, Callable[[Array, Array], float]] = {
    "distance to the input, mm, median": mpjpe_mm,
    "root-aligned, mm, median": lambda a, b: mpjpe_mm(a, b, root_aligned=True),
    "root raised, mm, median": _raised_mm,
    "root raised or lowered, mm, median": lambda a, b: abs(_raised_mm(a, b)),
}


def _band(values: Array) -> tuple[Array, Array]:
    tail = (1.0 - LEVEL) / 2.0
    low, high = np.quantile(values, [tail, 1.0 - tail], axis=0)
    return low, high


def main(
    motions: Path,
    out: Path = Path("fixed_point.csv"),
    choice: ClipFilter = ClipFilter(originals=True, upright=True),  # noqa: B008 - frozen
    windows: int = 72,
    frames: int = 60,
    controller: ControllerName = DEFAULT,
    controller_weights: Path | None = None,
    workers: int = 2,
) -> None:
    """Correct windows of real motion and say how far each method moves their distribution.

    Args:
        motions: data set in HumanML3D layout, or folder of .npy files with joints (F, 22, 3) in
            metres, y up, at 20 fps.
        out: CSV file to write; the spectra go beside it as .png.
        choice: which of them.
        windows: how many, at most.
        frames: of each, 12 at least; 60 are 3 seconds.
        controller: see `uhc.controllers.registry`.
        controller_weights: default: those that come along, or where prepare/download_uhc.sh puts
            them.
        workers: processes.
    """
    if min(workers, frames - LEAST_FRAMES + 1, windows - MIN_WINDOWS + 1) < 1:
        raise InvalidOptionError(
            "Too few workers, frames or windows.",
            found=(workers, frames, windows),
            expected=f"1, {LEAST_FRAMES} and {MIN_WINDOWS} at least",
        )
    options = CorrectionOptions(
        controller=create_controller(controller, controller_weights), also=METHODS
    )
    prepare_file(out)
    given = [clip for clip in choose(motions, choice) if not clip.fault]
    corrected = correct_windows(cut(given, frames, windows), options, workers=workers)
    if corrected.failed:
        logger.warning("%d windows failed and are left out", corrected.failed)
    rows = distances(corrected)
    write_csv(rows, out, digits=3)
    _show(rows, len(corrected.takes))
    draw(corrected, out.with_suffix(".png"))
    logger.info("Wrote %s and %s", out, out.with_suffix(".png"))


def _show(rows: Sequence[Row], count: int) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{count} windows of real motion")
    headings = ("measure", "floor", "low", "high", *METHODS, "inside")
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "measure" else "right")
    for row in rows:
        cells = (row.get(heading, "") for heading in headings)
        table.add_row(*(f"{cell:.3g}" if isinstance(cell, float) else str(cell) for cell in cells))
    Console().print(table)


def draw(windows: Windows, path: Path) -> None:
    """Draw the spectra of speed and acceleration, means over windows and joints, to a PNG."""
    from uhc.measure.spectra import draw_spectra

    draw_spectra(windows.joints, path)


if __name__ == "__main__":
    import tyro

    with command():
        tyro.cli(main, prog="python -m uhc.fixed_point", config=(tyro.conf.OmitArgPrefixes,))
