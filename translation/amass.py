"""AMASS motions (`.npz`): to the project's joints, and from inverse kinematics back.

AMASS is z up; the project, as HumanML3D, is y up: (x, y, z) of AMASS is (-x, z, y) here. Written
files open in the SMPL and SMPL-X add-ons of Blender.
"""

from __future__ import annotations

import io
import logging
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from body_models.damage import DAMAGE
from body_models.npy import read_npy
from body_models.skeleton import JOINT_COUNT, check_frames
from body_models.smpl import BodyModel, pose_joints
from loop.errors import CorruptFileError, InvalidMotionError, InvalidOptionError, MissingAssetError
from loop.rundir.files import write_bytes
from translation.cmu import FASTEST_M_S
from translation.humanml import FPS
from translation.ik import IKResult
from translation.resample import resample_joints

Array = NDArray[np.float64]
logger = logging.getLogger(__name__)

Z_UP_TO_Y_UP = np.array([[-1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
"""Its own inverse; a rotation (determinant 1), so that left stays left."""
SMPLH_JOINTS, BETAS, DMPLS = 52, 16, 8
POSED = (22, 24, 52, 55)
"""Joints of SMPL's family that poses turn, the root first. A body_pose without its root (69), or
rotations of six numbers (132, 312), would otherwise pass for more or other joints."""
SHAPES = (20, 100, 300)
"""Numbers of betas above 16 that body models have."""
MOST_RADIANS = 4 * np.pi
"""No axis-angle is longer, even of a solver that never wraps; degrees are."""
_RATES = ("mocap_framerate", "mocap_frame_rate")
_PARTS = ("root_orient", "pose_body", "pose_jaw", "pose_eye", "pose_hand")


@dataclass(frozen=True, eq=False)
class AmassMotion:
    """One AMASS file.

    Attributes:
        poses: (F, J, 3) axis-angle of each joint relative to its parent; the root's in the world,
            z up. J is 52 for SMPL-H, 55 for SMPL-X.
        trans: (F, 3) metres, z up.
        betas: (B,) shape.
        gender: male, female or neutral.
        fps: frames a second.
    """

    poses: Array
    trans: Array
    betas: Array
    gender: str
    fps: float


def read_amass(path: Path | str, fps: float | None = None) -> AmassMotion:
    """Read an AMASS `.npz`, of the SMPL-H release or the SMPL-X one, in `poses` or in its parts.

    Files of tools that write the same names in other ways are read, too: poses (F, J, 3); gender,
    rate or shape once a frame, if all frames agree; a missing gender or shape.

    Args:
        path: the file.
        fps: its rate, whatever the file says.

    Raises:
        MissingAssetError: no such file.
        CorruptFileError: it is no motion of AMASS (`shape.npz` beside the motions holds none).
        InvalidMotionError: no frame, values that are not finite, arrays of unequal length, a shape
            that changes, or angles in degrees.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingAssetError(
            "AMASS motion is missing", path=path, remedy="fetch it from amass.is.tue.mpg.de"
        )
    try:
        with zipfile.ZipFile(path) as archive:
            wanted = {"poses", "trans", "betas", "gender", *_RATES, *_PARTS}
            members = {name.removesuffix(".npy"): name for name in archive.namelist()}
            content = {
                key: read_npy(io.BytesIO(archive.read(members[key])))
                for key in sorted(wanted & members.keys())
            }
        motion = _parse(content, fps, path)
    except DAMAGE as error:
        raise CorruptFileError(
            "AMASS motion cannot be read",
            path=path,
            found=f"{type(error).__name__}: {error}",
            expected="poses (F, 156 or 165), trans (F, 3), betas, gender, mocap_framerate",
        ) from error
    if len(motion.poses) != len(motion.trans):
        raise InvalidMotionError(
            "poses and trans differ in length",
            path=path,
            found=(len(motion.poses), len(motion.trans)),
        )
    for values in (motion.poses, motion.trans):
        check_frames(values, len(values), 1, frame_axis=0, path=path)
    if (widest := float(np.abs(motion.poses).max())) > MOST_RADIANS:
        raise InvalidMotionError(
            "AMASS motion holds angles that are no radians",
            path=path,
            found=f"an axis-angle of {widest:.1f}",
            expected=f"at most {MOST_RADIANS:.1f} radians",
            remedy="save poses = numpy.radians(poses)",
        )
    speed = np.linalg.norm(np.diff(motion.trans, axis=0), axis=-1) * motion.fps
    if speed.max(initial=0.0) > FASTEST_M_S:
        logger.warning("%s: the body moves at %.0f m/s at %g fps", path, speed.max(), motion.fps)
    return motion


def _constant(name: str, values: NDArray[Any], size: int, frames: int, path: Path) -> Any:
    """Return the value of size (size,) that an array has in all of its frames."""
    rows = np.asarray(values).reshape(-1, size) if size else np.asarray(values).ravel()[:, None]
    if len(rows) not in (1, frames):
        raise ValueError(f"{name} of shape {values.shape} beside {frames} frames")
    same = (
        np.allclose(rows, rows[0], atol=1e-4) if rows.dtype.kind == "f" else (rows == rows[0]).all()
    )
    if not same:
        raise InvalidMotionError(
            f"{name} changes from frame to frame: not one body",
            path=path,
            found=f"{name} of shape {values.shape}",
            expected="the same in all frames",
            remedy=f"save the {name} of one person"
            + f", as in numpy.median({name}, axis=0)" * (rows.dtype.kind == "f"),
        )
    return rows[0]


def _rate(content: Mapping[str, NDArray[Any]], frames: int, path: Path) -> float:
    found = {
        float(_constant(key, content[key], 0, frames, path)[0]) for key in _RATES if key in content
    }
    if not found or max(found) - min(found) > 0.01:
        raise ValueError(f"{' and '.join(_RATES)} say {sorted(found)}")
    return max(found)


def _parse(content: Mapping[str, NDArray[Any]], fps: float | None, path: Path) -> AmassMotion:
    if "poses" in content:
        poses = content["poses"]
    else:
        poses = np.concatenate([content[key] for key in _PARTS if key in content], axis=1)
    if poses.ndim == 3 and poses.shape[2] == 3:
        poses = poses.reshape(len(poses), -1)
    if poses.dtype.kind not in "fiu" or content["trans"].dtype.kind not in "fiu":
        raise ValueError(f"poses of type {poses.dtype}, trans of type {content['trans'].dtype}")
    if poses.ndim != 2 or poses.shape[1] % 3 or poses.shape[1] < 3 * JOINT_COUNT:
        raise ValueError(f"poses of shape {poses.shape}")
    if "poses" in content and poses.shape[1] // 3 not in POSED:
        raise ValueError(f"poses of shape {poses.shape}, not (F, 3 * {'|'.join(map(str, POSED))})")
    trans = content["trans"].astype(np.float64)
    if trans.ndim != 2 or trans.shape[1] != 3:
        raise ValueError(f"trans of shape {trans.shape}")
    frames = len(poses)
    gender: Any = "neutral"
    if "gender" in content:
        gender = _constant("gender", content["gender"], 0, frames, path)[0]
    gender = gender.decode("ascii") if isinstance(gender, bytes) else str(gender)
    gender = gender.removeprefix("b'").removesuffix("'").strip().lower()  # str(bytes) of a script
    if gender not in ("male", "female", "neutral"):
        raise ValueError(f"gender {gender!r}")
    betas = content.get("betas", np.zeros(0))
    if betas.ndim > 1:
        betas = _constant("betas", betas, betas.shape[-1], frames, path)
    betas = np.ravel(betas).astype(np.float64)
    if len(betas) > BETAS and len(betas) not in SHAPES:  # such as (F, 10) that was flattened
        raise ValueError(f"{len(betas)} betas beside {frames} frames")
    rate = _rate(content, frames, path) if fps is None else fps
    if not 0 < rate < np.inf or not np.isfinite(betas).all():
        raise ValueError(f"{rate} frames a second, betas {betas}")
    return AmassMotion(
        poses=poses.reshape(len(poses), poses.shape[1] // 3, 3).astype(np.float64),
        trans=trans,
        betas=betas,
        gender=gender,
        fps=rate,
    )


def amass_joints(motion: AmassMotion, body: BodyModel, fps: float = FPS) -> NDArray[np.float32]:
    """Compute joints (F', 22, 3) in metres at ``fps``, y up, of an AMASS motion.

    The first frame of HumanML3D's own conversion is the first here; where the rate of the file is a
    multiple of ``fps``, all frames agree. Betas beyond those of ``body`` are left out.

    Args:
        motion: the motion.
        body: the model of the motion's kind and gender, as `find_body_model` finds it.
        fps: rate of the result.

    Raises:
        InvalidMotionError: the body has fewer joints than the motion.
        InvalidOptionError: a rate that is not positive.
    """
    betas = motion.betas[: body.shapedirs.shape[-1]]
    joints = pose_joints(body, motion.poses, betas, motion.trans)[:, :JOINT_COUNT]
    return resample_joints(joints @ Z_UP_TO_Y_UP.T, motion.fps, fps)


def write_amass(
    path: Path | str,
    result: IKResult,
    fps: float,
    body: BodyModel | None = None,
    betas: ArrayLike | None = None,
    gender: str = "neutral",
) -> None:
    """Write rotations as an AMASS `.npz` of the SMPL-H kind (52 joints, hands at rest).

    With ``body``, and with a result of ``solve_ik(clips, skeleton=body.skeleton(betas))``, the file
    reproduces the joints exactly. Without, rotations relative to our T-pose stand for rotations
    relative to SMPL's, which differ by a few degrees a bone, and the body stands lower by the
    height of its own origin over its pelvis (about 0.2 m).

    Args:
        path: file to write, whole or not at all.
        result: rotations of one clip.
        fps: its rate.
        body: the body that the rotations belong to.
        betas: its shape, the mean body by default.
        gender: of the body.

    Raises:
        InvalidOptionError: a rate that is not positive, an unknown gender, too many betas.
        StorageError: the file cannot be written.
    """
    if not 0 < fps < np.inf or gender not in ("male", "female", "neutral"):
        raise InvalidOptionError("AMASS file of no rate or gender", found=(fps, gender))
    shape = np.zeros(BETAS)
    given = np.zeros(0) if betas is None else np.asarray(betas, dtype=np.float64)
    if given.ndim != 1 or len(given) > BETAS:
        raise InvalidOptionError("too many betas", found=given.shape, expected=f"up to {BETAS}")
    shape[: len(given)] = given
    frames = len(result.root_position)
    turns = Rotation.from_quat(result.local_quat_wxyz.reshape(-1, 4), scalar_first=True)
    poses = np.zeros((frames, SMPLH_JOINTS, 3))
    poses[:, :JOINT_COUNT] = turns.as_rotvec().reshape(frames, JOINT_COUNT, 3)
    root = Rotation.from_quat(result.local_quat_wxyz[:, 0], scalar_first=True)
    poses[:, 0] = (Rotation.from_matrix(Z_UP_TO_Y_UP) * root).as_rotvec()
    pelvis = np.zeros(3) if body is None else body.shaped(given)[1][0]
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {
        "poses": poses.reshape(frames, -1),
        "trans": result.root_position @ Z_UP_TO_Y_UP.T - pelvis,
        "betas": shape,
        "dmpls": np.zeros((frames, DMPLS)),
        "gender": np.array(gender),
        **{key: np.array(float(fps)) for key in _RATES},  # the add-ons do not agree on the name
    }
    np.savez(buffer, **arrays)
    write_bytes(Path(path), buffer.getvalue())
