"""Bodies and motions that the physics tests share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from body_models.skeleton import DEFAULT_SKELETON, MIRROR, Skeleton
from uhc.humanoid import Humanoid, build_humanoid, qpos_to_corners


@pytest.fixture(scope="session")
def humanoid() -> Humanoid:
    """The default body."""
    return build_humanoid(DEFAULT_SKELETON)


@pytest.fixture(scope="session")
def symmetric_humanoid() -> Humanoid:
    """A body with equal legs, so that its rest pose stands on both feet."""
    offsets = DEFAULT_SKELETON.offsets
    mirrored = offsets[list(MIRROR)] * [-1.0, 1.0, 1.0]
    return build_humanoid(Skeleton(0.5 * (offsets + mirrored)))


@pytest.fixture(scope="session")
def standing(symmetric_humanoid: Humanoid) -> NDArray[np.float64]:
    """(100, nq): five seconds of the rest pose with its soles at height 0."""
    qpos = np.zeros((100, symmetric_humanoid.nq))
    qpos[:, 3::4] = 1.0
    qpos[:, 2] -= qpos_to_corners(symmetric_humanoid, qpos[:1])[..., 2].min()
    return qpos


@pytest.fixture(scope="session")
def walk(shared: Path) -> NDArray[np.float32]:
    """(60, 22, 3) joints: three seconds of the real HumanML3D clip."""
    return np.load(shared / "data" / "humanml3d_sample" / "new_joints" / "012314.npy")[60:120]
