"""Stored states of the published environment, and how far ours is from them.

A folder holds `model.mjb` (a compiled robot) and `vectors.npz`: a reference, states on it, actions,
and what the published environment computes from them. `python -m uhc.faithful_check FOLDER`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from body_models.arrays import Array
from loop.errors import CorruptFileError, MissingAssetError
from uhc.control.simulation import quieten_mujoco
from uhc.controllers.faithful.environment import ACTION, OBSERVATION, Expert, FaithfulEnv
from uhc.controllers.faithful.humanoid import BODIES, SmplHumanoid
from uhc.humanoid.untyped import mujoco

MODEL, VECTORS = "model.mjb", "vectors.npz"
_SHAPES: dict[str, tuple[str | int, ...]] = {
    "reference_qpos": ("F", 76),
    "reference_qvel": ("F", 75),
    "reference_positions": ("F", 24, 3),
    "reference_quats": ("F", 24, 4),
    "kp": (75,),
    "kd": (75,),
    "torque_limits": (69,),
    "smpl_joints": (24,),
    "frame": ("N",),
    "qpos": ("N", 76),
    "qvel": ("N", 75),
    "action": ("N", ACTION),
    "expected_observation": ("N", OBSERVATION),
    "expected_next_qpos": ("N", 76),
    "expected_next_qvel": ("N", 75),
}
"""Arrays of `vectors.npz`; F frames of the reference, N states, equal letters equal lengths."""


@dataclass(frozen=True)
class Vectors:
    """What a folder holds: the robot, the reference, and the arrays of `_SHAPES` by name."""

    humanoid: SmplHumanoid
    expert: Expert
    arrays: dict[str, Array]


def read_vectors(folder: Path) -> Vectors:
    """Read and check a folder of states.

    Raises:
        MissingAssetError: a file is not there.
        CorruptFileError: a file cannot be read, or does not hold what it should.
    """
    for name in (MODEL, VECTORS):
        if not (folder / name).is_file():
            raise MissingAssetError(
                "a file of the stored states is missing",
                path=folder / name,
                expected=f"{MODEL} and {VECTORS}",
                remedy="name a folder that holds both",
            )
    arrays = _arrays(folder / VECTORS)
    model = _model(folder / MODEL)
    joints = arrays["smpl_joints"].astype(np.int64)
    names = [model.body(i).name for i in range(1, model.nbody)]
    if sorted(joints) != list(range(24)) or names != [BODIES[joint] for joint in joints]:
        raise CorruptFileError(
            "bodies of the model and smpl_joints do not fit together",
            path=folder,
            found=names,
            expected="SMPL's 24 bodies in the order of smpl_joints",
        )
    humanoid = SmplHumanoid(
        model, joints, arrays["kp"], arrays["kd"], arrays["torque_limits"], np.zeros(3)
    )
    expert = Expert(
        qpos=arrays["reference_qpos"],
        qvel=arrays["reference_qvel"],
        positions=arrays["reference_positions"],
        quats=arrays["reference_quats"],
        pelvis_com=np.full((len(arrays["reference_qpos"]), 3), np.nan),  # of the reward only
    )
    return Vectors(humanoid, expert, arrays)


def differences(vectors: Vectors) -> dict[str, float]:
    """Return the largest absolute difference of each result over all states; inf if it diverges."""
    names = ("observation", "next_qpos", "next_qvel")
    found: dict[str, float] = dict.fromkeys(names, 0.0)
    env = FaithfulEnv(vectors.humanoid, vectors.expert)
    states = vectors.arrays
    for row, frame in enumerate(states["frame"]):
        env.reset(options={"frame": frame})
        env.place(states["qpos"][row], states["qvel"][row])
        results = [env.observe()]
        _, _, _, _, info = env.step(states["action"][row])
        results += [env.data.qpos, env.data.qvel]
        for name, result in zip(names, results, strict=True):
            apart = float(np.abs(result - states[f"expected_{name}"][row]).max())
            broken = name != "observation" and not np.isfinite(info["distance"])
            found[name] = max(found[name], np.inf if broken else apart)
    return found


def _arrays(path: Path) -> dict[str, Array]:
    try:
        with np.load(path, allow_pickle=False) as content:
            arrays = {name: np.array(content[name], np.float64) for name in _SHAPES}
    except Exception as error:  # a damaged archive raises anything
        raise CorruptFileError(
            "stored states cannot be read",
            path=path,
            found=f"{type(error).__name__}: {error}",
            expected="arrays " + ", ".join(_SHAPES),
        ) from error
    lengths: dict[str | int, int] = {}
    for name, shape in _SHAPES.items():
        array = arrays[name]
        fits = array.ndim == len(shape) and all(
            lengths.setdefault(axis, length if isinstance(axis, str) else axis) == length
            for axis, length in zip(shape, array.shape, strict=True)
        )
        if not (fits and array.size and np.isfinite(array).all()):
            raise CorruptFileError(
                f"{name} does not fit the stored states",
                path=path,
                found=f"{array.shape}, all finite: {bool(np.isfinite(array).all())}",
                expected=f"{shape}, finite, with the same F and N everywhere",
            )
    frames = arrays["frame"]
    if (frames != np.rint(frames)).any() or frames.min() < 0 or frames.max() >= lengths["F"]:
        raise CorruptFileError(
            "frame leaves the reference", path=path, found=frames, expected=f"0 to {lengths['F']}"
        )
    return arrays


def _model(path: Path) -> Any:
    quieten_mujoco()
    try:
        model = mujoco.MjModel.from_binary_path(str(path))
    except Exception as error:  # whatever the compiled part raises
        raise CorruptFileError(
            "the robot cannot be read",
            path=path,
            found=error,
            expected=f"a model compiled by MuJoCo {mujoco.__version__}",
        ) from error
    if (model.nq, model.nv, model.nbody) != (76, 75, 25):
        raise CorruptFileError(
            "not the published robot",
            path=path,
            found=f"nq {model.nq}, nv {model.nv}, {model.nbody} bodies",
            expected="nq 76, nv 75, 25 bodies",
        )
    return model
