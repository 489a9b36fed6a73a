"""`python -m uhc.evaluate --motions DIR --out FILE.csv`: what the correction does to clips.

One row a clip: did it succeed, how far was it moved, how much help did it need, and how plausible
are the input, the kinematic control and the result.
"""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from loop.atomic import write_bytes
from loop.command import command
from loop.errors import CorruptFileError, InvalidOptionError, MissingAssetError, ScscError
from translation.humanml import VECTOR_SIZE, vectors_to_joints
from uhc.imitate import Method, correct_joints
from uhc.pipeline import Outcome
from uhc.plausibility import plausibility

logger = logging.getLogger(__name__)

MAX_FRAMES = 196
"""Longest window, 9.8 s: HumanML3D's longest clip."""
MEASURES = tuple(plausibility(np.zeros((2, 22, 3))))
_MOTION_FOLDERS = ("new_joints", "new_joint_vecs")

Row = dict[str, object]


@dataclass(frozen=True)
class Clip:
    """A window of a motion: joints (F, 22, 3) in metres, y up, 20 fps, or why there are none."""

    name: str
    joints: NDArray[np.float32]
    fault: str = ""


def read_motions(folder: Path) -> list[Clip]:
    """All motions of a data set in HumanML3D layout, or of a folder of .npy files.

    A file may hold joints (F, 22, 3) or vectors (F, 263). Clips above 9.8 s are cut into equal
    windows, named `<file>#<number>`. An unreadable file becomes a clip with a `fault`.

    Raises:
        MissingAssetError: no such folder, or no .npy file in it.
    """
    inner = next((folder / name for name in _MOTION_FOLDERS if (folder / name).is_dir()), folder)
    files = sorted(inner.glob("*.npy")) if inner.is_dir() else []
    files = [file for file in files if file.name not in ("Mean.npy", "Std.npy")]
    if not files:
        raise MissingAssetError(
            "There are no motions to evaluate.",
            path=inner,
            expected="a data set in HumanML3D layout, or .npy files of joints (F, 22, 3)",
        )
    clips: list[Clip] = []
    for file in files:
        try:
            clips += _windows(file.stem, _read(file))
        except ScscError as error:
            logger.warning("%s", error)
            clips.append(Clip(file.stem, np.zeros((0, 22, 3), np.float32), _first_line(error)))
    return clips


def evaluate(clips: Sequence[Clip], method: Method = "simulated", *, workers: int = 2) -> list[Row]:
    """One row a clip, in order; numbers that do not exist are None."""
    sound = [clip.joints for clip in clips if not clip.fault]
    kinematic = iter(correct_joints(sound, "kinematic", workers=workers))
    corrected = iter(correct_joints(sound, method, workers=workers))
    rows = []
    for clip in clips:
        if clip.fault:
            lost = Outcome(None, False, "none", clip.fault)
            rows.append(_row(clip, lost, lost))
        else:
            rows.append(_row(clip, next(corrected), next(kinematic)))
    return rows


def write_csv(rows: Sequence[Row], path: Path) -> None:
    """Write the rows atomically; None and NaN become empty cells. Raises StorageError."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: _cell(value) for key, value in row.items()})
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


def _read(file: Path) -> NDArray[np.float32]:
    try:
        array = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise CorruptFileError("A motion file cannot be read.", path=file, found=error) from error
    if array.ndim == 2 and array.shape[1] == VECTOR_SIZE:
        return vectors_to_joints(array)
    if array.ndim != 3 or array.shape[1:] != (22, 3) or not np.issubdtype(array.dtype, np.number):
        raise CorruptFileError(
            "A motion file has the wrong shape.",
            path=file,
            found=f"{array.shape} {array.dtype}",
            expected="joints (F, 22, 3) or vectors (F, 263)",
        )
    return array.astype(np.float32)


def _windows(name: str, joints: NDArray[np.float32]) -> list[Clip]:
    count = max(1, -(-len(joints) // MAX_FRAMES))
    if count == 1:
        return [Clip(name, joints)]
    return [Clip(f"{name}#{k}", part) for k, part in enumerate(np.array_split(joints, count))]


def _row(clip: Clip, result: Outcome, kinematic: Outcome) -> Row:
    return {
        "id": clip.name,
        "frames": len(clip.joints),
        "success": int(result.success),
        "reason": result.reason,
        "method": result.method_used,
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
    }


def _measures(prefix: str, joints: NDArray[np.float32] | None) -> Row:
    if joints is None or len(joints) < 2:
        return {prefix + name: None for name in MEASURES}
    return {prefix + name: value for name, value in plausibility(joints).items()}


def _cell(value: object) -> object:
    if isinstance(value, float):
        return f"{value:.4f}" if np.isfinite(value) else ""
    return "" if value is None else value


def _median(rows: Sequence[Row], column: str) -> str:
    values = [row[column] for row in rows]
    numbers = [value for value in values if isinstance(value, float) and np.isfinite(value)]
    return f"{np.median(numbers):.3f}" if numbers else ""


def _first_line(error: ScscError) -> str:
    return str(error).splitlines()[0]


def _show(rows: Sequence[Row]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{len(rows)} clips, medians over successful ones")
    for heading in ("measure", "input", "kinematic", "result"):
        table.add_column(heading, justify="left" if heading == "measure" else "right")
    for line in summary(rows):
        table.add_row(*line)
    Console().print(table)


def main(motions: Path, out: Path, method: Method = "simulated", workers: int = 2) -> None:
    """Correct every clip of a folder and write one row a clip.

    Args:
        motions: data set in HumanML3D layout, or folder of .npy files with joints (F, 22, 3) in
            metres, y up, at 20 fps.
        out: CSV file to write.
        method: none, kinematic, refined or simulated.
        workers: processes.
    """
    if workers < 1:
        raise InvalidOptionError("There must be a worker.", found=workers, expected=">= 1")
    rows = evaluate(read_motions(motions), method, workers=workers)
    write_csv(rows, out)
    _show(rows)
    logger.info("Wrote %s", out)


if __name__ == "__main__":
    import tyro

    with command():
        tyro.cli(main, prog="python -m uhc.evaluate")
