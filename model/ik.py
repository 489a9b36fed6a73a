"""Joint positions to joint rotations, by the inverse kinematics of a name (`--ik`)."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal, get_args

from numpy.typing import ArrayLike

from body_models.skeleton import Skeleton, check_joints
from body_models.vposer import find_vposer
from loop.errors import InvalidOptionError
from translation.ik import IKResult, solve_ik

if TYPE_CHECKING:  # torch is loaded only where it is used
    from model.vposer import VPoser

IK = Literal["analytic", "vposer"]


def ik_named(name: str) -> IK:
    """Check that there is an inverse kinematics of that name, and that its files are there.

    Raises:
        InvalidOptionError: there is none.
        MissingAssetError: VPoser's checkpoint is not there; tells where it comes from.
    """
    if name == "analytic":
        return "analytic"
    if name == "vposer":
        find_vposer()
        return "vposer"
    raise InvalidOptionError("unknown inverse kinematics", found=name, expected=get_args(IK))


def joints_to_poses(
    joints: ArrayLike, skeleton: Skeleton | None = None, ik: IK = "analytic"
) -> IKResult:
    """Fit rotations to the joints (F, 22, 3) of one clip, metres, y up.

    `analytic` is the project's own (`translation.ik.solve_ik`). `vposer` fits poses that a learned
    prior finds likely, as published (`model.vposer.fit_poses`): a clip takes seconds. Its rotations
    are relative to SMPL's rest pose; with a skeleton that is none of the SMPL family they differ
    from SMPL's by a few degrees a bone.

    Args:
        joints: the motion.
        skeleton: the body; by default bone lengths are measured on the clip.
        ik: which of them.

    Raises:
        InvalidMotionError: joints of a wrong shape, no frame, or values that are not finite.
        InvalidOptionError: no such inverse kinematics.
        MissingAssetError, CorruptFileError: VPoser's checkpoint is not there, or damaged.
    """
    if ik_named(ik) == "analytic":
        return solve_ik([joints], skeleton, threads=1)[0]
    from model.vposer import fit_poses

    body = Skeleton.from_joints(check_joints(joints)) if skeleton is None else skeleton
    return fit_poses(joints, body, _vposer())


@lru_cache(maxsize=1)
def _vposer() -> VPoser:
    """Load the user's checkpoint once a process; it depends on the files alone."""
    from model.vposer import load_vposer

    return load_vposer()
