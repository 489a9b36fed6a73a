"""Motions on disk: single files, and the samples of a generation with their corrections."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from domains.motion.files import CORRECTED, FOLDER, SAMPLED
from loop.errors import CorruptFileError, InvalidMotionError, MissingAssetError
from loop.rundir.read import find_arms, newest
from translation.humanml import VECTOR_SIZE, vectors_to_joints


@dataclass(frozen=True)
class SampleFiles:
    """Files of a synthetic motion; `corrected` is None where no correction delivered one."""

    id: str
    sampled: Path
    corrected: Path | None


def find_samples(generation: Path) -> list[SampleFiles]:
    """List the synthetic motions that a generation's folder still holds, by id."""
    found = []
    for path in sorted((generation / FOLDER).glob(f"*{SAMPLED}")):
        clip = path.name.removesuffix(SAMPLED)
        corrected = path.with_name(f"{clip}{CORRECTED}")
        found.append(SampleFiles(clip, path, corrected if corrected.exists() else None))
    return found


def newest_generation(outputs: Path) -> Path:
    """Find the newest generation with synthetic motions of all runs in `outputs`.

    Raises:
        MissingAssetError: there is none.
    """
    arms = [arm for runs in sorted(outputs.glob("*")) for arm in find_arms(runs)]
    kept = [arm for arm in arms if arm.last is not None and find_samples(arm.generation(arm.last))]
    found = newest(kept)
    if found is None:
        raise MissingAssetError(
            "no run has made motions yet",
            path=outputs,
            expected=f"<runs>/<arm>/generation_<g>/{FOLDER}/<id>{SAMPLED}",
            remedy="bash exp_scripts/quickstart.sh makes some, or name .npy files",
        )
    arm, generation = found
    return arm.generation(generation)


def read_joints(path: Path, *, append_next: bool = False) -> NDArray[np.float32]:
    """Read joints (F, 22, 3), metres, y up, from a .npy file of joints or HumanML3D vectors.

    Args:
        path: the file; vectors have the shape (F, 263).
        append_next: add the frame F + 1 that vectors lead to, which the correction sees as well.

    Raises:
        MissingAssetError, CorruptFileError, InvalidMotionError: each with the path.
    """
    try:
        array = np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise MissingAssetError("no such motion file", path=path) from error
    except (ValueError, EOFError, OSError) as error:
        raise CorruptFileError(
            "not a readable .npy file", path=path, found=error, expected="an array of numbers"
        ) from error
    if array.ndim == 2 and array.shape[1] == VECTOR_SIZE:
        return vectors_to_joints(array, append_next=append_next)
    if array.ndim == 3 and array.shape[1:] == (22, 3):
        return array.astype(np.float32)
    raise InvalidMotionError(
        "not a motion", path=path, found=array.shape, expected="(F, 22, 3) or (F, 263)"
    )
