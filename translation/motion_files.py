"""Motions in `.npy` files, in every layout that the field writes, as joints (F, 22, 3).

Read are HumanML3D vectors (F, 263) and joints (F, 22, 3), flat (F, 66), in the orders of SMPL (24)
and SMPL-H (52), several at once (n, F, 22, 3), as MDM has them (n, 22, 3, F), and its results.npy.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from body_models.damage import DAMAGE
from body_models.npy import read_npy
from body_models.skeleton import JOINT_COUNT, check_joints
from loop.errors import CorruptFileError, InvalidMotionError, MissingAssetError
from translation.humanml import FPS, VECTOR_SIZE, vectors_to_joints
from translation.resample import resample_joints
from translation.units import Convention, check_body, check_decoded, check_vectors

logger = logging.getLogger(__name__)

SMPL_COUNTS = (22, 24, 52, 55)
"""Joints of SMPL's family, whose first 22 are ours."""
KIT_SIZE = 251
STATISTICS = ("Mean.npy", "Std.npy")
LARGEST = 1e6
"""A kilometre in millimetres: no number of a motion is larger."""
_LAYOUTS = "(F, 263), (F, 22|24|52, 3), (F, 66), (n, F, 22, 3), (n, 22, 3, F), results.npy of MDM"
_OURS = Convention()


@dataclass(frozen=True, eq=False)
class NamedMotion:
    """One motion of a file.

    Attributes:
        name: stem of the file, with its number where the file holds several.
        joints: (F, 22, 3) metres, y up.
        fps: frames a second: 20 for vectors, what the convention says for joints.
        caption: empty where none is told.
    """

    name: str
    joints: NDArray[np.float32]
    fps: float
    caption: str = ""

    def at(self, fps: float) -> NDArray[np.float32]:
        """Resample the joints (F', 22, 3) to another rate.

        Raises:
            InvalidOptionError: a rate that is not positive.
        """
        return resample_joints(self.joints, self.fps, fps)


class Batch:
    """Goes on after files that hold no motion; names each of them, and counts them at the end.

    Args:
        source: where the files are, for the error where none is left.
    """

    def __init__(self, source: object) -> None:
        self._source, self._faults, self._count = source, list[str](), 0

    @contextmanager
    def file(self, path: Path) -> Iterator[None]:
        """Read or convert one file; an error about its content leaves it out."""
        self._count += 1
        try:
            yield
        except (InvalidMotionError, CorruptFileError) as error:
            logger.error("%s is left out: %s", path, error)
            self._faults.append(str(error))

    def finish(self) -> None:
        """Sum up; see `report_left_out`."""
        report_left_out(self._faults, self._count, self._source)


def report_left_out(faults: Iterable[str], count: int, source: object) -> None:
    """Warn of how many of `count` files were left out, by reason (the first lines of `faults`).

    Raises:
        InvalidMotionError: all of them.
    """
    reasons = Counter(fault.splitlines()[0].rstrip(".") for fault in faults)
    said = "; ".join(f"{reason} ({number})" for reason, number in reasons.most_common())
    if reasons and reasons.total() >= count:
        raise InvalidMotionError(
            "no motion could be used",
            path=str(source),
            found=f"{count} files, all left out: {said}",
            remedy="mend what the messages above name",
        )
    if reasons:
        logger.warning("%d of %d files left out: %s", reasons.total(), count, said)


def motion_paths(motions: Path) -> list[Path]:
    """List a `.npy` file, or those in a folder that are no statistics.

    Raises:
        MissingAssetError: there is none.
    """
    found = sorted(motions.glob("*.npy")) if motions.is_dir() else [motions]
    found = [path for path in found if path.name not in STATISTICS]
    if not found or not found[0].is_file():
        raise MissingAssetError("There are no motions.", path=motions, expected=".npy files")
    return found


