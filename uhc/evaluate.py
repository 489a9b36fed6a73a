"""`python -m uhc.evaluate --motions DIR --out FILE.csv`: what the correction does to clips.

One row a clip: did it succeed, how far was it moved, how much help did it need, and how plausible
are the input, the kinematic control and the result.
"""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from loop.cli import command
from loop.errors import InvalidMotionError, InvalidOptionError
from loop.progress import track
from loop.rundir.files import write_bytes
from model.ik import IK
from translation.units import Convention
from uhc.clips import Choice, Clip, choose, upright
from uhc.controllers import registry as controllers
from uhc.controllers.tracker import CLAMP_LADDER_N, TrackerOptions
from uhc.measure.plausibility import plausibility
from uhc.pipeline import correct_stages
from uhc.request import ContactChoice, Controller, Method, Outcome, Request
from uhc.workers import WorkerLostError, run_batch

logger = logging.getLogger(__name__)

MEASURES = tuple(plausibility(np.zeros((2, 22, 3))))
SECONDS_A_CLIP = 300.0
"""A worker may take this long for a window, of 9.8 s at most: a hundred times the usual."""
STAGES: tuple[Method, ...] = ("kinematic", "refined")
"""What is told of beside the result; the refined motion only where it is on the way."""
Row = dict[str, object]


def evaluate(
    clips: Sequence[Clip],
    method: Method = "simulated",
    *,
    workers: int = 2,
    tracker: TrackerOptions | None = None,
    controller: Controller | None = None,
    alone: bool = False,
    contacts: ContactChoice = "auto",
    ik: IK = "analytic",
    dump_folder: Path | None = None,
) -> list[Row]:
    """One row a clip, in order; numbers that do not exist are None.

    `controller` follows refined motions, `alone` or where the tracker needs help; without one the
    tracker does, as its options say. `contacts` may bear load; `ik` puts clips on the body. States
    of simulations that diverged are saved in `dump_folder`.
    """
    request = Request(
        method,
        STAGES if method == "simulated" else STAGES[:1],
        tracker=tracker or TrackerOptions(),
        controller=controller,
        alone=alone,
        contacts=contacts,
        ik=ik,
        dump_folder=dump_folder,
    )
    places = [place for place, clip in enumerate(clips) if not clip.fault]
    rows = [_row(clip, _lost(clip.fault), {}) for clip in clips]
    running = run_batch(
        correct_stages,
        [clips[place].joints for place in places],
        request,
        workers=workers,
        time_limits=[SECONDS_A_CLIP] * len(places),
    )
    with closing(running):
        for index, found in track(running, f"evaluate {method}", len(places)):
            clip = clips[places[index]]
            if isinstance(found, WorkerLostError):
                rows[places[index]] = _row(clip, _lost(str(found)), {})
            else:
                rows[places[index]] = _row(clip, found[method], found)
    return rows


def _lost(why: str) -> Outcome:
    return Outcome(None, False, "none", why.partition("\n")[0])


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
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, text.getvalue().encode())


def summary(rows: Sequence[Row]) -> list[tuple[str, str, str, str]]:
    """Lines of (measure, input, kinematic, result): success, and medians over successes."""
    done = [row for row in rows if row["success"]]
    if not done:
        return [("success", "", "", f"0 of {len(rows)}")]
    share = f"{len(done)} of {len(rows)} ({len(done) / len(rows):.0%})"
    unaided = np.mean([row["clamp_n"] == 0 for row in done])
    lines = [("success", "", "", share), ("share without help", "", "", f"{unaided:.2f}")]
    for name in ("mpjpe_mm", "root_aligned_mm"):
        lines.append((name, "", _median(done, f"kinematic_{name}"), _median(done, name)))
    for name in ("residual_force_bw", "residual_torque_bwm", "seconds"):
        lines.append((name, "", "", _median(done, name)))
    for name in MEASURES:
        before = _median(done, f"input_{name}"), _median(done, f"kinematic_{name}")
        lines.append((name, *before, _median(done, name)))
    return lines


def _row(clip: Clip, result: Outcome, stages: Mapping[Method, Outcome]) -> Row:
    kinematic, refined = (stages.get(stage, _lost("")) for stage in STAGES)
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


def _cell(value: object, digits: int) -> object:
    if isinstance(value, float):
        return f"{value:.{digits}f}" if np.isfinite(value) else ""
    return "" if value is None else value


def _median(rows: Sequence[Row], column: str) -> str:
    values = [row[column] for row in rows]
    numbers = [value for value in values if isinstance(value, float) and np.isfinite(value)]
    return f"{np.median(numbers):.3f}" if numbers else ""


def _show(rows: Sequence[Row], which: str) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{len(rows)} {which} clips, medians over successful ones")
    for heading in ("measure", "input", "kinematic", "result"):
        table.add_column(heading, justify="left" if heading == "measure" else "right")
    for line in summary(rows):
        table.add_row(*line)
    Console().print(table)


def main(
    motions: Path,
    out: Path,
    choice: Choice = Choice(),  # noqa: B008 - frozen, and tyro reads its fields from it
    convention: Convention = Convention(),  # noqa: B008
    method: Method = "simulated",
    controller: controllers.Name = controllers.DEFAULT,
    controller_weights: Path | None = None,
    alone: bool = False,
    most_help: float = CLAMP_LADDER_N[-1],
    contacts: ContactChoice = "auto",
    ik: IK = "analytic",
    workers: int = 2,
) -> None:
    """Correct every clip of a folder and write one row a clip.

    Args:
        motions: data set in HumanML3D layout, folder of .npy files, or one file.
        out: CSV file to write; states of simulations that diverge go to diverged/ beside it.
        choice: which of them.
        convention: of joints in files.
        method: none, kinematic, refined or simulated.
        controller: who follows in simulation.
        controller_weights: default: those that come along, or where prepare/download_uhc.sh puts
            them.
        alone: without the tracker, which otherwise goes before a policy or a search, and helps
            where they fall.
        most_help: largest bound of the residual root wrench that the tracker may try, N and Nm an
            axis; 0 is no help at all, as the policy gets none.
        contacts: what may bear load, the feet or the body; auto: the body in floor work.
        ik: inverse kinematics: analytic, or vposer (published; needs its checkpoint).
        workers: processes.
    """
    if workers < 1:
        raise InvalidOptionError("There must be a worker.", found=workers, expected=">= 1")
    clips = choose(motions, choice, convention)
    rows = evaluate(
        clips,
        method,
        workers=workers,
        tracker=TrackerOptions(ladder=tuple(n for n in CLAMP_LADDER_N if n <= most_help)),
        controller=controllers.controller_named(controller, controller_weights),
        alone=alone,
        contacts=contacts,
        ik=ik,
        dump_folder=out.parent / "diverged",
    )
    write_csv(rows, out)
    if all(clip.fault for clip in clips):
        raise InvalidMotionError(
            "No motion could be read.", path=motions, found=f"{len(clips)} files left out"
        )
    for which, value in (("upright", 1), ("floor work and unreadable", 0)):
        if some := [row for row in rows if row["upright"] == value]:
            _show(some, which)
    logger.info("Wrote %s", out)


if __name__ == "__main__":
    import tyro

    with command():
        tyro.cli(main, prog="python -m uhc.evaluate", config=(tyro.conf.OmitArgPrefixes,))
