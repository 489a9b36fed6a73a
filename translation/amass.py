"""AMASS motions (`.npz`): to the project's joints, and from inverse kinematics back.

AMASS is z up; the project, as HumanML3D, is y up: (x, y, z) of AMASS is (-x, z, y) here. Written
files open in the SMPL and SMPL-X add-ons of Blender.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from body_models.damage import DAMAGE
from body_models.skeleton import JOINT_COUNT, check_frames
from body_models.smpl import BodyModel, pose_joints
from loop.errors import CorruptFileError, InvalidMotionError, InvalidOptionError, MissingAssetError
from loop.rundir.files import write_bytes
from translation.humanml import FPS
from translation.ik import IKResult
from translation.resample import resample_joints

Array = NDArray[np.float64]

Z_UP_TO_Y_UP = np.array([[-1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
"""Its own inverse; a rotation (determinant 1), so that left stays left."""
SMPLH_JOINTS, BETAS, DMPLS = 52, 16, 8
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


def read_amass(path: Path | str) -> AmassMotion:
    """An AMASS `.npz`, of the SMPL-H release or the SMPL-X one, in `poses` or in its parts.

    Files of tools that write the same names in other ways are read, too: poses (F, J, 3), a gender
    or rate that is an array of one, a missing gender or shape.

    Raises:
        MissingAssetError: no such file.
        CorruptFileError: it is no motion of AMASS (`shape.npz` beside the motions holds none).
        InvalidMotionError: no frame, values that are not finite, or arrays of unequal length.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingAssetError(
            "AMASS motion is missing", path=path, remedy="fetch it from amass.is.tue.mpg.de"
        )
    try:
        with np.load(path, allow_pickle=False) as archive:
            wanted = {"poses", "trans", "betas", "gender", *_RATES, *_PARTS} & set(archive.files)
            content = {key: archive[key] for key in wanted}
        motion = _parse(content)
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
    check_frames(motion.poses, len(motion.poses), 1, frame_axis=0)
    check_frames(motion.trans, len(motion.trans), 1, frame_axis=0)
    return motion


def _parse(content: Mapping[str, NDArray[Any]]) -> AmassMotion:
    rate = next((content[key] for key in _RATES if key in content), None)
    if rate is None:
        raise KeyError("mocap_framerate")
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
    trans = content["trans"].astype(np.float64)
    if trans.ndim != 2 or trans.shape[1] != 3:
        raise ValueError(f"trans of shape {trans.shape}")
    gender = content["gender"].item() if "gender" in content else "neutral"
    gender = gender.decode("ascii") if isinstance(gender, bytes) else str(gender)
    gender = gender.removeprefix("b'").removesuffix("'").strip().lower()  # str(bytes) of a script
    if gender not in ("male", "female", "neutral"):
        raise ValueError(f"gender {gender!r}")
    fps = float(rate.item())
    if not 0 < fps < np.inf:
        raise ValueError(f"{fps} frames a second")
    return AmassMotion(
        poses=poses.reshape(len(poses), poses.shape[1] // 3, 3).astype(np.float64),
        trans=trans,
        betas=np.ravel(content["betas"]).astype(np.float64) if "betas" in content else np.zeros(0),
        gender=gender,
        fps=fps,
    )


def amass_joints(motion: AmassMotion, body: BodyModel, fps: float = FPS) -> NDArray[np.float32]:
    """Joints (F', 22, 3) in metres at ``fps``, y up, of an AMASS motion.

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
