"""`python -m uhc.evaluate --motions DIR --out FILE.csv`: what the correction does to clips.

One row a clip: did it succeed, how far was it moved, how much residual force did it take, and how
plausible are the input, the kinematic control and the result.
"""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from numpy.typing import NDArray

from loop.cli import command
from loop.errors import InvalidOptionError
from loop.progress import track
from loop.rundir.files import prepare_file, write_bytes
from model.ik import IK
from translation.motion_files import report_left_out
from translation.units import Convention
from uhc.clips import ClipFilter, MotionClip, choose, floor_height, upright
from uhc.controllers.registry import DEFAULT, ControllerName, create_controller
from uhc.humanoid.body import ContactChoice
from uhc.measure.plausibility import float_mm, plausibility
from uhc.options import CorrectionOptions, Method, Outcome, failed_outcome
from uhc.workers import WorkerLostError, run_batch

logger = logging.getLogger(__name__)

MEASURES = tuple(plausibility(np.zeros((2, 22, 3))))
FLIGHT_M = 0.03
"""Height of the lowest joint over the floor above which a motion is in flight."""
SECONDS_A_CLIP = 300.0
"""A worker may take this long for a window, of 9.8 s at most: a hundred times the usual."""
STAGES: tuple[Method, ...] = ("kinematic", "refined")
"""What is told of beside the result; the refined motion only where it is on the way."""
Row = dict[str, object]


def evaluate(
    clips: Sequence[MotionClip], options: CorrectionOptions | None = None, *, workers: int = 2
) -> list[Row]:
    """Correct clips and give one row a clip, in order; numbers that do not exist are None."""
    from uhc.pipeline import correct_stages  # it needs the simulator, which --help does not

    options = options or CorrectionOptions()
    also = STAGES if options.method == "simulated" else STAGES[:1]
    places = [place for place, clip in enumerate(clips) if not clip.fault]
    rows = [_row(clip, failed_outcome(clip.fault), {}) for clip in clips]
    running = run_batch(
        correct_stages,
        [clips[place].joints for place in places],
        replace(options, also=also),
        workers=workers,
        time_limits=[SECONDS_A_CLIP] * len(places),
    )
    with closing(running):
        for index, found in track(running, f"evaluate {options.method}", len(places)):
            clip = clips[places[index]]
            if isinstance(found, WorkerLostError):
                rows[places[index]] = _row(clip, failed_outcome(found), {})
            else:
                rows[places[index]] = _row(clip, found[options.method], found)
    return rows


