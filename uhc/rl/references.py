"""References to learn from: motions fitted to one body, cleaned and refined, and kept in a file.

References are refined first (`uhc.refine.solve`), because the same is done to what the controller
will be asked to follow; noisy copies teach it what refinement makes of bad input.
"""

from __future__ import annotations

import json
import logging
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from body_models.skeleton import DEFAULT_SKELETON, Skeleton
from loop.errors import CorruptFileError, MissingAssetError
from loop.progress import track
from loop.rundir.files import prepare_file, storage
from translation.humanml import FPS
from translation.ik import solve_ik
from uhc.clips import MotionClip
from uhc.control.simulation import CLIP_FAULTS
from uhc.humanoid.body import Humanoid
from uhc.humanoid.cleanup import clean
from uhc.humanoid.fitting import foot_drop
from uhc.humanoid.model import build_humanoid, pose_to_qpos
from uhc.measure.corruptions import CLEAN, corrupt
from uhc.refine.solve import refine_firmly
from uhc.rl.environment import ReferenceClip
from uhc.workers import run_batch

logger = logging.getLogger(__name__)

SECONDS_A_CLIP = 180.0


@dataclass(frozen=True)
class Body:
    """The one body that a set of references shares."""

    skeleton: Skeleton
    foot_drop: float

    def humanoid(self) -> Humanoid:
        """Build its simulated form."""
        return build_humanoid(self.skeleton, self.foot_drop)


Task: TypeAlias = tuple[NDArray[np.float64], int | None]
"""Joints (F, 22, 3), and the number of their noisy copy; None for themselves."""


def shared_body(clips: Sequence[MotionClip]) -> Body:
    """Give the default skeleton feet as high as these clips' resting feet."""
    some = np.concatenate([clip.joints for clip in clips]).astype(np.float64)
    return Body(DEFAULT_SKELETON, foot_drop(some))


def build_references(
    clips: Sequence[MotionClip], body: Body, noisy: int, workers: int
) -> list[ReferenceClip]:
    """Refine motions, and `noisy` copies of each with 30 mm of smooth noise before cleaning.

    Names end with ~clean, or ~ and the number of the copy. A clip that cannot be refined is left
    out and named in the log.
    """
    draws = [None, *range(noisy)]
    tasks: list[Task] = [(c.joints.astype(np.float64), draw) for c in clips for draw in draws]
    names = [f"{clip.name}~{CLEAN if d is None else d}" for clip in clips for d in draws]
    found: dict[int, NDArray[np.float64]] = {}
    limits = [SECONDS_A_CLIP] * len(tasks)
    running = run_batch(_refined, tasks, body, workers=workers, time_limits=limits)
    for index, poses in track(running, "refine references", total=len(tasks)):
        if isinstance(poses, np.ndarray):
            found[index] = poses
        else:
            logger.warning("no reference of %s: %s", names[index], str(poses).splitlines()[0])
    return [ReferenceClip(names[i], found[i]) for i in sorted(found)]


def _refined(task: Task, body: Body) -> NDArray[np.float64] | Exception:
    joints, noise = task
    joints = joints if noise is None else corrupt(joints, "noise", noise)
    try:
        solution = solve_ik([joints], body.skeleton, threads=1)[0]
        humanoid = body.humanoid()
        raw = pose_to_qpos(humanoid, solution.root_position, solution.local_quat_wxyz)
        return refine_firmly(humanoid, clean(humanoid, raw, FPS), FPS).qpos
    except CLIP_FAULTS as error:
        return error


def is_clean(reference: ReferenceClip) -> bool:
    """Tell whether `build_references` added no noise."""
    return reference.name.endswith(f"~{CLEAN}")


def save_references(path: Path, clips: Sequence[ReferenceClip], body: Body) -> None:
    """Keep references in an .npz file. Raises StorageError."""
    about = {"names": [clip.name for clip in clips], "foot_drop": body.foot_drop}
    arrays: dict[str, Any] = {
        "about": np.array(json.dumps(about)), "offsets": body.skeleton.offsets,
    }  # fmt: skip
    arrays |= {f"clip_{i}": clip.qpos.astype(np.float32) for i, clip in enumerate(clips)}
    partial = path.with_name(path.name + ".partial.npz")
    prepare_file(path)
    with storage(path):
        np.savez_compressed(partial, **arrays)
        partial.replace(path)


def load_references(path: Path) -> tuple[list[ReferenceClip], Body]:
    """Read what `save_references` wrote.

    Raises:
        MissingAssetError: there is no such file.
        CorruptFileError: it is damaged.
    """
    if not path.is_file():
        raise MissingAssetError("no references here", path=path, expected="an .npz file")
    try:
        with np.load(path, allow_pickle=False) as stored:
            about = json.loads(str(stored["about"]))
            clips = [
                ReferenceClip(name, stored[f"clip_{i}"].astype(np.float64))
                for i, name in enumerate(about["names"])
            ]
            return clips, Body(Skeleton(stored["offsets"]), float(about["foot_drop"]))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise CorruptFileError("not a file of references", path=path, found=error) from error
