"""Small random bodies in the shape of the licensed models, which nobody may hand on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from body_models.skeleton import DEFAULT_SKELETON, PARENTS

HANDS = {"smpl": (20, 21), "smplh": (20,) * 15 + (21,) * 15, "smplx": (15,) * 3 + (20,) * 30}
"""Parents of the joints after the first 22, close enough to the originals."""


def body_content(kind: str = "smpl", vertices: int = 60, betas: int = 10) -> dict[str, np.ndarray]:
    """Make random arrays of a body of that kind, its joints near a person's."""
    rng = np.random.default_rng([vertices, betas, len(HANDS[kind])])
    parents = [*PARENTS, *HANDS[kind]]
    hands = rng.normal(size=(len(HANDS[kind]), 3)) * 0.05
    joints = np.concatenate([DEFAULT_SKELETON.rest_joints, hands])
    joints += [0.0, -0.2, 0.03]
    regressor = rng.random((len(parents), vertices)) * (rng.random((len(parents), vertices)) < 0.5)
    regressor[:, 0] += 0.1
    regressor /= regressor.sum(axis=1, keepdims=True)
    # the template that has exactly these joints and is otherwise random
    start = rng.normal(size=(vertices, 3)) * 0.3
    template = start + np.linalg.pinv(regressor) @ (joints - regressor @ start)
    weights = rng.random((vertices, len(parents))) ** 8
    return {
        "v_template": template,
        "shapedirs": rng.normal(size=(vertices, 3, betas)) * 0.01,
        "posedirs": rng.normal(size=(vertices, 3, 9 * (len(parents) - 1))) * 0.002,
        "J_regressor": regressor,
        "weights": weights / weights.sum(axis=1, keepdims=True),
        "kintree_table": np.array([[2**32 - 1, *parents[1:]], range(len(parents))], np.uint32),
        "f": rng.integers(0, vertices, size=(30, 3)).astype(np.uint32),
    }


def write_npz(path: Path, content: dict[str, np.ndarray]) -> Path:
    """Write it as SMPL-H and SMPL-X come: with pickled dictionaries beside the arrays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    extra: dict[str, Any] = {"joint2num": np.array({"pelvis": 0}, dtype=object)}
    np.savez(path, **content, **extra)
    return path
