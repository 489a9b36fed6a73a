"""Bodies and motions that the physics tests share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.bodies import write_npz
from body_models.skeleton import DEFAULT_SKELETON
from body_models.smpl import BodyModel, load_body_model
from tests.body_models.bodies import clouds_content
from tests.uhc.bodies import all_fours, held, symmetric_body
from uhc.humanoid.model import Humanoid, build_humanoid, qpos_to_corners


@pytest.fixture(scope="session")
def humanoid() -> Humanoid:
    """The default body."""
    return build_humanoid(DEFAULT_SKELETON)


@pytest.fixture(scope="session")
def symmetric_humanoid() -> Humanoid:
    """A body with equal legs, so that its rest pose stands on both feet."""
    return symmetric_body("feet")


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


@pytest.fixture(scope="session")
def smpl_body(tmp_path_factory: pytest.TempPathFactory) -> BodyModel:
    """A body in SMPL's format whose 24 parts are small clouds of vertices about the joints."""
    folder = tmp_path_factory.mktemp("smpl")
    return load_body_model(write_npz(folder / "SMPL_NEUTRAL.npz", clouds_content()))


@pytest.fixture(scope="session")
def body_humanoid() -> Humanoid:
    """The body with equal legs, all of which may bear load."""
    return symmetric_body("body")


@pytest.fixture(scope="session")
def lying(body_humanoid: Humanoid) -> NDArray[np.float64]:
    """(40, nq): two seconds flat on the back, arms spread, lowest points at height 0."""
    return held(body_humanoid, {0: [-90.0, 0.0, 0.0]})


@pytest.fixture(scope="session")
def on_all_fours(body_humanoid: Humanoid) -> NDArray[np.float64]:
    """(40, nq): two seconds on hands and knees, thighs and arms upright, insteps off the floor."""
    return held(body_humanoid, all_fours())
