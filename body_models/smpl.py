"""The SMPL family of body models: SMPL, SMPL-H and SMPL-X files, read and posed with numpy.

A body is a mesh that linear blend skinning bends (Loper et al. 2015, "SMPL: A Skinned Multi-Person
Linear Model"). Frame of a body: y up, facing +z, metres. The files are licensed; each user fetches
their own (`bash get_smpl_data.sh`) into body_models/{smpl,smplh,smplx}.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from body_models.arrays import Array
from body_models.damage import DAMAGE
from body_models.restricted_pickle import dense, read_pickle
from body_models.skeleton import JOINT_COUNT, PARENTS, Skeleton, check_frames
from loop.errors import CorruptFileError, InvalidMotionError, MissingAssetError, fetch_again

logger = logging.getLogger(__name__)
Kind = Literal["smpl", "smplh", "smplx"]
Gender = Literal["neutral", "male", "female"]

FOLDER = Path("body_models")
FETCH = "bash get_smpl_data.sh"
SITES = {
    "smpl": "smpl.is.tue.mpg.de",
    "smplh": "mano.is.tue.mpg.de",
    "smplx": "smpl-x.is.tue.mpg.de",
}
JOINT_COUNTS = {24: "smpl", 52: "smplh", 55: "smplx"}
LARGEST_M, SUM_TOLERANCE = 100.0, 0.02
"""Damage in a file makes larger numbers; weights of a vertex and of a joint add up to 1."""
FRAMES_AT_A_TIME = 64
"""Bounds the memory of skinning: a SMPL-X mesh takes 1 MB a frame."""


@dataclass(frozen=True, eq=False)
class BodyModel:
    """A body of V vertices and J joints; all arrays float64, metres.

    Attributes:
        v_template: (V, 3) the mean body at rest.
        shapedirs: (V, 3, B) what each shape parameter (beta) adds.
        posedirs: (V, 3, 9 (J - 1)) what each entry of the joints' rotation matrices adds.
        J_regressor: (J, V) joints from vertices.
        weights: (V, J) how much each joint moves each vertex.
        parents: (J,) parent of each joint, -1 for the root; the first 22 are the project's joints.
        faces: (N, 3) int64 triangles.
    """

    v_template: Array
    shapedirs: Array
    posedirs: Array
    J_regressor: Array
    weights: Array
    parents: tuple[int, ...]
    faces: NDArray[np.int64]

    @property
    def kind(self) -> str:
        """`smpl`, `smplh` or `smplx`, told by the number of joints; `other` if none of them."""
        return JOINT_COUNTS.get(len(self.parents), "other")

    def shaped(self, betas: ArrayLike | None = None) -> tuple[Array, Array]:
        """Compute vertices (V, 3), joints (J, 3) at rest of the shape ``betas`` (up to B of them).

        Raises:
            InvalidMotionError: more betas than the model has, or values that are not finite.
        """
        beta = np.zeros(0) if betas is None else np.asarray(betas, dtype=np.float64)
        available = self.shapedirs.shape[-1]
        if beta.ndim != 1 or len(beta) > available or not np.isfinite(beta).all():
            raise InvalidMotionError(
                "betas do not fit the body model",
                found=beta.shape,
                expected=f"up to {available} finite numbers",
            )
        vertices = self.v_template + self.shapedirs[..., : len(beta)] @ beta
        return vertices, self.J_regressor @ vertices

    def skeleton(self, betas: ArrayLike | None = None) -> Skeleton:
        """Return the first 22 joints as a `Skeleton`, in whose rotations `solve_ik` then answers.

        Raises:
            InvalidMotionError: betas that do not fit, or a body whose joints are not SMPL's.
        """
        if self.parents[:JOINT_COUNT] != PARENTS:
            raise InvalidMotionError(
                "the body model's first 22 joints are not SMPL's",
                found=self.parents[:JOINT_COUNT],
                expected=PARENTS,
            )
        joints = self.shaped(betas)[1][:JOINT_COUNT]
        offsets = joints - joints[list(PARENTS)]
        offsets[0] = 0.0
        return Skeleton(offsets=offsets)


def find_body_model(kind: Kind, gender: Gender = "neutral", folder: Path | str = FOLDER) -> Path:
    """Find the file of a body, by the names under which the sites publish it.

    Raises:
        MissingAssetError: it is not there; tells where it comes from.
    """
    home = Path(folder) / kind
    flat = [home / f"{kind.upper()}_{gender.upper()}{suffix}" for suffix in (".npz", ".pkl")]
    by_gender = home / gender / "model.npz"
    candidates = [by_gender, *flat] if kind == "smplh" else [*flat, by_gender]
    there = sorted(home.glob("*")) if home.is_dir() else []
    for path in candidates:
        if path.is_file():
            return path
        # unpacked by hand: SMPLH_female.pkl, basicModel_f_lbs_10_207_0_v1.0.0.pkl
        for other in there:
            name = other.name.lower()
            if name == path.name.lower() or (
                kind == "smpl"
                and name.endswith(path.suffix)
                and name.startswith((f"basicmodel_{gender}_lbs", f"basicmodel_{gender[0]}_lbs"))
            ):
                return other
    raise MissingAssetError(
        f"{kind.upper()} body model is missing",
        path=candidates[0],
        expected="one of " + ", ".join(str(path.relative_to(folder)) for path in candidates),
        remedy=_how_to_get(kind),
    )


def _how_to_get(kind: Kind) -> str:
    if kind == "smplx":
        return f"unpack models_smplx_v1_1.zip of {SITES[kind]} there; {FETCH} --check lists it"
    return f"{FETCH}, with your (free) account of {SITES[kind]}; it fills {FOLDER}/"


def load_body_model(path: Path | str, betas: int = 16) -> BodyModel:
    """Load a body (`.npz` or `.pkl`, chumpy or not) with at most ``betas`` shape parameters.

    SMPL-X files hold 300 shape parameters before 100 of the face; SMPL's 10 or 300; SMPL-H's 16.

    Raises:
        MissingAssetError: no such file.
        CorruptFileError: it is no body model, or its arrays do not fit together.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingAssetError("body model is missing", path=path, remedy=_how_to_get("smpl"))
    try:
        content = _read_npz(path) if path.suffix == ".npz" else read_pickle(path)
        body = _build(content, betas)
        _check(body)
        return body
    except DAMAGE as error:
        raise CorruptFileError(
            "body model cannot be read",
            path=path,
            found=f"{type(error).__name__}: {error}",
            expected="a SMPL, SMPL-H or SMPL-X model",
            remedy=f"{fetch_again(path, FETCH)}; it fills {FOLDER}/",
        ) from error


