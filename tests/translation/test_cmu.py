"""CMU's skeleton as 22 joints: the same person from ASF/AMC and from the BVH conversion."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from body_models.skeleton import DEFAULT_SKELETON, PARENTS
from loop.errors import InvalidMotionError
from tests.translation.acclaim import BONES, amc, asf, motionbuilder
from translation.asf_amc import bone_ends, read_asf
from translation.bvh import read_bvh
from translation.cmu import cmu_joints, is_motionbuilder, motionbuilder_joints


def random_frames(count: int) -> list[dict[str, tuple[float, ...]]]:
    rng = np.random.default_rng(3)
    frames = []
    for _ in range(count):
        frame = {"root": (*rng.uniform(-9, 9, 3), *rng.uniform(-170, 170, 3))}
        for name, (_, _, _, dof) in BONES.items():
            frame[name] = tuple(rng.uniform(-60, 60, len(dof.split())))
        frames.append({k: tuple(round(float(x), 4) for x in v) for k, v in frame.items()})
    return frames


@pytest.fixture
def original(tmp_path: Path):
    frames = random_frames(5)
    (tmp_path / "a.asf").write_text(asf())
    (tmp_path / "a.amc").write_text(amc(frames))
    (tmp_path / "a.bvh").write_text(motionbuilder([{}, *frames]))
    return (
        bone_ends(tmp_path / "a.amc", read_asf(tmp_path / "a.asf")),
        read_bvh(tmp_path / "a.bvh"),
    )


def test_both_kinds_of_file_give_the_same_joints(original) -> None:
    ends, bvh = original
    assert is_motionbuilder(bvh) and len(bvh.values) == 6  # the T-pose in front
    found = motionbuilder_joints(bvh)
    assert found.shape == (5, 22, 3)
    np.testing.assert_allclose(found, cmu_joints(ends), atol=1e-6)


def test_proportions_are_those_of_our_skeleton(tmp_path: Path) -> None:
    (tmp_path / "a.asf").write_text(asf())
    (tmp_path / "a.amc").write_text(amc([{}]))
    joints = cmu_joints(bone_ends(tmp_path / "a.amc", read_asf(tmp_path / "a.asf")))[0]
    lengths = np.linalg.norm(joints[1:] - joints[list(PARENTS[1:])], axis=-1)
    ratio = lengths / DEFAULT_SKELETON.lengths[1:]
    assert ratio.min() > 0.5 and ratio.max() < 1.4
    assert (joints[[1, 4, 7, 10, 13, 16, 18, 20], 0] > 0).all(), "left is +x"
    assert joints[15, 1] > joints[12, 1] > joints[9, 1] > joints[0, 1] > joints[4, 1]


def test_what_is_not_cmus_skeleton(original) -> None:
    ends, bvh = original
    with pytest.raises(InvalidMotionError, match="no lwrist"):
        cmu_joints({name: end for name, end in ends.items() if name != "lwrist"})
    with pytest.raises(InvalidMotionError, match="unit"):
        cmu_joints({name: end * 5 for name, end in ends.items()})
    with pytest.raises(InvalidMotionError, match="no frame"):
        motionbuilder_joints(replace(bvh, values=bvh.values[:1]))