def read_motions(path: Path, convention: Convention = _OURS) -> list[NamedMotion]:
    """Read all motions of a file; with several, their names are `<file>#<number>`.

    Args:
        path: a `.npy` file.
        convention: of its joints.

    Raises:
        MissingAssetError: no such file.
        CorruptFileError: it cannot be read, or asks for more than data.
        InvalidMotionError: no layout of ours, or no human in metres, y up (`check_body`).
    """
    content = _load(path)
    lengths, texts = None, None
    if isinstance(content, dict):
        lengths, texts = content.get("lengths"), content.get("text")
        content = content.get("motion")
    if isinstance(content, np.ndarray) and content.dtype.hasobject and content.ndim == 1:
        content = list(content)
    arrays = list(content) if isinstance(content, list | tuple) and content else [content]
    parts = [part for array in arrays for part in _split(_numbers(array, path), path)]
    if lengths is not None:
        frames = np.ravel(np.asarray(lengths))
        fits = len(frames) == len(parts) and frames.dtype.kind in "iuf" and (frames % 1 == 0).all()
        if not fits or any(not 0 < n <= len(p) for n, p in zip(frames, parts, strict=True)):
            raise _no_motion(
                path, f"lengths {frames[:5]} of motions {[p.shape for p in parts[:5]]}"
            )
        parts = [part[: int(count)] for part, count in zip(parts, frames, strict=True)]
    said = (
        [] if texts is None else [str(text) for text in np.ravel(np.asarray(texts, dtype=object))]
    )
    captions = said if len(said) == len(parts) else [""] * len(parts)
    names = [path.stem] if len(parts) == 1 else [f"{path.stem}#{k}" for k in range(len(parts))]
    return [
        NamedMotion(
            name,
            _joints(part, convention, path),
            FPS if part.shape[1:] == (VECTOR_SIZE,) else convention.fps,
            caption,
        )
        for name, part, caption in zip(names, parts, captions, strict=True)
    ]


def _joints(part: NDArray[np.float64], convention: Convention, path: Path) -> NDArray[np.float32]:
    try:
        if part.shape[1:] == (VECTOR_SIZE,):
            joints = vectors_to_joints(part)
            check_vectors(part, path)
            check_decoded(part, joints, path)
            return joints
        joints = convention.convert(check_joints(part))
    except InvalidMotionError as error:
        if error.path is not None:
            raise
        raise InvalidMotionError(
            str(error).splitlines()[0], path=path, found=error.found, expected=error.expected
        ) from error
    check_body(joints, path)
    return joints


def _numbers(content: Any, path: Path) -> NDArray[np.float64]:
    """Return an array of a file, if it may be a motion."""
    try:
        array = np.asarray(content)
    except ValueError as error:  # lists of unequal length
        raise _no_motion(path, str(error)) from error
    if array.dtype.kind not in "iuf" or not array.size or array.ndim < 2:
        raise _no_motion(path, f"{array.dtype} {array.shape}")
    with np.errstate(invalid="ignore"):  # a damaged NaN, which is named with its frame below
        array = array.astype(np.float64)
    if (largest := float(np.abs(array).max())) > LARGEST:
        raise _no_motion(path, f"numbers up to {largest:.2g}")
    return array


def _split(array: NDArray[np.float64], path: Path) -> list[NDArray[np.float64]]:
    """Split an array into its motions, each (F, 263) or (F, 22, 3)."""
    if array.ndim == 4 and array.shape[1:3] == (VECTOR_SIZE, 1):  # MDM before decoding
        array = np.moveaxis(array[:, :, 0], -1, 1)
    if array.ndim in (3, 4) and array.shape[-2] == 3 and array.shape[-3] in SMPL_COUNTS:
        array = np.moveaxis(array, -1, -3)
    if array.ndim == 2 and array.shape[1] == 3 * JOINT_COUNT:
        array = array.reshape(len(array), JOINT_COUNT, 3)
    if array.shape[-1] == VECTOR_SIZE and array.ndim in (2, 3):
        return [array] if array.ndim == 2 else list(array)
    if array.ndim in (3, 4) and array.shape[-1] == 3 and array.shape[-2] in SMPL_COUNTS:
        array = array[..., :JOINT_COUNT, :]
        if array.ndim == 4 and array.shape[1] == 1 < len(array):  # (F, 1, 22, 3), not F stills
            array = array[:, 0]
        return [array] if array.ndim == 3 else list(array)
    kit = ": the 21 joints of KIT-ML, another skeleton" if array.shape[-1] == KIT_SIZE else ""
    raise _no_motion(path, f"{array.dtype} {array.shape}{kit}")


def _no_motion(path: Path, found: str) -> InvalidMotionError:
    return InvalidMotionError(
        "The file holds no motion of a layout that we know.",
        path=path,
        found=found,
        expected=_LAYOUTS,
        remedy="save joints as numpy.save(path, joints) with joints of shape (frames, 22, 3)",
    )


def _load(path: Path) -> Any:
    """Load the array of a `.npy` file, or the dictionary pickled in it; no code of it runs."""
    if not path.is_file():
        raise MissingAssetError("There is no such motion file.", path=path)
    try:
        with path.open("rb") as file:
            array = read_npy(file)
        if not array.dtype.hasobject or array.ndim == 1:
            return array
        if array.shape != () or not isinstance(array.item(), dict):
            raise ValueError(f"objects of shape {array.shape}")
        return array.item()
    except DAMAGE as error:
        raise CorruptFileError(
            "A motion file cannot be read.",
            path=path,
            found=f"{type(error).__name__}: {error}",
            expected=_LAYOUTS,
            remedy="save it anew with numpy.save, or fetch it again",
        ) from error