_KEYS = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table", "f")


def _read_npz(path: Path) -> dict[str, Any]:
    # only these: SMPL-X files also hold pickled dictionaries, which nobody here needs
    with np.load(path, allow_pickle=False) as archive:
        return {key: archive[key] for key in _KEYS}


def _build(content: Mapping[str, Any], betas: int) -> BodyModel:
    arrays = {key: dense(content[key]) for key in _KEYS}
    tree = arrays["kintree_table"].astype(np.int64)
    if tree.ndim != 2 or tree.shape[0] != 2 or len(np.unique(tree[1])) != tree.shape[1]:
        raise ValueError(f"kintree_table of shape {tree.shape}")
    column = {int(joint): number for number, joint in enumerate(tree[1])}
    # the root's parent is 2^32 - 1 (or -1), which is no joint
    parents = tuple(column.get(int(parent), -1) for parent in tree[0])
    return BodyModel(
        v_template=arrays["v_template"],
        shapedirs=arrays["shapedirs"][..., :betas],
        posedirs=arrays["posedirs"],
        J_regressor=arrays["J_regressor"],
        weights=arrays["weights"],
        parents=parents,
        faces=arrays["f"].astype(np.int64),
    )


def _check(body: BodyModel) -> None:
    joints, vertices = len(body.parents), len(body.v_template)
    expected = {
        "v_template": (vertices, 3),
        "shapedirs": (vertices, 3, body.shapedirs.shape[-1]),
        "posedirs": (vertices, 3, 9 * (joints - 1)),
        "J_regressor": (joints, vertices),
        "weights": (vertices, joints),
        "faces": (len(body.faces), 3),
    }
    for name, shape in expected.items():
        array: NDArray[Any] = getattr(body, name)
        if array.shape != shape:
            raise ValueError(f"{name} of shape {array.shape} where {shape} belongs")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} has values that are not finite")
        array.setflags(write=False)
    largest = max(float(np.abs(body.v_template).max()), float(np.abs(body.posedirs).max()))
    if max(largest, float(np.abs(body.shapedirs).max(initial=0.0))) > LARGEST_M:
        raise ValueError(f"vertices further than {LARGEST_M} m away: not metres, or damaged")
    for name in ("weights", "J_regressor"):
        sums: Array = getattr(body, name).sum(axis=1)
        if np.abs(sums - 1).max() > SUM_TOLERANCE:
            logger.warning("body model: rows of %s add up to %s, not 1", name, sums[:3])
    if body.parents[0] != -1 or any(not 0 <= p < j for j, p in enumerate(body.parents) if j):
        raise ValueError(f"parents do not come before their children: {body.parents}")
    if len(body.faces) and not 0 <= body.faces.min() <= body.faces.max() < vertices:
        raise ValueError("faces name vertices that do not exist")