def write_csv(rows: Sequence[Row], path: Path, digits: int = 4) -> None:
    """Write the rows atomically; None and NaN become empty cells. Raises StorageError.

    The columns are those of all rows; `digits` are kept after the point.
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=names, restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: _cell(value, digits) for key, value in row.items()})
    prepare_file(path)
    write_bytes(path, text.getvalue().encode())


def summary(rows: Sequence[Row]) -> list[tuple[str, str, str, str]]:
    """Summarise rows as (measure, input, kinematic, result): medians over successes."""
    done = [row for row in rows if row["success"]]
    if not done:
        return [("success", "", "", f"0 of {len(rows)}")]
    share = f"{len(done)} of {len(rows)} ({len(done) / len(rows):.0%})"
    unaided = np.mean([row["clamp_n"] == 0 for row in done])
    lines = [("success", "", "", share), ("without residual force", "", "", f"{unaided:.2f}")]
    for name in ("mpjpe_mm", "root_aligned_mm"):
        lines.append((name, "", _median(done, f"kinematic_{name}"), _median(done, name)))
    for name in ("residual_force_bw", "residual_torque_bwm", "grounded_float_mm", "seconds"):
        lines.append((name, "", "", _median(done, name)))
    for name in MEASURES:
        before = _median(done, f"input_{name}"), _median(done, f"kinematic_{name}")
        lines.append((name, *before, _median(done, name)))
    return lines


def _row(clip: MotionClip, result: Outcome, stages: Mapping[Method, Outcome]) -> Row:
    kinematic, refined = (stages.get(stage, failed_outcome("")) for stage in STAGES)
    return {
        "id": clip.name,
        "frames": len(clip.joints),
        "upright": int(len(clip.joints) > 0 and upright(clip.joints)),
        "success": int(result.success),
        "reason": result.reason,
        "method": result.method_used,
        "contacts": result.contacts,
        "mpjpe_mm": result.mpjpe_mm,
        "root_aligned_mm": result.root_aligned_mm,
        "clamp_n": result.clamp_n,
        "residual_force_bw": result.residual_force_bw,
        "residual_torque_bwm": result.residual_torque_bwm,
        **_measures("", result.joints),
        "grounded_float_mm": _grounded_float_mm(clip.joints, result.joints),
        "seconds": result.seconds,
        **_measures("input_", clip.joints if kinematic.joints is not None else None),
        "kinematic_mpjpe_mm": kinematic.mpjpe_mm,
        "kinematic_root_aligned_mm": kinematic.root_aligned_mm,
        "kinematic_unexplained_force_bw": kinematic.unexplained_force_bw,
        **_measures("kinematic_", kinematic.joints),
        "refined_mpjpe_mm": refined.mpjpe_mm,
        "refined_root_aligned_mm": refined.root_aligned_mm,
        "refined_unexplained_force_bw": refined.unexplained_force_bw,
    }


def _measures(prefix: str, joints: NDArray[np.float32] | None) -> Row:
    if joints is None or len(joints) < 2:
        return {prefix + name: None for name in MEASURES}
    return {prefix + name: value for name, value in plausibility(joints).items()}


def _grounded_float_mm(given: NDArray[np.floating], result: NDArray[np.floating] | None) -> float:
    """Measure how a result floats where its input is not in flight: jumps are no fault."""
    if result is None or not len(result):
        return float("nan")
    lowest = given[: len(result), :, 1].min(axis=1)
    on_floor = lowest <= floor_height(given) + FLIGHT_M
    return float_mm(result[on_floor]) if on_floor.any() else 0.0


def _cell(value: object, digits: int) -> object:
    if isinstance(value, float):
        return f"{value:.{digits}f}" if np.isfinite(value) else ""
    return "" if value is None else value


def _median(rows: Sequence[Row], column: str) -> str:
    values = [row[column] for row in rows]
    numbers = [value for value in values if isinstance(value, float) and np.isfinite(value)]
    return f"{np.median(numbers):.3f}" if numbers else ""


def show_table(
    title: str, headings: Sequence[str], rows: Iterable[Sequence[str]], words: int
) -> None:
    """Print a table whose first `words` columns hold words, the others numbers."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title)
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="left" if place < words else "right")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def main(
    motions: Path,
    out: Path,
    choice: ClipFilter = ClipFilter(),  # noqa: B008 - frozen, and tyro reads its fields from it
    convention: Convention = Convention(),  # noqa: B008
    method: Method = "simulated",
    controller: ControllerName = DEFAULT,
    controller_weights: Path | None = None,
    alone: bool = False,
    max_residual_force: Annotated[float, tyro.conf.arg(aliases=("--most-help",))] = float("inf"),
    contacts: ContactChoice = "auto",
    ik: IK = "analytic",
    workers: int = 2,
) -> None:
    """Correct every clip of a folder and write one row a clip.

    Args:
        motions: data set in HumanML3D layout, folder of .npy files, or one file.
        out: CSV file to write; states of simulations that diverge go to diverged/ beside it.
        choice: which clips.
        convention: of joints in files.
        method: none, kinematic (inverse kinematics and clean-up), refined (made dynamically
            feasible) or simulated (tracked in MuJoCo).
        controller: see `uhc.controllers.registry`.
        controller_weights: file of its weights; default: those that come along, or where
            prepare/download_uhc.sh puts them.
        alone: leave out the tracker's attempts before and after a policy or a search.
        max_residual_force: largest residual-force level that the tracker may try, of 0, 25, 50,
            100 and 200: bound of the root wrench on each axis, N and Nm.
        contacts: what may bear load, the feet or the whole body; auto: the body in floor work.
        ik: inverse kinematics: analytic, or vposer (published; needs its checkpoint).
        workers: processes; no result depends on it.
    """
    if workers < 1:
        raise InvalidOptionError("There must be a worker.", found=workers, expected=">= 1")
    options = CorrectionOptions(
        method,
        create_controller(
            controller, controller_weights, alone=alone, max_residual_force=max_residual_force
        ),
        contacts=contacts,
        ik=ik,
        dump_folder=out.parent / "diverged",
    )
    prepare_file(out)
    clips = choose(motions, choice, convention)
    rows = evaluate(clips, options, workers=workers)
    write_csv(rows, out)
    report_left_out([clip.fault for clip in clips if clip.fault], len(clips), motions)
    for which, value in (("upright", 1), ("floor work and unreadable", 0)):
        if some := [row for row in rows if row["upright"] == value]:
            title = f"{len(some)} {which} clips, medians over successful ones"
            show_table(title, ("measure", "input", "kinematic", "result"), summary(some), 1)
    logger.info("Wrote %s", out)


if __name__ == "__main__":
    with command():
        tyro.cli(main, prog="python -m uhc.evaluate", config=(tyro.conf.OmitArgPrefixes,))