def pose_joints(
    body: BodyModel,
    poses: ArrayLike,
    betas: ArrayLike | None = None,
    trans: ArrayLike | None = None,
) -> Array:
    """Compute joints (F, J, 3) of a posed body, without its mesh; arguments as in `skin`.

    Raises:
        InvalidMotionError: arrays that do not fit the body or each other.
    """
    rotations, shift = _check_motion(body, poses, trans)
    rest = body.shaped(betas)[1]
    return _forward(body, rotations, rest)[1] + shift[:, None]


def skin(
    body: BodyModel,
    poses: ArrayLike,
    betas: ArrayLike | None = None,
    trans: ArrayLike | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Compute vertices (F, V, 3) and joints (F, J, 3) in metres, in the frame of ``trans``.

    Args:
        body: the model.
        poses: (F, K, 3) axis-angle of the first K <= J joints relative to their parents, radians;
            the root's is its orientation in the world; further joints stay at rest.
        betas: shape parameters, the mean body by default.
        trans: (F, 3) metres; it is added to the body posed about its own pelvis.

    Raises:
        InvalidMotionError: arrays that do not fit the body or each other.
    """
    rotations, shift = _check_motion(body, poses, trans)
    vertices, rest = body.shaped(betas)
    skinned = np.empty((len(rotations), len(vertices), 3), dtype=np.float32)
    joints = np.empty((len(rotations), len(rest), 3), dtype=np.float32)
    posedirs = body.posedirs.reshape(-1, body.posedirs.shape[-1]).T
    for start in range(0, len(rotations), FRAMES_AT_A_TIME):
        part = slice(start, start + FRAMES_AT_A_TIME)
        local = rotations[part]
        world, placed = _forward(body, local, rest)
        feature = (local[:, 1:] - np.eye(3)).reshape(len(local), -1)
        posed = vertices + (feature @ posedirs).reshape(len(local), -1, 3)
        # moving each joint's rest position to where it is placed: x -> R x + (placed - R rest)
        offset = placed - np.einsum("fjab,jb->fja", world, rest)
        turn = (body.weights @ world.reshape(*world.shape[:2], 9)).reshape(*posed.shape, 3)
        moved = np.einsum("fvab,fvb->fva", turn, posed) + body.weights @ offset
        skinned[part] = moved + shift[part, None]
        joints[part] = placed + shift[part, None]
    return skinned, joints


def _check_motion(
    body: BodyModel, poses: ArrayLike, trans: ArrayLike | None
) -> tuple[Array, Array]:
    """Check a motion: rotation matrices (F, J, 3, 3) of all joints, and shifts (F, 3)."""
    angles = np.asarray(poses, dtype=np.float64)
    shift = np.zeros((len(angles), 3)) if trans is None else np.asarray(trans, dtype=np.float64)
    joints = len(body.parents)
    fits = angles.ndim == 3 and 1 <= angles.shape[1] <= joints and angles.shape[2] == 3
    if not fits or shift.shape != (len(angles), 3):
        raise InvalidMotionError(
            "poses do not fit the body model",
            found=(angles.shape, shift.shape),
            expected=f"(frames, up to {joints}, 3) axis-angle and (frames, 3) metres",
        )
    check_frames(angles, len(angles), 1, frame_axis=0)
    check_frames(shift, len(angles), 1, frame_axis=0)
    rotations = np.broadcast_to(np.eye(3), (len(angles), joints, 3, 3)).copy()
    matrices = Rotation.from_rotvec(angles.reshape(-1, 3)).as_matrix()
    rotations[:, : angles.shape[1]] = matrices.reshape(*angles.shape, 3)
    return rotations, shift


def _forward(body: BodyModel, local: Array, rest: Array) -> tuple[Array, Array]:
    """Compute world rotations (F, J, 3, 3) and joints (F, J, 3) of local ones; pelvis stays put."""
    world, placed = local.copy(), np.empty(local.shape[:-1])
    placed[:, 0] = rest[0]
    for joint, parent in enumerate(body.parents[1:], start=1):
        world[:, joint] = world[:, parent] @ local[:, joint]
        bone = rest[joint] - rest[parent]
        placed[:, joint] = placed[:, parent] + world[:, parent] @ bone
    return world, placed
